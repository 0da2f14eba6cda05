import { createHash } from 'node:crypto';
import type { SendMessageRequest } from '../../contract/generated/sqs.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { refuse, type Rejection } from '../../platform/errors/rejection.ts';
import { EXPIRY_RECONCILER } from '../../platform/idempotency.ts';
import { type Attempt, decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { placeOf } from '../../platform/resources/declaration.ts';
import { attributeNumber } from './decide-attributes.ts';
import { rejectedMessage, rejectedOrder } from './decide-message.ts';
import { attributesDigest, bodyDigest, contentDigest } from './message-digests.ts';
import { readQueue, type QueueRow } from './queue-access.ts';
import { DEDUPLICATION_KIND, isFifo, type MessageDocument, messageKey, type StoredAttribute } from './resources.ts';
import type { QueuesRoomPorts } from './ports.ts';

export type Entry = Omit<SendMessageRequest, 'QueueUrl'>;

export interface Sent {
  readonly MessageId: string;
  readonly MD5OfMessageBody: string;
  readonly MD5OfMessageAttributes?: string;
  readonly MD5OfMessageSystemAttributes?: string;
  readonly SequenceNumber?: string;
}

export type Outcome = { readonly sent: Sent } | { readonly rejection: Rejection };

interface Deduplication {
  readonly sent: Sent;
  readonly expiresAtMs: number;
}

/** AWS: a second message with the same deduplication id within five minutes is taken for the first. */
const DEDUPLICATION_MS = 5 * 60_000;

/** Sends what can be sent in one commit; the outcomes are in the order of the entries. */
export async function sendMessages(
  ports: QueuesRoomPorts,
  context: OperationContext,
  url: string,
  entries: readonly Entry[],
): Promise<Outcome[]> {
  // the same over attempts: one whose answer was lost is recognised, and sends nothing twice
  const names = entries.map(() => ({ sequence: ports.nextSequence(ports.clock.now()), messageId: ports.ids.uuid() }));
  return decideAndCommit(ports.store, async (count) => {
    const queue = await readQueue(ports.store, context, url);
    if (count > 0 && (await wasCommitted(ports, queue, names))) {
      return { result: entries.map((entry, at) => ({ sent: sentOf(queue, entry, names[at] as Name) })) };
    }
    return planSend(ports, context, queue, entries, names);
  });
}

interface Name {
  readonly sequence: string;
  readonly messageId: string;
}

async function wasCommitted(ports: QueuesRoomPorts, queue: QueueRow, names: readonly Name[]): Promise<boolean> {
  const rows = await ports.store.getMany(names.map(({ sequence }) => messageKey(queue.key, `${queue.document.box}/${sequence}`)));
  return rows.some((row) => row !== undefined);
}

async function planSend(
  ports: QueuesRoomPorts,
  context: OperationContext,
  queue: QueueRow,
  entries: readonly Entry[],
  names: readonly Name[],
): Promise<Attempt<Outcome[]>> {
  const { attributes } = queue.document;
  const rules = {
    fifo: isFifo(queue.document),
    bytesMax: attributeNumber(attributes, 'MaximumMessageSize'),
    contentBased: attributes['ContentBasedDeduplication'] === 'true',
  };
  for (const entry of entries) refuse(rejectedOrder(entry, rules));
  const parts: Pick<Commit, 'expect' | 'write' | 'timers'>[] = [];
  const outcomes: Outcome[] = [];
  const seen = new Map<string, Sent>();
  for (const [at, entry] of entries.entries()) {
    const rejection = rejectedMessage(entry, rules);
    if (rejection) {
      outcomes.push({ rejection });
      continue;
    }
    const sent = sentOf(queue, entry, names[at] as Name);
    const repeat = rules.fifo ? await checkDuplicate(ports, queue, entry, sent, seen) : { record: undefined };
    if ('sent' in repeat) {
      outcomes.push({ sent: repeat.sent });
      continue;
    }
    parts.push(messageParts(ports, context, queue, entry, names[at] as Name));
    if (repeat.record) parts.push(repeat.record);
    outcomes.push({ sent });
  }
  if (parts.length === 0) return { result: outcomes };
  return {
    commit: {
      expect: [{ key: queue.key, version: queue.version }, ...parts.flatMap(({ expect }) => expect)],
      write: parts.flatMap(({ write }) => write ?? []),
      timers: parts.flatMap(({ timers }) => timers ?? []),
    },
    result: outcomes,
  };
}

function sentOf(queue: QueueRow, entry: Entry, { sequence, messageId }: Name): Sent {
  const ofAttributes = attributesDigest(storedAttributes(entry.MessageAttributes));
  const ofSystem = attributesDigest(storedAttributes(entry.MessageSystemAttributes));
  return {
    MessageId: messageId,
    MD5OfMessageBody: bodyDigest(entry.MessageBody),
    ...(ofAttributes !== undefined && { MD5OfMessageAttributes: ofAttributes }),
    ...(ofSystem !== undefined && { MD5OfMessageSystemAttributes: ofSystem }),
    ...(isFifo(queue.document) && { SequenceNumber: sequence }),
  };
}

function messageParts(
  ports: QueuesRoomPorts,
  context: OperationContext,
  queue: QueueRow,
  entry: Entry,
  { sequence, messageId }: Name,
): Pick<Commit, 'expect' | 'write'> {
  const { box, attributes } = queue.document;
  const nowMs = ports.clock.now();
  const delayMs = (entry.DelaySeconds ?? attributeNumber(attributes, 'DelaySeconds')) * 1000;
  const trace = entry.MessageSystemAttributes?.AWSTraceHeader?.StringValue;
  const kept = storedAttributes(entry.MessageAttributes);
  const document: MessageDocument = {
    messageId,
    body: entry.MessageBody,
    ...(kept && { attributes: kept }),
    ...(trace !== undefined && { traceHeader: trace }),
    senderId: context.principal.userId,
    sentAtMs: nowMs,
    receiveCount: 0,
    ...(entry.MessageGroupId !== undefined && { group: entry.MessageGroupId }),
    ...(isFifo(queue.document) && { deduplicationId: entry.MessageDeduplicationId ?? contentDigest(entry.MessageBody) }),
  };
  const key = messageKey(placeOf(context), `${box}/${sequence}`);
  const index = {
    parent: box,
    ...(delayMs > 0 && { facet: box }),
    ordinal: nowMs + delayMs,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
  };
  return { expect: [{ key, version: 0 }], write: [{ key, document, index }] };
}

async function checkDuplicate(
  ports: QueuesRoomPorts,
  queue: QueueRow,
  entry: Entry,
  sent: Sent,
  seen: Map<string, Sent>,
): Promise<{ readonly sent: Sent } | { readonly record: Required<Pick<Commit, 'expect' | 'write' | 'timers'>> }> {
  const scope = queue.document.attributes['DeduplicationScope'] === 'messageGroup' ? entry.MessageGroupId : '';
  const id = JSON.stringify([scope, entry.MessageDeduplicationId ?? contentDigest(entry.MessageBody)]);
  const name = `${queue.document.box}/${createHash('sha256').update(id).digest('hex')}`;
  const key = { ...messageKey(queue.key, name), kind: DEDUPLICATION_KIND };
  const row = await readRow<Deduplication>(ports.store, key);
  const nowMs = ports.clock.now();
  const before = seen.get(name) ?? (row && row.document.expiresAtMs > nowMs ? row.document.sent : undefined);
  if (before) return { sent: before };
  seen.set(name, sent);
  const expiresAtMs = nowMs + DEDUPLICATION_MS;
  return {
    record: {
      expect: [{ key, version: row?.version ?? 0 }],
      write: [{ key, document: { sent: { ...sent }, expiresAtMs }, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } }],
      timers: [{ reconciler: EXPIRY_RECONCILER, key, dueAtMs: expiresAtMs }],
    },
  };
}

function storedAttributes(
  attributes:
    | { readonly [name: string]: { DataType: string; StringValue?: string; BinaryValue?: Uint8Array } | undefined }
    | undefined,
): { [name: string]: StoredAttribute } | undefined {
  const entries = Object.entries(attributes ?? {}).flatMap(([name, value]): [string, StoredAttribute][] => {
    if (!value) return [];
    const { DataType: type, StringValue: text, BinaryValue: binary } = value;
    return [
      [
        name,
        type.startsWith('Binary') ? { type, binary: Buffer.from(binary ?? []).toString('base64') } : { type, text: text ?? '' },
      ],
    ];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** For a single send, whose rejection is the answer. */
export function sentOrRefused(outcome: Outcome | undefined): Sent {
  if (outcome && 'rejection' in outcome) refuse(outcome.rejection);
  return (outcome as { readonly sent: Sent }).sent;
}
