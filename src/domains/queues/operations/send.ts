import type { BatchResultErrorEntry, SendMessageBatchResultEntry } from '../../../contract/generated/sqs.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { refuse, type Rejection } from '../../../platform/errors/rejection.ts';
import { BATCH_BYTES_MAX, messageBytes, rejectedBatch } from '../decide-message.ts';
import { queueNeeds, readQueue } from '../queue-access.ts';
import { sendMessages, sentOrRefused } from '../send-messages.ts';
import type { QueuesRoomPorts } from '../ports.ts';

/** Messages are data, not changes that the ledger tells of. */

export const sendMessage = (ports: QueuesRoomPorts): Operation<'sqs:SendMessage'> =>
  operation('sqs:SendMessage', {
    effect: 'change',
    needs: queueNeeds<'sqs:SendMessage'>('sqs:SendMessage'),
    async handle({ QueueUrl, ...entry }, context) {
      const [outcome] = await sendMessages(ports, context, QueueUrl, [entry]);
      return sentOrRefused(outcome);
    },
  });

export const sendMessageBatch = (ports: QueuesRoomPorts): Operation<'sqs:SendMessageBatch'> =>
  operation('sqs:SendMessageBatch', {
    effect: 'change',
    needs: queueNeeds<'sqs:SendMessageBatch'>('sqs:SendMessage'),
    async handle({ QueueUrl, Entries }, context) {
      await readQueue(ports.store, context, QueueUrl);
      refuse(rejectedBatch(Entries, 'SendMessageBatchRequestEntry'));
      const sizeBytes = Entries.reduce((sum, entry) => sum + messageBytes(entry.MessageBody, entry.MessageAttributes), 0);
      if (sizeBytes > BATCH_BYTES_MAX) {
        refuse({
          code: 'BatchRequestTooLong',
          message: `Batch requests cannot be longer than ${BATCH_BYTES_MAX} bytes. You have sent ${sizeBytes} bytes.`,
        });
      }
      const outcomes = await sendMessages(ports, context, QueueUrl, Entries);
      const Successful: SendMessageBatchResultEntry[] = [];
      const Failed: BatchResultErrorEntry[] = [];
      for (const [at, outcome] of outcomes.entries()) {
        const Id = Entries[at]?.Id ?? '';
        if ('sent' in outcome) Successful.push({ Id, ...outcome.sent });
        else Failed.push(failedEntry(Id, outcome.rejection));
      }
      return batchResult(Successful, Failed);
    },
  });

export const failedEntry = (Id: string, { code, message }: Rejection): BatchResultErrorEntry => ({
  Id,
  SenderFault: true,
  Code: code,
  Message: message,
});

/** AWS leaves an empty list of failures out, though its model requires it. */
export const batchResult = <S>(
  Successful: S[],
  Failed: BatchResultErrorEntry[],
): { Successful: S[]; Failed: BatchResultErrorEntry[] } =>
  (Failed.length > 0 ? (Successful.length > 0 ? { Successful, Failed } : { Failed }) : { Successful }) as {
    Successful: S[];
    Failed: BatchResultErrorEntry[];
  };
