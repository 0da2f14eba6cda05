import { ServiceError } from '../../platform/errors/families.ts';

/** Why a request cannot be accepted, as a value: pure code does not throw. */
export interface Rejection {
  readonly code: 'ValidationException';
  readonly message: string;
}

export const invalid = (message: string): Rejection => ({ code: 'ValidationException', message });

/** For what AWS can do and we cannot yet. */
export const notYet = (what: string, instead: string): Rejection => invalid(`${what} is not implemented yet. ${instead}`);

export function accept(rejection: Rejection | undefined): void {
  if (rejection) throw new ServiceError(rejection.code, rejection.message);
}
