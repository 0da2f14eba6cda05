import type { Json } from '../../platform/json.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import { newNotice, noticeKey, type NoticeTarget } from '../../platform/notices.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit, RowIndex } from '../../platform/store/port.ts';
import { listRows, readRow } from '../../platform/store/typed-rows.ts';
import { confirmationMail, confirmationText, envelope, type Unsigned } from './decide-envelope.ts';
import { effectivePolicy, retryDelaysMs } from './decide-retries.ts';
import { confirmUrl, signed } from './links.ts';
import type { TopicsPorts } from './ports.ts';
import {
  endpointKey,
  PENDING_SUBSCRIPTION,
  SUBSCRIPTION,
  subscriptionArn,
  type SubscriptionDocument,
  subscriptionKey,
  topicArn,
} from './resources.ts';
import { endpointDigest, type SubscriptionRow, tokenDigest, type TopicRow } from './topic-access.ts';

/** How long a token confirms, and a subscription waits for that; AWS says two days. */
const PENDING_MS = 2 * 24 * 3600 * 1000;
const HOUR_SECONDS = 3600;

export const subscriptionIndex = ({ box, confirmed }: SubscriptionDocument, createdAtMs: number, nowMs: number): RowIndex => ({
  parent: box,
  facet: confirmed ? 'confirmed' : 'pending',
  ordinal: 0,
  createdAtMs,
  modifiedAtMs: nowMs,
});

/** A subscription that waits, with a new token, and the message that brings the token to its endpoint and nowhere else. */
export async function newPending(
  ports: TopicsPorts,
  { account, region, nowMs }: Place & { readonly nowMs: number },
  topic: TopicRow,
  document: SubscriptionDocument,
) {
  const place = { account, region };
  const token = Buffer.from(ports.ids.bytes(64)).toString('hex');
  const messageId = ports.ids.uuid();
  const arn = topicArn(place, document.topic);
  const link = confirmUrl(document.serverUrl, arn, token);
  const message: Unsigned = {
    Type: 'SubscriptionConfirmation',
    MessageId: messageId,
    Token: token,
    TopicArn: arn,
    Message: confirmationText(arn),
    SubscribeURL: link,
    Timestamp: new Date(nowMs).toISOString(),
  };
  const version = topic.document.attributes['SignatureVersion'] === '2' ? '2' : '1';
  const json = async () => envelope(message, await signed(ports, document.serverUrl, version, message), {});
  const body = document.protocol === 'email' ? confirmationMail(arn, link) : await json();
  const { retries } = effectivePolicy(topic.document.attributes['DeliveryPolicy'], document.attributes['DeliveryPolicy']);
  const notice = newNotice(
    noticeKey(place, `sns/${messageId}`),
    {
      to: targetOf(document, place, message, 'AWS Notification - Subscription Confirmation'),
      body,
      about: arn,
      attempts: 0,
      retry: { attemptsMax: retries.numRetries, ageSecondsMax: HOUR_SECONDS, delaysMs: retryDelaysMs(retries) },
    },
    nowMs,
  );
  const key = subscriptionKey(place, document.name);
  return {
    document: { ...document, tokenDigest: tokenDigest(token) },
    notice,
    expiry: { reconciler: PENDING_SUBSCRIPTION, key, dueAtMs: nowMs + PENDING_MS },
  };
}

/** Where what asks for a confirmation goes: a URL or a mail address. */
function targetOf(
  { protocol, endpoint, name }: SubscriptionDocument,
  place: Place,
  message: Unsigned,
  subject: string,
): NoticeTarget {
  const arn = subscriptionArn(place, name);
  if (protocol === 'email' || protocol === 'email-json') {
    return { kind: 'mail', arn, address: endpoint, subject, messageId: `${message.MessageId}@slipway.invalid` };
  }
  return { kind: 'http', arn, url: endpoint, method: 'POST', headers: messageHeaders(message, undefined) };
}

export const messageHeaders = (
  { Type, MessageId, TopicArn }: Pick<Unsigned, 'Type' | 'MessageId' | 'TopicArn'>,
  subscription: string | undefined,
  contentType = 'text/plain; charset=UTF-8',
): { [name: string]: string } => ({
  'content-type': contentType,
  'user-agent': 'Amazon Simple Notification Service Agent',
  'x-amz-sns-message-type': Type,
  'x-amz-sns-message-id': MessageId,
  'x-amz-sns-topic-arn': TopicArn,
  ...(subscription !== undefined && { 'x-amz-sns-subscription-arn': subscription }),
});

interface Confirmation {
  readonly nowMs: number;
  readonly authenticated: boolean;
  readonly guarded: boolean;
  readonly entry: (resources: string[], changes: { [member: string]: readonly [Json, Json] }) => LedgerInput;
}

/** The subscription of the topic that this token belongs to; undefined when it confirms nothing (any more). */
export async function subscriptionOfToken(
  { store }: TopicsPorts,
  topic: TopicRow,
  token: string,
): Promise<SubscriptionRow | undefined> {
  const digest = tokenDigest(token);
  let after: { readonly sort: string | number; readonly name: string } | undefined;
  do {
    const page = await listRows<SubscriptionDocument>(store, {
      account: topic.key.account,
      region: topic.key.region,
      kind: SUBSCRIPTION.kind,
      parent: topic.document.box,
      sortBy: 'name',
      order: 'ascending',
      limit: 500,
      ...(after && { after }),
    });
    const found = page.rows.find(({ document }) => document.tokenDigest === digest);
    if (found) return found;
    after = page.next;
  } while (after);
  return undefined;
}

/** The name of the subscription that is confirmed now; a token that did so before is answered the same. */
export async function confirm(
  ports: TopicsPorts,
  topic: TopicRow,
  token: string,
  how: Confirmation,
): Promise<string | undefined> {
  return decideAndCommit(ports.store, async () => {
    const row = await subscriptionOfToken(ports, topic, token);
    if (!row || row.document.confirmed) return { result: row?.document.name };
    const { key, version, document, index } = row;
    const next: SubscriptionDocument = {
      ...document,
      confirmed: true,
      authenticated: how.authenticated,
      ...(how.guarded && { guarded: true }),
    };
    const arn = subscriptionArn(key, document.name);
    return {
      commit: {
        expect: [{ key, version }],
        write: [{ key, document: next, index: subscriptionIndex(next, index.createdAtMs, how.nowMs) }],
        timers: [{ reconciler: PENDING_SUBSCRIPTION, key, dueAtMs: null }],
        ledger: [how.entry([topicArn(key, document.topic), arn], { PendingConfirmation: ['true', 'false'] })],
      },
      result: document.name,
    };
  });
}

/** The claim of a subscription on its endpoint. */
export const endpointKeyOf = ({ key, document }: SubscriptionRow): ResourceKey =>
  endpointKey(key, document.box, endpointDigest(document.protocol, document.endpoint));

/** What removes a subscription. */
export const unsubscribeParts = (row: SubscriptionRow): Commit => ({
  expect: [{ key: row.key, version: row.version }],
  remove: [row.key, endpointKeyOf(row)],
  timers: [{ reconciler: PENDING_SUBSCRIPTION, key: row.key, dueAtMs: null }],
});

/** Unsubscribes by the link of a message. */
export async function unsubscribeByLink(ports: TopicsPorts, name: string, place: Place, entry: (arn: string) => LedgerInput) {
  await decideAndCommit(ports.store, async () => {
    const row = await readRow<SubscriptionDocument>(ports.store, subscriptionKey(place, name));
    if (!row) return { result: undefined };
    return { commit: { ...unsubscribeParts(row), ledger: [entry(subscriptionArn(place, name))] }, result: undefined };
  });
}
