import { createHash } from 'node:crypto';
import type { FilteredLogEvent, FilterLogEventsRequest } from '../../../contract/generated/logs.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { Cursor } from '../../../platform/store/port.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { parseFilterPattern } from '../decide-filter-pattern.ts';
import type { Matches } from '../decide-json-pattern.ts';
import { escapeControls, isJobGroup, unpackNewlines } from '../decide-text.ts';
import { invalidParameter, readGroup, readStream } from '../group-access.ts';
import { type MergedEvent, type MergeSource, mergeStreams, type Position, StreamReader } from '../merge-streams.ts';
import { fileOf, groupAccessArn, groupNameOf, LOG_STREAM, type LogStreamDocument } from '../resources.ts';
import type { LogsRoomPorts } from '../ports.ts';

const EVENTS_MAX = 10_000;
const RESPONSE_BYTES_MAX = 1024 * 1024;
/** A call that finds little in a lot ends after so many bytes of log, with a token to go on: an empty page is not the end. */
const SEARCH_BYTES_MAX = 64 * 1024 * 1024;
/** The last event of a stream may be so much earlier than one before it: clients put events a little out of order. */
const DISORDER_MS = 24 * 3600 * 1000;
const STREAMS_PER_PAGE = 1_000;

export const filterLogEvents = (ports: LogsRoomPorts): Operation<'logs:FilterLogEvents'> =>
  operation('logs:FilterLogEvents', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'logs:FilterLogEvents', resources: [groupAccessArn(placeOf(context), groupNameOf(input))] },
    ],
    async handle(input, context) {
      const pattern = parseFilterPattern(input.filterPattern);
      if (pattern.problem !== undefined) throw invalidParameter(pattern.problem);
      if (input.startFromHead === false) {
        throw new ServiceError('NotImplementedException', 'FilterLogEvents from the newest event backwards is not implemented.');
      }
      const after = input.nextToken === undefined ? undefined : parseToken(input.nextToken);
      const fromMs = Math.max(input.startTime ?? 0, after?.timeMs ?? 0);
      const sources = await sourcesOf(ports, context, input, fromMs);
      const readers = sources.map((source) => new StreamReader(source, ports.files, ports.index, fromMs || undefined));
      const { events, next } = await collect(readers, after, input, pattern.matches);
      return { events, searchedLogStreams: [], ...(next && { nextToken: formatToken(next) }) };
    },
  });

async function collect(
  readers: readonly StreamReader[],
  after: Position | undefined,
  input: FilterLogEventsRequest,
  matches: Matches,
): Promise<{ readonly events: FilteredLogEvent[]; readonly next: Position | undefined }> {
  const { startTime = 0, endTime = Infinity, limit = EVENTS_MAX } = input;
  const textOf = isJobGroup(groupNameOf(input)) ? escapeControls : unpackNewlines;
  const events: FilteredLogEvent[] = [];
  let sizeBytes = 0;
  let last: Position | undefined = after;
  for await (const merged of mergeStreams(readers, after)) {
    if (merged.timeMs >= endTime) break; // what follows counts as no earlier
    const { timeMs, text } = merged.event;
    const message = timeMs >= startTime ? textOf(text) : undefined;
    if (message !== undefined && matches(message)) {
      sizeBytes += Buffer.byteLength(message);
      if (events.length > 0 && sizeBytes > RESPONSE_BYTES_MAX) return { events, next: last };
      events.push(describe(merged, message));
    }
    last = positionOf(merged);
    const searched = readers.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    if (events.length >= limit || searched > SEARCH_BYTES_MAX) return { events, next: last };
  }
  return { events, next: undefined };
}

const positionOf = ({ timeMs, stream, atByte }: Position): Position => ({ timeMs, stream, atByte });

const describe = ({ event, stream, atByte }: MergedEvent, message: string): FilteredLogEvent => ({
  logStreamName: stream,
  timestamp: event.timeMs,
  message,
  // a line is in the file when it is written: there is no later moment of ingestion
  ingestionTime: event.timeMs,
  eventId: eventId(event.timeMs, stream, atByte),
});

/** 56 digits, the same whenever the event is found. */
function eventId(timeMs: number, stream: string, atByte: number): string {
  const ofStream = createHash('sha256').update(stream).digest().readBigUInt64BE(0) % 10n ** 18n;
  return `${String(timeMs).padStart(19, '0')}${ofStream.toString().padStart(18, '0')}${String(atByte).padStart(19, '0')}`;
}

/** Streams by name or prefix, else all of the group; those whose last event is too early are left out. */
async function sourcesOf(
  ports: LogsRoomPorts,
  context: OperationContext,
  input: FilterLogEventsRequest,
  fromMs: number,
): Promise<MergeSource[]> {
  const place = placeOf(context);
  const group = groupNameOf(input);
  await readGroup(ports.store, place, group);
  const { logStreamNames: names, logStreamNamePrefix: prefix } = input;
  if (names && prefix !== undefined) {
    throw invalidParameter('LogStreamNamePrefix and logStreamNames cannot be specified together.');
  }
  const found: MergeSource[] = [];
  const add = async (row: { readonly key: Parameters<typeof fileOf>[0]; readonly document: LogStreamDocument }) => {
    const file = fileOf(row.key, row.document);
    const { lastMs } = await ports.index.times(file);
    if (!row.document.deletion && lastMs !== undefined && lastMs >= fromMs - DISORDER_MS)
      found.push({ name: row.document.name, file });
  };
  if (names) {
    for (const name of new Set(names)) await add(await readStream(ports.store, place, group, name));
    return found;
  }
  let after: Cursor | undefined;
  do {
    const page = await ports.store.list<LogStreamDocument>({
      ...place,
      kind: LOG_STREAM.kind,
      namePrefix: `${group}:${prefix ?? ''}`,
      sortBy: 'name',
      order: 'ascending',
      after,
      limit: STREAMS_PER_PAGE,
    });
    for (const row of page.rows) await add(row);
    after = page.next;
  } while (after);
  return found;
}

const formatToken = ({ timeMs, stream, atByte }: Position): string =>
  Buffer.from(JSON.stringify([timeMs, stream, atByte])).toString('base64url');

function parseToken(token: string): Position {
  const text = Buffer.from(token, 'base64url').toString();
  if (!/^\[-?\d{1,16},"(?:[^"\\]|\\.)*",\d{1,16}\]$/.test(text)) throw invalidParameter('The specified nextToken is invalid.');
  const [timeMs, stream, atByte] = JSON.parse(text) as [number, string, number];
  return { timeMs, stream, atByte };
}
