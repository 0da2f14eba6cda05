import type { LogFiles, LogLines, LogStreamName } from '../../platform/ports/log-files.ts';
import { readWholeLines, type StreamIndex } from './stream-index.ts';

export type LogEvent = LogLines['events'][number];

export interface EventFilter {
  /** Inclusive. */
  readonly startMs?: number;
  /** Exclusive. */
  readonly endMs?: number;
  readonly limit: number;
}

export interface EventPage {
  /** In the order of the file, whichever way it was read. */
  readonly events: readonly LogEvent[];
  /** What comes before begins before this byte, what comes after at `endByte`. */
  readonly startByte: number;
  readonly endByte: number;
}

const RESPONSE_BYTES_MAX = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** A line is at most so long; a window that holds none is widened up to this. */
const LINE_BYTES_MAX = 4 * 1024 * 1024;

const lineBytes = (event: LogEvent): number => Buffer.byteLength(event.text);

const isWanted = ({ startMs, endMs }: EventFilter, { timeMs }: LogEvent): boolean =>
  (startMs === undefined || timeMs >= startMs) && (endMs === undefined || timeMs < endMs);

/** From `fromByte` towards the end, until the page is full or nothing more is written. */
export async function readForward(
  files: LogFiles,
  index: StreamIndex,
  stream: LogStreamName,
  fromByte: number,
  filter: EventFilter,
): Promise<EventPage> {
  const events: LogEvent[] = [];
  let sizeBytes = 0;
  // Where nothing can match need not be read; a reader at the end stays where it is.
  let offset = Math.min(
    Math.max(fromByte, index.startOf(stream, filter.startMs)),
    Math.max(fromByte, await files.sizeBytes(stream)),
  );
  for (;;) {
    const lines = await files.read(stream, offset, CHUNK_BYTES);
    for (const event of lines.events) {
      if (!isWanted(filter, event)) continue;
      sizeBytes += lineBytes(event);
      const isFull = events.length >= filter.limit || (events.length > 0 && sizeBytes > RESPONSE_BYTES_MAX);
      if (isFull) return { events, startByte: events[0]?.atByte ?? fromByte, endByte: event.atByte };
      events.push(event);
    }
    index.observe(stream, offset, lines);
    if (lines.nextOffset <= offset) return { events, startByte: events[0]?.atByte ?? offset, endByte: offset };
    offset = lines.nextOffset;
  }
}

/** The last events that begin before `beforeByte`, in windows from the back. */
export async function readBackward(
  files: LogFiles,
  index: StreamIndex,
  stream: LogStreamName,
  beforeByte: number,
  filter: EventFilter,
): Promise<EventPage> {
  const floor = index.startOf(stream, filter.startMs);
  const found: LogEvent[] = []; // newest first
  let sizeBytes = 0;
  let before = beforeByte;
  let windowBytes = CHUNK_BYTES;
  while (before > floor) {
    const from = before - windowBytes <= floor ? floor : before - windowBytes;
    // A checkpoint is the start of a line, the middle of a window may not be.
    const window =
      from === floor && floor > 0
        ? await readLinesFrom(files, stream, from, before)
        : await readWholeLines(files, stream, from, before);
    for (const event of window.toReversed()) {
      if (!isWanted(filter, event)) continue;
      sizeBytes += lineBytes(event);
      const isFull = found.length >= filter.limit || (found.length > 0 && sizeBytes > RESPONSE_BYTES_MAX);
      if (isFull) return page(found, beforeByte);
      found.push(event);
    }
    if (from === floor) break;
    const reached = window[0]?.atByte;
    if (reached !== undefined) before = reached;
    else if (windowBytes > LINE_BYTES_MAX)
      before = from; // no line begins in all of it: pass over
    else windowBytes *= 4;
  }
  return page(found, beforeByte);
}

async function readLinesFrom(files: LogFiles, stream: LogStreamName, from: number, before: number): Promise<LogEvent[]> {
  const lines: LogEvent[] = [];
  for (let offset = from; offset < before; ) {
    const { events, nextOffset } = await files.read(stream, offset, before - offset);
    lines.push(...events.filter(({ atByte }) => atByte < before));
    if (nextOffset <= offset) break;
    offset = nextOffset;
  }
  return lines;
}

function page(newestFirst: readonly LogEvent[], beforeByte: number): EventPage {
  const events = newestFirst.toReversed();
  return { events, startByte: events[0]?.atByte ?? beforeByte, endByte: beforeByte };
}
