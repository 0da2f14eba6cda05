import type { RetryException, RetryPolicy, Step, WorkStep } from '../../../sdk/definition/index.ts';
import { LIMITS } from '../../../sdk/definition/index.ts';

/** Defaults of a retry policy, by the SageMaker developer guide. */
const INTERVAL_SECONDS = 1;
const BACKOFF_RATE = 2;
const MAX_ATTEMPTS = 5;

/**
 * Which kind of exception a failure is, as retry policies name them; undefined for failures that no policy covers, above all the user's own
 * (`AlgorithmError`, `ClientError`). `code` is that of the call that was refused, `reason` the FailureReason of a job.
 */
export function exceptionOf(failure: { readonly code?: string; readonly reason?: string }): RetryException | undefined {
  const { code, reason = '' } = failure;
  if (code === 'ThrottlingException' || code === 'Throttling' || code === 'TooManyRequestsException') return 'Step.THROTTLING';
  if (code === 'ServiceUnavailable' || code === 'InternalFailure' || code === 'RequestTimeout') return 'Step.SERVICE_FAULT';
  if (code === 'ResourceLimitExceeded' || reason.startsWith('ResourceLimitExceeded')) return 'SageMaker.RESOURCE_LIMIT';
  if (reason.startsWith('InternalServerError')) return 'SageMaker.JOB_INTERNAL_ERROR';
  if (/^(CapacityError|InsufficientCapacity)/.test(reason)) return 'SageMaker.CAPACITY_ERROR';
  return undefined;
}

/** A fault of the call that starts the work: nothing was made, so the next attempt keeps the name of the first. */
export const isFaultOfCall = (exception: RetryException): boolean => exception.startsWith('Step.');

export interface RetryState {
  /** Retries made so far, by the position of their policy. */
  readonly retries: Readonly<Record<string, number>>;
  readonly startedAtMs: number;
}

export interface Retry {
  readonly atMs: number;
  readonly retries: Readonly<Record<string, number>>;
}

/** Whether a policy of the step covers an exception at all. */
export const isCovered = (step: Step, exception: RetryException): boolean => policyFor(step, exception) !== undefined;

function policyFor(step: Step, exception: RetryException): { policy: RetryPolicy; at: number } | undefined {
  const policies = (step as WorkStep).RetryPolicies ?? [];
  const at = policies.findIndex(({ ExceptionType }) => ExceptionType.includes(exception));
  const policy = policies[at];
  return policy && { policy, at };
}

/**
 * When to try again; undefined when no policy covers the exception or it is used up. The first policy that names the exception counts. Its
 * limit is either a number of retries (0 means never) or a time since the step began.
 */
export function decideRetry(step: Step, exception: RetryException, state: RetryState, nowMs: number): Retry | undefined {
  const found = policyFor(step, exception);
  if (!found) return undefined;
  const { policy, at } = found;
  const made = state.retries[at] ?? 0;
  const rate = policy.BackoffRate ?? BACKOFF_RATE;
  const seconds = Math.min((policy.IntervalSeconds ?? INTERVAL_SECONDS) * rate ** made, LIMITS.retryIntervalSeconds);
  const atMs = nowMs + Math.ceil(seconds * 1000);
  const expireAfterMin = policy.ExpireAfterMin ?? undefined;
  const isOver =
    expireAfterMin === undefined
      ? made >= (policy.MaxAttempts ?? MAX_ATTEMPTS)
      : atMs > state.startedAtMs + expireAfterMin * 60_000;
  return isOver ? undefined : { atMs, retries: { ...state.retries, [at]: made + 1 } };
}
