import { newNotice, type NoticeDocument, noticeKey, type NoticeTarget } from '../../platform/notices.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { Cursor } from '../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../platform/store/typed-rows.ts';
import {
  envelope,
  functionEvent,
  mailText,
  type Signed,
  textFor,
  type Unsigned,
  unsignedNotification,
} from './decide-envelope.ts';
import { parseFilter, passesFilter } from './decide-filter.ts';
import { effectivePolicy, retryDelaysMs } from './decide-retries.ts';
import { deadLetterOf, scopeOf } from './decide-subscription.ts';
import { signed, unsubscribeUrl } from './links.ts';
import type { TopicsPorts } from './ports.ts';
import {
  type MessageDocument,
  SUBSCRIPTION,
  subscriptionArn,
  type SubscriptionDocument,
  TOPIC_MESSAGE,
  topicArn,
  type TopicDocument,
  topicKey,
} from './resources.ts';
import { messageHeaders } from './subscribing.ts';

const PAGE = 50;
/** AWS goes on for 23 days with queues and functions, which are hardly ever away; here they are on the same server. */
const OWN_RETRIES = { attemptsMax: 100, ageSecondsMax: 6 * 3600 };
const HOUR_SECONDS = 3600;

type MessageRow = Read<MessageDocument>;

/**
 * Writes a notice for each subscription that wants the message, a page in a commit: dying in between goes on behind the last page. The
 * names say message and subscription, so that no page can be written twice.
 */
export const messageReconciler = (ports: TopicsPorts): Reconciler => ({
  name: TOPIC_MESSAGE,
  async reconcile(key) {
    for (;;) {
      const row = await readRow<MessageDocument>(ports.store, key);
      if (!row || !(await handPage(ports, row))) return;
    }
  },
});

/** Whether there is more to do. */
async function handPage(ports: TopicsPorts, { key, version, document, index }: MessageRow): Promise<boolean> {
  const topic = await readRow<TopicDocument>(ports.store, topicKey(key, document.topic));
  const there = topic?.document.box === document.box;
  const after: Cursor | undefined = document.after === undefined ? undefined : { sort: document.after, name: document.after };
  const page = await listRows<SubscriptionDocument>(ports.store, {
    account: key.account,
    region: key.region,
    kind: SUBSCRIPTION.kind,
    parent: document.box,
    sortBy: 'name',
    order: 'ascending',
    limit: PAGE,
    ...(after && { after }),
  });
  const wanted = there && topic ? page.rows.filter((one) => one.document.confirmed && wants(one.document, document)) : [];
  const nowMs = ports.clock.now();
  const notices = await Promise.all(
    wanted.map(async (one) => {
      const id = one.document.name.split(':')[1];
      const notice = await noticeFor(ports, topic as Read<TopicDocument>, one.document, document);
      return newNotice(noticeKey(key, `sns/${document.messageId}/${id}`), notice, nowMs);
    }),
  );
  const more = there && page.next !== undefined;
  const last = page.rows.at(-1)?.document.name;
  await ports.store.commit({
    expect: [{ key, version }],
    write: [
      ...notices.map(({ write }) => write),
      ...(more && last !== undefined ? [{ key, document: { ...document, after: last }, index }] : []),
    ],
    ...(!more && { remove: [key] }),
    timers: [...notices.map(({ timer }) => timer), ...(more ? [] : [{ reconciler: TOPIC_MESSAGE, key, dueAtMs: null }])],
  });
  return true; // a conflict looks again too; when the row is gone there is nothing left
}

function wants({ attributes, protocol }: SubscriptionDocument, message: MessageDocument): boolean {
  const policy = attributes['FilterPolicy'];
  if (policy === undefined || policy === '{}') return true;
  const filter = parseFilter(policy, scopeOf(attributes));
  return !('rejection' in filter) && passesFilter(filter, textFor(message, protocol), message.attributes);
}

async function noticeFor(
  ports: TopicsPorts,
  topic: Read<TopicDocument>,
  subscription: SubscriptionDocument,
  message: MessageDocument,
): Promise<NoticeDocument> {
  const place = topic.key;
  const arn = topicArn(place, message.topic);
  const own = subscriptionArn(place, subscription.name);
  const deadLetter = deadLetterOf(subscription.attributes['RedrivePolicy']);
  const unsigned = unsignedNotification(message, arn, subscription.protocol);
  const version = topic.document.attributes['SignatureVersion'] === '2' ? '2' : '1';
  const raw = subscription.attributes['RawMessageDelivery'] === 'true';
  const signature = raw ? undefined : await signed(ports, subscription.serverUrl, version, unsigned);
  const { retries, contentType } = effectivePolicy(
    topic.document.attributes['DeliveryPolicy'],
    subscription.attributes['DeliveryPolicy'],
  );
  const isUrl = subscription.protocol === 'http' || subscription.protocol === 'https';
  return {
    to: targetOf(subscription, own, unsigned, message, contentType),
    body: bodyOf(ports, subscription, own, unsigned, signature, message),
    sender: subscription.sender,
    about: arn,
    attempts: 0,
    retry: isUrl
      ? { attemptsMax: retries.numRetries, ageSecondsMax: HOUR_SECONDS, delaysMs: retryDelaysMs(retries) }
      : OWN_RETRIES,
    ...(deadLetter !== undefined && { deadLetter: { arn: deadLetter, attributes: {} } }),
  };
}

function targetOf(
  { protocol, endpoint, attributes }: SubscriptionDocument,
  arn: string,
  unsigned: Unsigned,
  message: MessageDocument,
  contentType: string,
): NoticeTarget {
  const raw = attributes['RawMessageDelivery'] === 'true';
  if (protocol === 'lambda') return { kind: 'function', arn: endpoint };
  if (protocol === 'sqs') {
    const typed = Object.entries(message.attributes ?? {}).map(([name, { Type, Value }]) => [name, { type: Type, value: Value }]);
    return {
      kind: 'queue',
      arn: endpoint,
      ...(message.group !== undefined && { group: message.group }),
      ...(raw && typed.length > 0 && { attributes: Object.fromEntries(typed) }),
    };
  }
  if (protocol === 'email' || protocol === 'email-json') {
    const subject = message.subject ?? 'AWS Notification Message';
    return {
      kind: 'mail',
      arn,
      address: endpoint,
      subject,
      messageId: `${message.messageId}.${arn.split(':').at(-1)}@slipway.invalid`,
    };
  }
  const headers = { ...messageHeaders(unsigned, arn, contentType), ...(raw && { 'x-amz-sns-rawdelivery': 'true' }) };
  return { kind: 'http', arn, url: endpoint, method: 'POST', headers };
}

function bodyOf(
  ports: TopicsPorts,
  { protocol, endpoint, serverUrl }: SubscriptionDocument,
  arn: string,
  unsigned: Unsigned,
  signature: Signed | undefined,
  message: MessageDocument,
): string {
  if (!signature) return textFor(message, protocol);
  const link = unsubscribeUrl(ports, serverUrl, arn);
  if (protocol === 'email') return mailText(textFor(message, protocol), endpoint, link);
  if (protocol === 'lambda') return functionEvent(unsigned, signature, { arn, unsubscribeUrl: link }, message.attributes);
  return envelope(unsigned, signature, {
    UnsubscribeURL: link,
    ...(message.attributes && { MessageAttributes: message.attributes }),
  });
}
