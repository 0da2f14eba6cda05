import { type Rejection, rejectionError } from '../../platform/errors/rejection.ts';

const isRejection = (decision: object): decision is Rejection => 'code' in decision && 'message' in decision;

/** Gives a decision's value to an operation, or throws its refusal. */
export function accepted<T extends object | undefined>(decision: T | Rejection): Exclude<T, Rejection> {
  if (decision !== undefined && isRejection(decision)) throw rejectionError(decision);
  return decision as Exclude<T, Rejection>;
}
