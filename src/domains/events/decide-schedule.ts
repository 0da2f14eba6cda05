import { isRejection, type Rejection } from '../../platform/errors/rejection.ts';
import { nextTimeMs, parseScheduleExpression, type Schedule } from '../../platform/schedule-expression.ts';

/**
 * A time that was missed for longer than this, while no server ran, does not come any more. A rule has no age of its own that would say; the
 * schedules of EventBridge Scheduler do: see decideTurn in schedules/decide-times.ts.
 */
export const CATCH_UP_MS = 3_600_000;

const INVALID: Rejection = { code: 'ValidationException', message: 'Parameter ScheduleExpression is not valid.' };

/** The schedule of a rule: cron or rate, in UTC. */
export function parseRuleSchedule(text: string): Schedule | Rejection {
  const schedule = parseScheduleExpression(text);
  return isRejection(schedule) || schedule.kind === 'at' ? INVALID : schedule;
}

/**
 * What is due at `nowMs` of a schedule whose next time was `dueAtMs`: the latest time that has come, unless it lies too far back, and when it
 * comes again. Times missed in between come once.
 */
export function decideFiring(
  schedule: Schedule,
  dueAtMs: number,
  anchorMs: number,
  nowMs: number,
): { readonly fireAtMs?: number; readonly nextAtMs?: number } {
  if (dueAtMs > nowMs) return { nextAtMs: dueAtMs };
  let latestMs = dueAtMs;
  // what lies before the window is passed over in one step
  let nextAtMs = nextTimeMs(schedule, Math.max(dueAtMs, nowMs - CATCH_UP_MS - 1), 'UTC', anchorMs);
  while (nextAtMs !== undefined && nextAtMs <= nowMs) {
    latestMs = nextAtMs;
    nextAtMs = nextTimeMs(schedule, latestMs, 'UTC', anchorMs);
  }
  return {
    ...(latestMs >= nowMs - CATCH_UP_MS && { fireAtMs: latestMs }),
    ...(nextAtMs !== undefined && { nextAtMs }),
  };
}
