import { BackendError, type ServiceError } from './families.ts';

const PASSING = new Set<string>(['ThrottlingException', 'ServiceUnavailable', 'InternalFailure', 'RequestTimeout']);

/** Faults that say nothing about the request: the same call may succeed later (AWS retries these for every step). */
export const isPassing = (error: ServiceError): boolean => PASSING.has(error.code);

/** What a refusal may be judged by: a fault that may pass is thrown, for the reconcile loop to try again. */
export function throwPassing(error: ServiceError): void {
  if (isPassing(error)) throw passingFault(error);
}

/** Makes the reconcile loop back off and try again. */
export const passingFault = (error: ServiceError): BackendError =>
  new BackendError('throttled', `A call did not get through: ${error.message}`, { retryable: true, cause: error });
