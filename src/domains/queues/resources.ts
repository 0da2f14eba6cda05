import type { ResourceKey } from '../../platform/resource-key.ts';
import { arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

export const QUEUE: ResourceDeclaration = {
  kind: 'SQSQueue',
  service: 'sqs',
  arnType: '',
  absent: { code: 'QueueDoesNotExist', message: () => 'The specified queue does not exist.' },
  exists: {
    code: 'QueueNameExists',
    message: () => 'A queue already exists with the same name and a different value for an attribute.',
  },
};

/**
 * A message of a box. Its name is `<box>/<sequence>`, where a larger sequence was sent later; index: `parent` is the box, `ordinal`
 * when it can be received next (epoch ms), `facet` the box while it has a delay and was never received.
 */
export const MESSAGE_KIND = 'SQSMessage';
/** `<box>/<digest of the deduplication id>` of a FIFO queue; removed by its timer after five minutes. */
export const DEDUPLICATION_KIND = 'SQSDeduplication';

/** Attributes as clients set them; absent ones have the value of `DEFAULT_ATTRIBUTES`. */
export type QueueAttributes = { [name: string]: string };

export type QueueDocument = {
  name: string;
  /** Where its messages are. A new one at each creation and purge: what is in an old box is gone at once. */
  box: string;
  attributes: QueueAttributes;
  createdAtMs: number;
  modifiedAtMs: number;
  purgedAtMs?: number;
};

export type StoredAttribute = { type: string; text?: string /** base64 */; binary?: string };

export type MessageDocument = {
  messageId: string;
  body: string;
  attributes?: { [name: string]: StoredAttribute };
  traceHeader?: string;
  senderId: string;
  sentAtMs: number;
  receiveCount: number;
  firstReceivedAtMs?: number;
  group?: string;
  deduplicationId?: string;
  /** ARN of the queue whose dead letter this is. */
  sourceArn?: string;
};

/** Removes messages when their retention ends; key: the queue. */
export const QUEUE_RETENTION = 'queue-retention';
/** Removes what is in a box that no queue has any more; key: `boxKey`. */
export const QUEUE_REMAINS = 'queue-remains';

export const queueKey = (place: Place, name: string): ResourceKey => keyOf(QUEUE, place, name);
export const messageKey = (place: Place, name: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: MESSAGE_KIND,
  name,
});
export const boxKey = (place: Place, box: string): ResourceKey => ({ ...messageKey(place, box), kind: 'SQSBox' });

/** `arn:aws:sqs:<region>:<account>:<name>` */
export const queueArn = (place: Place, name: string): string => arnOf(QUEUE, place, name);

/**
 * Account and name of a queue URL, under whichever host a client knows us or AWS; undefined when it is no queue's. A bare name is taken
 * for the URL, as at AWS.
 */
export function parseQueueUrl(url: string): { readonly account?: string; readonly name: string } | undefined {
  if (/^[A-Za-z0-9_-]{1,80}(?:\.fifo)?$/.test(url)) return { name: url };
  const [, account, name] = /^(?:https?:\/\/[^/]+)?\/?(?:queue\/)?(\d{12})\/([A-Za-z0-9_.-]{1,80})$/.exec(url) ?? [];
  return account !== undefined && name !== undefined ? { account, name } : undefined;
}

export const isFifo = (queue: { readonly name: string }): boolean => queue.name.endsWith('.fifo');
