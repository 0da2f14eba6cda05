import { isRejection } from '../../platform/errors/rejection.ts';
import { nextTimeMs, parseScheduleExpression, type Schedule } from '../../platform/schedule-expression.ts';
import type { ScheduleDocument } from './resources.ts';

/** When a schedule fires; pure. */

/** The service works in minutes: a time that was just missed when the schedule came is not gone yet. */
const GRACE_MS = 60_000;
const WINDOWS_MS = [3_600_000, 86_400_000, 31 * 86_400_000, 366 * 86_400_000, 20 * 366 * 86_400_000];

export type Timing = Pick<ScheduleDocument, 'expression' | 'timeZone' | 'startMs' | 'endMs' | 'anchorMs' | 'windowMs'>;
export interface Times {
  readonly timeMs: number;
  readonly dueMs: number;
}

/** The first time behind `afterMs` that lies between start and end. A rate's first time is its anchor itself. */
export function timeAfter(timing: Timing, afterMs: number): number | undefined {
  const schedule = parseScheduleExpression(timing.expression);
  if (isRejection(schedule)) return undefined; // checked when it was stored
  const { startMs, endMs, anchorMs, timeZone } = timing;
  const isOnce = schedule.kind === 'at'; // neither start nor end count for one time
  const from = isOnce || startMs === undefined ? afterMs : Math.max(afterMs, startMs - 1);
  const next =
    schedule.kind === 'rate' && from < anchorMs ? anchorMs : nextTimeMs(schedule as Schedule, from, timeZone, anchorMs);
  return next === undefined || (!isOnce && endMs !== undefined && next > endMs) ? undefined : next;
}

/** What comes first of a schedule that was made, or changed, at `nowMs`; of one that has fired, a later time than `firedMs`. */
export const firstTime = (timing: Timing, id: string, nowMs: number, firedMs = -Infinity): Times | undefined =>
  withDue(timing, id, timeAfter(timing, Math.max(nowMs - GRACE_MS, firedMs)));

/** Spread over the window by the name and the time, so that it stays the same however often it is asked. */
export function withDue({ windowMs }: Timing, id: string, timeMs: number | undefined): Times | undefined {
  if (timeMs === undefined) return undefined;
  return { timeMs, dueMs: windowMs === 0 ? timeMs : timeMs + (spread(`${id}@${timeMs}`) % windowMs) };
}

/** FNV-1a: any hash does that is the same everywhere. */
function spread(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}

/** The last time at or before `nowMs`, looked for in growing stretches of the past: however long the server was away. */
export function latestTime(timing: Timing, sinceMs: number, nowMs: number): number | undefined {
  for (const windowMs of WINDOWS_MS) {
    const fromMs = Math.max(sinceMs - 1, nowMs - windowMs);
    let latest: number | undefined;
    for (let next = timeAfter(timing, fromMs); next !== undefined && next <= nowMs; next = timeAfter(timing, next)) latest = next;
    if (latest !== undefined || fromMs < sinceMs) return latest;
  }
  return undefined;
}

export interface Turn {
  /** Absent: the time is too long ago. */
  readonly fire?: Times;
  readonly next: Times | undefined;
  /** So many times passed without being acted on is not counted; the first of them tells since when. */
  readonly missedSinceMs?: number;
}

/**
 * What a schedule does whose next time is due. Of times that passed while nobody was there the latest counts, and only while it is
 * younger than messages of the schedule may get (MaximumEventAgeInSeconds). The schedules of rules, which have no such age, keep to an hour:
 * see CATCH_UP_MS in events/decide-schedule.ts.
 */
export function decideTurn(timing: Timing, id: string, due: Times, ageMsMax: number, nowMs: number): Turn {
  const latestMs = latestTime(timing, due.timeMs, nowMs) ?? due.timeMs;
  const latest = withDue(timing, id, latestMs) as Times;
  // within its window the newer one is still to come; the older one is what is due
  const fired = latest.dueMs <= nowMs ? latest : due;
  const next =
    fired === latest
      ? withDue(timing, id, timeAfter(timing, latestMs))
      : latestMs > due.timeMs
        ? latest
        : withDue(timing, id, timeAfter(timing, due.timeMs));
  const tooOld = nowMs - fired.timeMs > ageMsMax + timing.windowMs;
  const skipped = fired.timeMs > due.timeMs || tooOld;
  return { ...(!tooOld && { fire: fired }), next, ...(skipped && { missedSinceMs: due.timeMs }) };
}
