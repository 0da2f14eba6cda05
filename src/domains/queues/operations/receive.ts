import type { Message, ReceiveMessageRequest } from '../../../contract/generated/sqs.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { attributeNumber } from '../decide-attributes.ts';
import { wantsAttribute } from '../decide-receive.ts';
import { attributesDigest, bodyDigest } from '../message-digests.ts';
import { queueNeeds, readQueue } from '../queue-access.ts';
import { awaitMessages, type Taken } from '../receive-messages.ts';
import { formatReceipt } from '../receipt-handle.ts';
import type { MessageDocument, StoredAttribute } from '../resources.ts';
import type { QueuesRoomPorts } from '../ports.ts';

/** It hides messages for a while, which is no change that the ledger tells of. */
export const receiveMessage = (ports: QueuesRoomPorts): Operation<'sqs:ReceiveMessage'> =>
  operation('sqs:ReceiveMessage', {
    effect: 'change',
    needs: queueNeeds<'sqs:ReceiveMessage'>('sqs:ReceiveMessage'),
    async handle(input, context) {
      checkRanges(input);
      const wanted = wantedNames(input);
      const { document } = await readQueue(ports.store, context, input.QueueUrl);
      const waitSeconds = input.WaitTimeSeconds ?? attributeNumber(document.attributes, 'ReceiveMessageWaitTimeSeconds');
      const taken = await awaitMessages(ports, context, input.QueueUrl, {
        messagesMax: input.MaxNumberOfMessages ?? 1,
        visibilityMs: input.VisibilityTimeout === undefined ? undefined : input.VisibilityTimeout * 1000,
        untilMs: ports.clock.now() + waitSeconds * 1000,
      });
      if (taken === 'too-many')
        throw new ServiceError('RequestThrottled', 'Too many requests wait for messages. Please try again.');
      if (taken.length === 0) return {};
      return { Messages: taken.map((one) => describeMessage(one, wanted, input.MessageAttributeNames ?? [])) };
    },
  });

const RANGES = [
  ['MaxNumberOfMessages', 1, 10, 'Must be between 1 and 10, if provided.'],
  ['WaitTimeSeconds', 0, 20, 'Must be >= 0 and <= 20, if provided.'],
  ['VisibilityTimeout', 0, 43_200, 'Must be between 0 and 43200, if provided.'],
] as const;

function checkRanges(input: ReceiveMessageRequest): void {
  for (const [name, least, most, reason] of RANGES) {
    const value = input[name];
    if (value !== undefined && (value < least || value > most)) {
      throw new ServiceError('InvalidParameterValue', `Value ${value} for parameter ${name} is invalid. Reason: ${reason}`);
    }
  }
}

const NAMES = [
  'All',
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'SequenceNumber',
  'MessageDeduplicationId',
  'MessageGroupId',
  'AWSTraceHeader',
  'DeadLetterQueueSourceArn',
];

/** Of both parameters; names of a queue's attributes, which AWS's older one also takes, give nothing here. */
function wantedNames(input: ReceiveMessageRequest): readonly string[] {
  const names = input.AttributeNames ?? [];
  const unknown = names.find((name) => !NAMES.includes(name) && !/^[A-Z][A-Za-z]+$/.test(name));
  if (unknown !== undefined) throw new ServiceError('InvalidAttributeName', `Unknown Attribute ${unknown.slice(0, 100)}.`);
  return [...names, ...(input.MessageSystemAttributeNames ?? [])];
}

function describeMessage({ name, document }: Taken, wanted: readonly string[], attributePatterns: readonly string[]): Message {
  const known = Object.entries(systemAttributes(name, document));
  const shown = known.filter(([attribute]) => wanted.includes('All') || wanted.includes(attribute));
  const kept = Object.entries(document.attributes ?? {}).filter(([attribute]) => wantsAttribute(attributePatterns, attribute));
  const digest = attributesDigest(Object.fromEntries(kept));
  return {
    MessageId: document.messageId,
    ReceiptHandle: formatReceipt({ name, receiveCount: document.receiveCount }),
    MD5OfBody: bodyDigest(document.body),
    Body: document.body,
    ...(shown.length > 0 && { Attributes: Object.fromEntries(shown) }),
    ...(digest !== undefined && {
      MD5OfMessageAttributes: digest,
      MessageAttributes: Object.fromEntries(kept.map(([attribute, value]) => [attribute, shownAttribute(value)])),
    }),
  };
}

function systemAttributes(name: string, document: MessageDocument): Record<string, string> {
  const { group, deduplicationId, traceHeader, sourceArn } = document;
  return {
    SenderId: document.senderId,
    SentTimestamp: String(document.sentAtMs),
    ApproximateReceiveCount: String(document.receiveCount),
    ApproximateFirstReceiveTimestamp: String(document.firstReceivedAtMs),
    ...(deduplicationId !== undefined && {
      SequenceNumber: name.slice(name.indexOf('/') + 1),
      MessageDeduplicationId: deduplicationId,
    }),
    ...(group !== undefined && { MessageGroupId: group }),
    ...(traceHeader !== undefined && { AWSTraceHeader: traceHeader }),
    ...(sourceArn !== undefined && { DeadLetterQueueSourceArn: sourceArn }),
  };
}

const shownAttribute = ({ type, text, binary }: StoredAttribute) => ({
  DataType: type,
  ...(text !== undefined ? { StringValue: text } : { BinaryValue: Buffer.from(binary ?? '', 'base64') }),
});
