import type { NoticeDocument } from '../../platform/notices.ts';

/** Why a message was not taken. */
export interface Refusal {
  /** One of the error codes that EventBridge writes into dead letters. */
  readonly code: string;
  readonly message: string;
  /** Whether the same message may be taken later. */
  readonly passing: boolean;
}

/** After so many attempts without a retry policy of its own, a message is dropped. */
const ATTEMPTS_MAX = 6;
const FIRST_WAIT_MS = 1_000;
const WAIT_MAX_MS = 600_000;

const KNOWN: readonly (readonly [pattern: RegExp, code: string, passing: boolean])[] = [
  [/^AccessDenied/, 'NO_PERMISSIONS', false],
  [/Throttl|TooManyRequests|RequestThrottled/, 'THROTTLING', true],
  [/^(ServiceUnavailable|InternalFailure|RequestTimeout)/, 'INTERNAL_ERROR', true],
  [/LimitExceeded|QuotaExceeded/, 'RESOURCE_LIMIT_EXCEEDED', true],
  [/Conflict|Concurrent|InUse|NotReady/, 'ERROR_FROM_TARGET', true],
  [/NotFound|NoSuch|DoesNotExist|NonExistent/, 'NO_RESOURCE', false],
  [/AlreadyExists/, 'RESOURCE_ALREADY_EXISTS', false],
  [/./, 'INVALID_PARAMETER', false],
];

/** A refusal of a call, by its error code; `absent`: the caller was told that the receiver is not there. */
export function refusalOf(error: { readonly code: string; readonly message: string; readonly finding?: string }): Refusal {
  const message = `${error.code}: ${error.message}`;
  if (error.finding === 'absent') return { code: 'NO_RESOURCE', message, passing: false };
  const [, code = 'UNKNOWN', passing = false] = KNOWN.find(([pattern]) => pattern.test(error.code)) ?? [];
  return { code, message, passing };
}

/** Statuses that API destinations are tried again after: 409, 429 and those of broken servers. */
export function refusalOfStatus(status: number): Refusal {
  const passing = status === 409 || status === 429 || status >= 500;
  return {
    code: status === 429 ? 'THROTTLING' : 'ERROR_FROM_TARGET',
    message: `The address answered with HTTP status ${status}.`,
    passing,
  };
}

type NextStep =
  | { readonly step: 'again'; readonly atMs: number }
  | { readonly step: 'end' /** What ran out, in the words of dead letters. */; readonly exhausted?: string };

/** What becomes of a message that was just refused; `attempts` counts this refusal too. */
export function decideRefused(
  { retry }: Pick<NoticeDocument, 'retry'>,
  refusal: Refusal,
  attempts: number,
  createdAtMs: number,
  nowMs: number,
): NextStep {
  const grown = Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** Math.min(attempts, 20));
  const atMs = nowMs + (retry?.delaysMs?.[attempts - 1] ?? grown);
  if (!retry) return attempts < ATTEMPTS_MAX ? { step: 'again', atMs } : { step: 'end' };
  if (!refusal.passing) return { step: 'end' };
  if (attempts > retry.attemptsMax) return { step: 'end', exhausted: 'MaximumRetryAttempts' };
  if (atMs - createdAtMs > retry.ageSecondsMax * 1000) return { step: 'end', exhausted: 'MaximumEventAgeInSeconds' };
  return { step: 'again', atMs };
}
