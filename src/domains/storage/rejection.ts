import type { ErrorCode } from '../../platform/errors/catalogue.ts';
import { ServiceError } from '../../platform/errors/families.ts';

/** A refusal as a value: what the pure decisions of this room answer instead of throwing. */
export interface Rejection {
  readonly code: ErrorCode;
  readonly message: string;
  /** Further elements of S3's error document, e.g. `Key`, `BucketName`. */
  readonly members?: { readonly [member: string]: string };
}

/** The error that carries a refusal to the caller. */
export const refusal = ({ code, message, members }: Rejection): ServiceError => new ServiceError(code, message, { ...members });

const isRejection = (decision: object): decision is Rejection => 'code' in decision && 'message' in decision;

/** Gives a decision's value to an operation, or throws its refusal. */
export function accepted<T extends object | undefined>(decision: T | Rejection): Exclude<T, Rejection> {
  if (decision !== undefined && isRejection(decision)) throw refusal(decision);
  return decision as Exclude<T, Rejection>;
}
