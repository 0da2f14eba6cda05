import type { WorkEnd } from '../../platform/ports/work.ts';

/** What an invocation came to, in Lambda's words. Pure. */
export interface Outcome {
  /** JSON. */
  readonly payload: string;
  readonly functionError?: 'Unhandled';
}

const failure = (errorType: string, errorMessage: string): Outcome => ({
  payload: JSON.stringify({ errorType, errorMessage }),
  functionError: 'Unhandled',
});

/** What the log and the caller read of a handler that took too long. */
export const timeoutText = (timeoutSeconds: number): string => `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`;

export const timedOut = (requestId: string, timeoutSeconds: number, nowMs: number): Outcome =>
  failure('Sandbox.Timedout', `${new Date(nowMs).toISOString()} ${requestId} ${timeoutText(timeoutSeconds)}`);

/** The process ended before it answered. */
export function exited(requestId: string, end: WorkEnd): Outcome {
  const { errorType, text } = describeExit(end);
  return failure(errorType, `RequestId: ${requestId} Error: ${text}`);
}

export function describeExit(end: WorkEnd): { readonly errorType: string; readonly text: string } {
  if (end.reason === 'out-of-memory') {
    return { errorType: 'Runtime.OutOfMemory', text: 'Runtime exited with error: signal: killed' };
  }
  if (end.reason === 'failed-to-start') {
    return {
      errorType: 'Runtime.InvalidEntrypoint',
      text: end.message ?? 'The environment of the function could not be started.',
    };
  }
  if (end.reason === 'stopped' || end.reason === 'lost') {
    return { errorType: 'Runtime.ExitError', text: 'The environment of the function ended before the handler answered.' };
  }
  const { exitCode = 0 } = end;
  if (exitCode === 0) return { errorType: 'Runtime.ExitError', text: 'Runtime exited without providing a reason' };
  const how = exitCode > 128 ? `signal: ${SIGNALS[exitCode - 128] ?? exitCode - 128}` : `exit status ${exitCode}`;
  return { errorType: 'Runtime.ExitError', text: `Runtime exited with error: ${how}` };
}

const SIGNALS: Readonly<Record<number, string>> = {
  4: 'illegal instruction',
  6: 'aborted',
  8: 'floating point exception',
  9: 'killed',
  11: 'segmentation fault',
  15: 'terminated',
};

/** What ran when the server or the host died is not run again: nobody knows how far it came. */
export const lost = (requestId: string): Outcome =>
  failure(
    'Runtime.ExitError',
    `RequestId: ${requestId} Error: The environment ended while the server was down; how far the function came is not known, and it was not run again.`,
  );

/** Ended in a way after which a new environment may do better. */
export const cannotRun = (requestId: string, why: string): Outcome =>
  failure('Runtime.Unavailable', `RequestId: ${requestId} Error: ${why}`);

/** Lambda tries an asynchronous invocation that failed twice more. */
export const RETRY_DELAYS_MS: readonly number[] = [60_000, 120_000];

/** When to try again after `attempts` failed ones; undefined: no more. */
export const retryDelayMs = (attempts: number, delaysMs: readonly number[] = RETRY_DELAYS_MS): number | undefined =>
  delaysMs[attempts - 1];
