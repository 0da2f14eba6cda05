import type { WorkEnd } from '../../platform/ports/work.ts';

const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 30_000;
/** A model server that answered for so long starts with a clean record. */
const FORGIVEN_AFTER_MS = 60_000;

/** The first end is answered at once, the ones after it ever later. */
export function restartDelayMs(crashes: number): number {
  return crashes <= 1 ? 0 : Math.min(BACKOFF_FIRST_MS * 2 ** (crashes - 2), BACKOFF_MAX_MS);
}

export const isForgiven = (end: Pick<WorkEnd, 'startedAtMs' | 'endedAtMs'>): boolean =>
  end.startedAtMs !== undefined && end.endedAtMs - end.startedAtMs >= FORGIVEN_AFTER_MS;

/** An end in words, for FailureReason. */
export function describeEnd(end: WorkEnd): string {
  const code = end.exitCode === undefined ? '' : `exit code: ${end.exitCode}`;
  switch (end.reason) {
    case 'out-of-memory':
      return `out of memory${code && `, ${code}`}`;
    case 'failed-to-start':
      return end.message ?? 'it could not be started';
    case 'lost':
      return 'it vanished';
    default:
      return [code || end.reason, end.message].filter(Boolean).join(', ');
  }
}
