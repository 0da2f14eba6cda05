import type { CreateScheduleInput } from '../../contract/generated/scheduler.ts';
import { invalid, isRejection, missing, type Rejection } from '../../platform/errors/rejection.ts';
import type { JsonObject } from '../../platform/json.ts';
import { isTimeZone, parseScheduleExpression } from '../../platform/schedule-expression.ts';
import type { ScheduleDocument } from './resources.ts';

/** What a request says of a schedule, checked; pure. Words are those of EventBridge Scheduler's CreateSchedule. */

export type Asked = Omit<ScheduleDocument, 'name' | 'group' | 'createdAtMs' | 'modifiedAtMs' | 'anchorMs' | 'sender' | 'next'>;

const START_GRACE_MS = 5 * 60_000;

/** `beforeMs`: the start that the schedule has already, which may stay. */
export function parseAsked(input: CreateScheduleInput, nowMs: number, beforeMs?: number): Asked | Rejection {
  const { ScheduleExpression: expression, ScheduleExpressionTimezone: timeZone = 'UTC' } = input;
  const [startMs, endMs] = [inSeconds(input.StartDate), inSeconds(input.EndDate)];
  const schedule = parseScheduleExpression(expression);
  if (isRejection(schedule)) return invalid(`Invalid Schedule Expression ${expression}. ${schedule.message}`);
  if (!isTimeZone(timeZone)) return invalid(`Invalid ScheduleExpressionTimezone ${timeZone}.`);
  if (input.KmsKeyArn !== undefined) return missing('Keys of your own for schedules (KmsKeyArn) are not implemented.');
  const isOnce = schedule.kind === 'at';
  if (startMs !== undefined && startMs < nowMs - START_GRACE_MS && startMs !== beforeMs) {
    return invalid('The StartDate you specify cannot be earlier than 5 minutes ago.');
  }
  if (!isOnce && endMs !== undefined && endMs <= nowMs) return invalid('The EndDate you specify must be in the future.');
  if (!isOnce && endMs !== undefined && startMs !== undefined && endMs <= startMs) {
    return invalid('The EndDate you specify must come after the StartDate.');
  }
  const window = parseWindow(input.FlexibleTimeWindow);
  if (isRejection(window)) return window;
  return {
    expression,
    timeZone,
    ...(startMs !== undefined && { startMs }),
    ...(endMs !== undefined && { endMs }),
    ...(input.Description !== undefined && { description: input.Description }),
    state: input.State ?? 'ENABLED',
    target: JSON.parse(JSON.stringify(input.Target)) as ScheduleDocument['target'] & JsonObject,
    windowMs: window.windowMs,
    afterCompletion: input.ActionAfterCompletion ?? 'NONE',
  };
}

/** The service keeps dates to the second. */
const inSeconds = (timeMs: number | undefined): number | undefined =>
  timeMs === undefined ? undefined : Math.floor(timeMs / 1000) * 1000;

function parseWindow({ Mode, MaximumWindowInMinutes: minutes }: CreateScheduleInput['FlexibleTimeWindow']) {
  if (Mode === 'OFF') return { windowMs: 0 };
  return minutes === undefined
    ? invalid('You must specify MaximumWindowInMinutes when the flexible time window is FLEXIBLE.')
    : { windowMs: minutes * 60_000 };
}
