import type { ErrorCode } from './catalogue.ts';
import { ServiceError } from './families.ts';

/** Why a request cannot be done, as a value: what pure decisions answer instead of throwing. */
export interface Rejection {
  readonly code: ErrorCode;
  readonly message: string;
  /** Further elements of the error, e.g. S3's `Key` and `BucketName`. */
  readonly members?: { readonly [member: string]: string };
}

export const invalid = (message: string): Rejection => ({ code: 'ValidationException', message });

/** For what AWS can do and we cannot yet. */
export const missing = (message: string): Rejection => ({ code: 'NotImplementedException', message });

/** The error that carries a rejection to the caller. */
export const rejectionError = ({ code, message, members }: Rejection): ServiceError =>
  new ServiceError(code, message, { ...members });

/** Throws the rejection, if there is one. */
export function refuse(rejection: Rejection | undefined): void {
  if (rejection) throw rejectionError(rejection);
}
