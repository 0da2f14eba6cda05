import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import type { BatchResultErrorEntry } from '../../../contract/generated/sqs.ts';
import { refuse, type Rejection } from '../../../platform/errors/rejection.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { rejectedBatch } from '../decide-message.ts';
import { queueNeeds, readQueue, type QueueRow } from '../queue-access.ts';
import { parseReceipt } from '../receipt-handle.ts';
import { isFifo, type MessageDocument, messageKey } from '../resources.ts';
import { batchResult, failedEntry } from './send.ts';
import type { QueuesRoomPorts } from '../ports.ts';

const VISIBILITY_SECONDS_MAX = 43_200;

export const deleteMessage = (ports: QueuesRoomPorts): Operation<'sqs:DeleteMessage'> =>
  operation('sqs:DeleteMessage', {
    effect: 'change',
    needs: queueNeeds<'sqs:DeleteMessage'>('sqs:DeleteMessage'),
    async handle(input, context) {
      const queue = await readQueue(ports.store, context, input.QueueUrl);
      refuse(await deleteOne(ports, queue, input.ReceiptHandle));
      return {};
    },
  });

export const deleteMessageBatch = (ports: QueuesRoomPorts): Operation<'sqs:DeleteMessageBatch'> =>
  operation('sqs:DeleteMessageBatch', {
    effect: 'change',
    needs: queueNeeds<'sqs:DeleteMessageBatch'>('sqs:DeleteMessage'),
    handle: (input, context) =>
      eachEntry(ports, context, input, 'DeleteMessageBatchRequestEntry', (queue, entry) =>
        deleteOne(ports, queue, entry.ReceiptHandle),
      ),
  });

export const changeMessageVisibility = (ports: QueuesRoomPorts): Operation<'sqs:ChangeMessageVisibility'> =>
  operation('sqs:ChangeMessageVisibility', {
    effect: 'change',
    needs: queueNeeds<'sqs:ChangeMessageVisibility'>('sqs:ChangeMessageVisibility'),
    async handle(input, context) {
      const queue = await readQueue(ports.store, context, input.QueueUrl);
      refuse(await changeOne(ports, queue, input.ReceiptHandle, input.VisibilityTimeout));
      return {};
    },
  });

export const changeMessageVisibilityBatch = (ports: QueuesRoomPorts): Operation<'sqs:ChangeMessageVisibilityBatch'> =>
  operation('sqs:ChangeMessageVisibilityBatch', {
    effect: 'change',
    needs: queueNeeds<'sqs:ChangeMessageVisibilityBatch'>('sqs:ChangeMessageVisibility'),
    handle: (input, context) =>
      eachEntry(ports, context, input, 'ChangeMessageVisibilityBatchRequestEntry', (queue, entry) =>
        changeOne(ports, queue, entry.ReceiptHandle, entry.VisibilityTimeout ?? 0),
      ),
  });

/** All entries at once: the store makes one write of what is asked for together. */
async function eachEntry<E extends { readonly Id: string; readonly ReceiptHandle: string }>(
  ports: QueuesRoomPorts,
  context: OperationContext,
  input: { readonly QueueUrl: string; readonly Entries: readonly E[] },
  entryType: string,
  apply: (queue: QueueRow, entry: E) => Promise<Rejection | undefined>,
) {
  const queue = await readQueue(ports.store, context, input.QueueUrl);
  refuse(rejectedBatch(input.Entries, entryType));
  const rejections = await Promise.all(input.Entries.map((entry) => apply(queue, entry)));
  const Failed: BatchResultErrorEntry[] = [];
  const Successful: { Id: string }[] = [];
  for (const [at, { Id }] of input.Entries.entries()) {
    const rejection = rejections[at];
    if (rejection) Failed.push(failedEntry(Id, rejection === INVALID_RECEIPT ? invalidReceipt(input.Entries[at]) : rejection));
    else Successful.push({ Id });
  }
  return batchResult(Successful, Failed);
}

/**
 * The message a handle names; of another queue, or never handed out: no handle of this queue. Once it was purged, messages of its former
 * boxes cannot be told from those of other queues: whoever gets such a name must touch none that is not in the queue's box.
 */
function messageName(queue: QueueRow, handle: string): string | undefined {
  const name = parseReceipt(handle)?.name;
  return name !== undefined && (isInBox(queue, name) || queue.document.purgedAtMs !== undefined) ? name : undefined;
}

/** In a batch AWS names the handle. */
const invalidReceipt = (entry: { readonly ReceiptHandle: string } | undefined): Rejection => ({
  ...INVALID_RECEIPT,
  message: `The input receipt handle "${entry?.ReceiptHandle.slice(0, 200)}" is not a valid receipt handle.`,
});

const INVALID_RECEIPT: Rejection = { code: 'ReceiptHandleIsInvalid', message: 'The input receipt handle is invalid.' };

/** What is gone already is no fault. */
async function deleteOne(ports: QueuesRoomPorts, queue: QueueRow, handle: string): Promise<Rejection | undefined> {
  const name = messageName(queue, handle);
  if (name === undefined) return INVALID_RECEIPT;
  if (!isInBox(queue, name)) return undefined; // of before a purge
  const key = messageKey(queue.key, name);
  return decideAndCommit<Rejection | undefined>(ports.store, async () => {
    const row = await readRow<MessageDocument>(ports.store, key);
    if (!row) return { result: undefined };
    if (isFifo(queue.document) && isExpired(row, handle, ports.clock.now())) {
      return { result: invalidHandle(handle, 'The receipt handle has expired') };
    }
    return { commit: { expect: [{ key, version: row.version }], remove: [key] }, result: undefined };
  });
}

/** In FIFO queues a handle counts only while its message is in flight: its group may have gone on. */
const isExpired = (row: Read<MessageDocument>, handle: string, nowMs: number): boolean =>
  (row.index.ordinal ?? 0) <= nowMs || parseReceipt(handle)?.receiveCount !== row.document.receiveCount;

const isInBox = (queue: QueueRow, name: string): boolean => name.startsWith(`${queue.document.box}/`);

const invalidHandle = (handle: string, reason: string): Rejection => ({
  code: 'InvalidParameterValue',
  message: `Value ${handle.slice(0, 200)} for parameter ReceiptHandle is invalid. Reason: ${reason}`,
});

async function changeOne(
  ports: QueuesRoomPorts,
  queue: QueueRow,
  handle: string,
  seconds: number,
): Promise<Rejection | undefined> {
  if (seconds < 0 || seconds > VISIBILITY_SECONDS_MAX) {
    const message = `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.`;
    return { code: 'InvalidParameterValue', message };
  }
  const name = messageName(queue, handle);
  if (name === undefined) return INVALID_RECEIPT;
  const key = messageKey(queue.key, name);
  return decideAndCommit<Rejection | undefined>(ports.store, async () => {
    const row = isInBox(queue, name) ? await readRow<MessageDocument>(ports.store, key) : undefined;
    if (!row) {
      return { result: invalidHandle(handle, 'Message does not exist or is not available for visibility timeout change.') };
    }
    const nowMs = ports.clock.now();
    const sinceMs = nowMs - (row.document.firstReceivedAtMs ?? nowMs);
    if (seconds > 0 && sinceMs + seconds * 1000 > VISIBILITY_SECONDS_MAX * 1000 && row.document.receiveCount === 1) {
      const message = `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].`;
      return { result: { code: 'InvalidParameterValue', message } };
    }
    return {
      commit: {
        expect: [{ key, version: row.version }],
        write: [{ key, document: row.document, index: { ...row.index, ordinal: nowMs + seconds * 1000, modifiedAtMs: nowMs } }],
      },
      result: undefined,
    };
  });
}
