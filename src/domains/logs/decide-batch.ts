import type { InputLogEvent, RejectedLogEventsInfo } from '../../contract/generated/logs.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const TOO_OLD_MS = 14 * DAY_MS;
const TOO_NEW_MS = 2 * 60 * 60 * 1000;
const BATCH_BYTES_MAX = 1_048_576;
const BYTES_PER_EVENT = 26;

export interface Batch {
  readonly accepted: readonly InputLogEvent[];
  readonly rejected?: RejectedLogEventsInfo;
}

/** PutLogEvents' rules for a batch; events outside the time window are left out and reported, the others are taken. */
export function decideBatch(events: readonly InputLogEvent[], nowMs: number): Batch | { readonly refusal: string } {
  const sizeBytes = events.reduce((sum, { message }) => sum + new TextEncoder().encode(message).length + BYTES_PER_EVENT, 0);
  if (sizeBytes > BATCH_BYTES_MAX) {
    return { refusal: `Upload too large: ${sizeBytes} bytes exceeds limit of ${BATCH_BYTES_MAX}` };
  }
  const ascending = events.every((event, at) => at === 0 || event.timestamp >= (events[at - 1]?.timestamp ?? 0));
  if (!ascending) return { refusal: 'Log events in a single PutLogEvents request must be in chronological order.' };
  if ((events.at(-1)?.timestamp ?? 0) - (events[0]?.timestamp ?? 0) > DAY_MS) {
    return { refusal: 'The batch of log events in a single PutLogEvents request cannot span more than 24 hours.' };
  }
  const oldCount = events.filter(({ timestamp }) => timestamp < nowMs - TOO_OLD_MS).length;
  const newFrom = events.findIndex(({ timestamp }) => timestamp > nowMs + TOO_NEW_MS);
  const rejected: RejectedLogEventsInfo = {
    ...(oldCount > 0 && { tooOldLogEventEndIndex: oldCount }),
    ...(newFrom >= 0 && { tooNewLogEventStartIndex: newFrom }),
  };
  return {
    accepted: events.slice(oldCount, newFrom >= 0 ? newFrom : undefined),
    ...(Object.keys(rejected).length > 0 && { rejected }),
  };
}
