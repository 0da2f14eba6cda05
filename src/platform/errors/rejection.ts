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

export const isRejection = (decision: unknown): decision is Rejection =>
  typeof decision === 'object' && decision !== null && 'code' in decision && 'message' in decision;

/** A decision's value for an operation to go on with; throws its rejection. */
export function accepted<T>(decision: T | Rejection): Exclude<T, Rejection> {
  if (isRejection(decision)) throw rejectionError(decision);
  return decision as Exclude<T, Rejection>;
}

/** Throws the rejection, if there is one. */
export function refuse(rejection: Rejection | undefined): void {
  if (rejection) throw rejectionError(rejection);
}
