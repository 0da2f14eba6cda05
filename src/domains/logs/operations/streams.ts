import type { LogStream } from '../../../contract/generated/logs.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { existsError, type Place, placeOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Cursor, Row } from '../../../platform/store/port.ts';
import { decodeCursor, encodeCursor, invalidParameter, readGroup, readStream } from '../group-access.ts';
import { finishDeletion } from '../reconcile-deletion.ts';
import {
  fileOf,
  groupAccessArn,
  groupNameOf,
  LOG_STREAM,
  LOGS_DELETION,
  streamArn,
  streamKey,
  type LogStreamDocument,
} from '../resources.ts';
import type { LogsRoomPorts } from '../ports.ts';

const STREAMS_MAX = 50;

export const createLogStream = (ports: LogsRoomPorts): Operation<'logs:CreateLogStream'> =>
  operation('logs:CreateLogStream', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'logs:CreateLogStream', resources: [streamArn(placeOf(context), input.logGroupName, input.logStreamName)] },
    ],
    async handle(input, context) {
      const place = placeOf(context);
      const key = streamKey(place, input.logGroupName, input.logStreamName);
      await decideAndCommit(ports.store, async (count) => {
        const group = await readGroup(ports.store, place, input.logGroupName);
        const found = await ports.store.get<LogStreamDocument>(key);
        if (found?.document.deletion) {
          await finishDeletion(ports, key, context.nowMs);
        } else if (found) {
          // On a second look it may be our own commit whose answer was lost.
          if (count > 0 && found.index.createdAtMs === context.nowMs) return { result: undefined };
          throw existsError(LOG_STREAM, place, input.logStreamName);
        }
        const document: LogStreamDocument = { group: input.logGroupName, name: input.logStreamName };
        return {
          commit: {
            expect: [
              { key: group.key, version: group.version },
              { key, version: 0 },
            ],
            write: [{ key, document, index: { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs } }],
            ledger: [
              entryOf(context, 'logs:CreateLogStream', [streamArn(place, document.group, document.name)], {
                name: [null, document.name],
              }),
            ],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

export const deleteLogStream = (ports: LogsRoomPorts): Operation<'logs:DeleteLogStream'> =>
  operation('logs:DeleteLogStream', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'logs:DeleteLogStream', resources: [streamArn(placeOf(context), input.logGroupName, input.logStreamName)] },
    ],
    async handle(input, context) {
      const key = streamKey(placeOf(context), input.logGroupName, input.logStreamName);
      const deletion = { actor: context.principal.arn, requestId: context.requestId };
      await decideAndCommit(ports.store, async () => {
        const row = await readStream(ports.store, placeOf(context), input.logGroupName, input.logStreamName);
        return {
          commit: {
            expect: [{ key, version: row.version }],
            write: [{ key, document: { ...row.document, deletion }, index: row.index }],
            timers: [{ reconciler: LOGS_DELETION, key, dueAtMs: context.nowMs }],
          },
          result: undefined,
        };
      });
      await finishDeletion(ports, key, context.nowMs);
      return {};
    },
  });

export const describeLogStreams = (ports: LogsRoomPorts): Operation<'logs:DescribeLogStreams'> =>
  operation('logs:DescribeLogStreams', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'logs:DescribeLogStreams', resources: [groupAccessArn(placeOf(context), groupNameOf(input))] },
    ],
    async handle(input, context) {
      const place = placeOf(context);
      const group = groupNameOf(input);
      const byTime = input.orderBy === 'LastEventTime';
      if (byTime && input.logStreamNamePrefix !== undefined) {
        throw invalidParameter('Cannot order by LastEventTime with a logStreamNamePrefix.');
      }
      await readGroup(ports.store, place, group);
      const query = {
        limit: input.limit ?? STREAMS_MAX,
        descending: input.descending ?? false,
        after: decodeCursor(input.nextToken),
      };
      const { streams, next } = byTime
        ? await streamsByTime(ports, place, group, query)
        : await streamsByName(ports, place, group, { ...query, prefix: input.logStreamNamePrefix ?? '' });
      return { logStreams: streams, ...(next && { nextToken: encodeCursor(next) }) };
    },
  });

interface StreamQuery {
  readonly limit: number;
  readonly descending: boolean;
  readonly after: Cursor | undefined;
}

async function streamsByName(
  ports: LogsRoomPorts,
  place: Place,
  group: string,
  query: StreamQuery & { readonly prefix: string },
): Promise<{ streams: LogStream[]; next?: Cursor }> {
  const page = await ports.store.list<LogStreamDocument>({
    ...place,
    kind: LOG_STREAM.kind,
    namePrefix: `${group}:${query.prefix}`,
    sortBy: 'name',
    order: query.descending ? 'descending' : 'ascending',
    after: query.after,
    limit: query.limit,
  });
  return { streams: await describeStreams(ports, place, page.rows), next: page.next };
}

/**
 * The time of a stream's last event is in its file, which grows without a commit, so all streams of the group are looked at;
 * one whose size has not changed since costs no read.
 */
async function streamsByTime(
  ports: LogsRoomPorts,
  place: Place,
  group: string,
  query: StreamQuery,
): Promise<{ streams: LogStream[]; next?: Cursor }> {
  const all: LogStream[] = [];
  let after: Cursor | undefined;
  do {
    const page = await ports.store.list<LogStreamDocument>({
      ...place,
      kind: LOG_STREAM.kind,
      namePrefix: `${group}:`,
      sortBy: 'name',
      order: 'ascending',
      after,
      limit: 1000,
    });
    all.push(...(await describeStreams(ports, place, page.rows)));
    after = page.next;
  } while (after);
  const sign = query.descending ? -1 : 1;
  const compare = (a: Cursor, b: Cursor): number =>
    sign * (Number(a.sort) - Number(b.sort) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const ordered = all
    .map((stream) => ({ stream, at: { sort: stream.lastEventTimestamp ?? 0, name: stream.logStreamName ?? '' } }))
    .toSorted((a, b) => compare(a.at, b.at))
    .filter(({ at }) => !query.after || compare(at, query.after) > 0);
  const shown = ordered.slice(0, query.limit);
  return { streams: shown.map(({ stream }) => stream), next: ordered.length > shown.length ? shown.at(-1)?.at : undefined };
}

async function describeStreams(
  ports: LogsRoomPorts,
  place: Place,
  rows: readonly Row<LogStreamDocument>[],
): Promise<LogStream[]> {
  const streams: LogStream[] = [];
  for (const { key, document, index } of rows) {
    if (document.deletion) continue;
    const { firstMs, lastMs } = await ports.index.times(fileOf(key, document));
    streams.push({
      logStreamName: document.name,
      creationTime: index.createdAtMs,
      ...(firstMs !== undefined && { firstEventTimestamp: firstMs }),
      ...(lastMs !== undefined && { lastEventTimestamp: lastMs, lastIngestionTime: lastMs }),
      arn: streamArn(place, document.group, document.name),
      // As AWS answers since 2019, whatever the stream holds.
      storedBytes: 0,
    });
  }
  return streams;
}
