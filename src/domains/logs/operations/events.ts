import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { invalidParameter, readStream } from '../group-access.ts';
import { decideBatch } from '../decide-batch.ts';
import { escapeControls, isJobGroup, packNewlines, unpackNewlines } from '../decide-text.ts';
import { formatEventToken, parseEventToken } from '../decide-tokens.ts';
import { readBackward, readForward } from '../read-events.ts';
import { fileOf, groupNameOf, streamArn } from '../resources.ts';
import type { LogsRoomPorts } from '../ports.ts';

const EVENTS_MAX = 10_000;
/** Puts need no order since 2023 and take any token; AWS still gives one, and older log handlers fail where there is none. */
const SEQUENCE_TOKEN = '0'.repeat(56);

export const getLogEvents = (ports: LogsRoomPorts): Operation<'logs:GetLogEvents'> =>
  operation('logs:GetLogEvents', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'logs:GetLogEvents', resources: [streamArn(placeOf(context), groupNameOf(input), input.logStreamName)] },
    ],
    async handle(input, context) {
      const group = groupNameOf(input);
      const row = await readStream(ports.store, placeOf(context), group, input.logStreamName);
      const token = input.nextToken === undefined ? undefined : parseEventToken(input.nextToken);
      if (input.nextToken !== undefined && !token) throw invalidParameter('The specified nextToken is invalid.');
      const { files, index } = ports;
      const file = fileOf(row.key, row.document);
      const filter = { startMs: input.startTime, endMs: input.endTime, limit: input.limit ?? EVENTS_MAX };
      const isForward = token ? token.direction === 'f' : input.startFromHead === true;
      const page = isForward
        ? await readForward(files, index, file, token?.atByte ?? 0, filter)
        : await readBackward(files, index, file, token?.atByte ?? (await files.sizeBytes(file)), filter);
      const textOf = isJobGroup(group) ? escapeControls : unpackNewlines;
      return {
        // A line is in the file when it is written: there is no later moment of ingestion.
        events: page.events.map(({ timeMs, text }) => ({ timestamp: timeMs, message: textOf(text), ingestionTime: timeMs })),
        nextForwardToken: formatEventToken({ direction: 'f', atByte: page.endByte }),
        nextBackwardToken: formatEventToken({ direction: 'b', atByte: page.startByte }),
      };
    },
  });

/** Appends to the stream's file and to nothing else: events are data, not changes that the ledger tells of. */
export const putLogEvents = (ports: LogsRoomPorts): Operation<'logs:PutLogEvents'> =>
  operation('logs:PutLogEvents', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'logs:PutLogEvents', resources: [streamArn(placeOf(context), input.logGroupName, input.logStreamName)] },
    ],
    async handle(input, context) {
      const row = await readStream(ports.store, placeOf(context), input.logGroupName, input.logStreamName);
      const batch = decideBatch(input.logEvents, context.nowMs);
      if ('refusal' in batch) throw invalidParameter(batch.refusal);
      if (batch.accepted.length > 0) {
        const isJob = isJobGroup(input.logGroupName);
        const lines = batch.accepted.map(({ timestamp, message }) => ({
          timeMs: timestamp,
          text: isJob ? message : packNewlines(message),
        }));
        await ports.files.append(fileOf(row.key, row.document), lines);
      }
      return { nextSequenceToken: SEQUENCE_TOKEN, ...(batch.rejected && { rejectedLogEventsInfo: batch.rejected }) };
    },
  });
