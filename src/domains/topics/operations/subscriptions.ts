import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted, refuse } from '../../../platform/errors/rejection.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { storedPrincipal } from '../../../platform/notices.ts';
import { NO_MAIL } from '../../../platform/ports/mail.ts';
import { existsError, type Place, placeOf } from '../../../platform/resources/declaration.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { ListQuery } from '../../../platform/store/port.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import { shownPolicy } from '../decide-retries.ts';
import {
  deadLetterOf,
  mergedAttributes,
  parseProtocol,
  rejectedEndpoint,
  rejectedSubscriptionAttribute,
  rejectedSubscriptionAttributes,
} from '../decide-subscription.ts';
import { invalidParameter } from '../decide-topic.ts';
import { linkOrigin } from '../links.ts';
import { confirm, newPending, subscriptionIndex, unsubscribeParts } from '../subscribing.ts';
import {
  endpointDigest,
  findSubscription,
  readSubscription,
  readTopic,
  subscriptionNeeds,
  topicNeed,
  topicNeeds,
  type TopicRow,
} from '../topic-access.ts';
import {
  type Attributes,
  endpointKey,
  type Protocol,
  SUBSCRIPTION,
  subscriptionArn,
  type SubscriptionDocument,
  subscriptionKey,
  topicArn,
  type TopicDocument,
  topicKey,
} from '../resources.ts';
import type { TopicsPorts } from '../ports.ts';
import { pageToken } from './topics.ts';

const PAGE = 100;
const PENDING = 'PendingConfirmation';

export const subscriptionOperations = (ports: TopicsPorts): AnyOperation[] => [
  subscribe(ports),
  confirmSubscription(ports),
  unsubscribe(ports),
  getSubscriptionAttributes(ports),
  setSubscriptionAttributes(ports),
  listSubscriptions(ports),
  listSubscriptionsByTopic(ports),
];

/** What the server cannot reach, or must not, is refused when it is named; names are looked at again whenever something is sent. */
function checkReach({ outgoing, mail }: TopicsPorts, protocol: Protocol, endpoint: string): void {
  if (protocol === 'email' || protocol === 'email-json') {
    if (!mail) refuse(invalidParameter(`Endpoint Reason: ${NO_MAIL}`));
    return;
  }
  if (protocol !== 'http' && protocol !== 'https') return;
  const problem = outgoing ? outgoing.problemOf(endpoint) : 'This server sends nothing to addresses.';
  if (problem !== undefined) refuse(invalidParameter(`Endpoint Reason: ${problem}`));
}

const subscribe = (ports: TopicsPorts) =>
  operation('sns:Subscribe', {
    effect: 'change',
    needs: (input, context) =>
      topicNeed(ports.store, context, input.TopicArn, 'sns:Subscribe', {
        context: { 'sns:Protocol': input.Protocol, 'sns:Endpoint': input.Endpoint ?? '' },
      }),
    async handle(input, context) {
      await readTopic(ports.store, context, input.TopicArn);
      const protocol = accepted(parseProtocol(input.Protocol));
      const endpoint = input.Endpoint ?? '';
      if (endpoint === '') refuse(invalidParameter('Endpoint'));
      const attributes = mergedAttributes({}, input.Attributes ?? {});
      refuse(rejectedEndpoint(protocol, endpoint, placeOf(context)) ?? rejectedSubscriptionAttributes(attributes, protocol));
      checkReach(ports, protocol, endpoint);
      const asked = { protocol, endpoint, attributes };
      const row = await decideAndCommit(ports.store, () => subscribeOnce(ports, context, input.TopicArn, asked));
      const arn = subscriptionArn(context, row.name);
      return { SubscriptionArn: row.confirmed || input.ReturnSubscriptionArn ? arn : 'pending confirmation' };
    },
  });

interface Asked {
  readonly protocol: Protocol;
  readonly endpoint: string;
  readonly attributes: Attributes;
}

/** An endpoint is subscribed once; asked again, a pending one gets a new token. */
async function subscribeOnce(
  ports: TopicsPorts,
  context: OperationContext,
  arn: string,
  { protocol, endpoint, attributes }: Asked,
) {
  const topic = await readTopic(ports.store, context, arn);
  const { name: topicName, box } = topic.document;
  const claim = endpointKey(context, box, endpointDigest(protocol, endpoint));
  const claimed = await readRow<{ name: string }>(ports.store, claim);
  const found = claimed && (await readRow<SubscriptionDocument>(ports.store, subscriptionKey(context, claimed.document.name)));
  if (found) {
    const differs = Object.entries(attributes).some(([member, value]) => found.document.attributes[member] !== value);
    if (differs) throw existsError(SUBSCRIPTION, placeOf(context), '');
    if (found.document.confirmed) return { result: found.document };
  }
  const confirmed = protocol === 'sqs' || protocol === 'lambda';
  const document: SubscriptionDocument = found?.document ?? {
    name: `${topicName}:${ports.ids.uuid()}`,
    topic: topicName,
    box,
    protocol,
    endpoint,
    attributes,
    confirmed,
    authenticated: confirmed,
    sender: storedPrincipal(context.principal),
    principalArn: context.principal.arn,
    serverUrl: linkOrigin(context.client?.endpoint, ports.serverUrl()),
  };
  const pending = confirmed ? undefined : await newPending(ports, context, topic, document);
  const written = pending?.document ?? document;
  const key = subscriptionKey(context, document.name);
  return {
    commit: {
      expect: [
        { key: topic.key, version: topic.version },
        { key: claim, version: claimed?.version ?? 0 },
        { key, version: found?.version ?? 0 },
      ],
      write: [
        { key, document: written, index: subscriptionIndex(written, found?.index.createdAtMs ?? context.nowMs, context.nowMs) },
        { key: claim, document: { name: document.name }, index: { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs } },
        ...(pending ? [pending.notice.write] : []),
      ],
      timers: pending ? [pending.notice.timer, pending.expiry] : [],
      ledger: [
        entryOf(context, 'sns:Subscribe', [arn, subscriptionArn(context, document.name)], {
          Protocol: [null, protocol],
          Endpoint: [null, endpoint],
        }),
      ],
    },
    result: written,
  };
}

const confirmSubscription = (ports: TopicsPorts) =>
  operation('sns:ConfirmSubscription', {
    effect: 'change',
    needs: topicNeeds<'sns:ConfirmSubscription'>(ports, 'sns:ConfirmSubscription'),
    async handle(input, context) {
      const topic = await readTopic(ports.store, context, input.TopicArn);
      const name = await confirm(ports, topic, input.Token, {
        nowMs: context.nowMs,
        authenticated: true,
        guarded: input.AuthenticateOnUnsubscribe === 'true',
        entry: (resources, changes) => entryOf(context, 'sns:ConfirmSubscription', resources, changes),
      });
      if (name === undefined) throw new ServiceError('InvalidParameter', 'Invalid parameter: Token');
      return { SubscriptionArn: subscriptionArn(context, name) };
    },
  });

/** One that is not there is no fault, as at AWS. */
const unsubscribe = (ports: TopicsPorts) =>
  operation('sns:Unsubscribe', {
    effect: 'change',
    needs: subscriptionNeeds<'sns:Unsubscribe'>('sns:Unsubscribe'),
    async handle(input, context) {
      await decideAndCommit(ports.store, async () => {
        const row = await readSubscription(ports.store, context, input.SubscriptionArn).catch((error: unknown) => {
          if (error instanceof ServiceError && error.finding === 'absent') return undefined;
          throw error;
        });
        if (!row) return { result: undefined };
        if (!row.document.confirmed) {
          refuse(invalidParameter('SubscriptionArn Reason: The subscription is not confirmed.'));
        }
        const entry = entryOf(context, 'sns:Unsubscribe', [input.SubscriptionArn], { Endpoint: [row.document.endpoint, null] });
        return { commit: { ...unsubscribeParts(row), ledger: [entry] }, result: undefined };
      });
      return {};
    },
  });

const getSubscriptionAttributes = (ports: TopicsPorts) =>
  operation('sns:GetSubscriptionAttributes', {
    effect: 'read',
    needs: subscriptionNeeds<'sns:GetSubscriptionAttributes'>('sns:GetSubscriptionAttributes'),
    async handle(input, context) {
      const { document } = await readSubscription(ports.store, context, input.SubscriptionArn);
      const { attributes, protocol } = document;
      const topic = await readRow<TopicDocument>(ports.store, topicKey(context, document.topic));
      const isUrl = protocol === 'http' || protocol === 'https';
      return {
        Attributes: {
          RawMessageDelivery: 'false',
          ...attributes,
          ...(attributes['FilterPolicy'] !== undefined && {
            FilterPolicyScope: attributes['FilterPolicyScope'] ?? 'MessageAttributes',
          }),
          SubscriptionArn: subscriptionArn(context, document.name),
          TopicArn: topicArn(context, document.topic),
          Owner: context.account,
          Protocol: protocol,
          Endpoint: document.endpoint,
          PendingConfirmation: String(!document.confirmed),
          ConfirmationWasAuthenticated: String(document.authenticated),
          SubscriptionPrincipal: document.principalArn,
          ...(isUrl && {
            EffectiveDeliveryPolicy: shownPolicy(
              topic?.document.attributes['DeliveryPolicy'],
              attributes['DeliveryPolicy'],
              'subscription',
            ),
          }),
        },
      };
    },
  });

const setSubscriptionAttributes = (ports: TopicsPorts) =>
  operation('sns:SetSubscriptionAttributes', {
    effect: 'change',
    async needs(input, context) {
      const needs = await subscriptionNeeds<'sns:SetSubscriptionAttributes'>('sns:SetSubscriptionAttributes')(input, context);
      // letters go with the rights of whoever subscribed: nobody else may point them at a queue that is not theirs to write to
      const letters = input.AttributeName === 'RedrivePolicy' ? deadLetterOf(input.AttributeValue) : undefined;
      return letters === undefined ? needs : [...needs, { action: 'sqs:SendMessage', resources: [letters] }];
    },
    async handle({ SubscriptionArn, AttributeName, AttributeValue = '' }, context) {
      await decideAndCommit(ports.store, async () => {
        const { key, version, document, index } = await readSubscription(ports.store, context, SubscriptionArn);
        const attributes = mergedAttributes(document.attributes, { [AttributeName]: AttributeValue });
        refuse(rejectedSubscriptionAttribute(AttributeName, AttributeValue, document.protocol, attributes));
        if (AttributeName === 'FilterPolicyScope' && attributes['FilterPolicy'] !== undefined) {
          refuse(rejectedSubscriptionAttribute('FilterPolicy', attributes['FilterPolicy'], document.protocol, attributes));
        }
        const changes = changedMembers(document.attributes, attributes);
        if (Object.keys(changes).length === 0) return { result: undefined };
        return {
          commit: {
            expect: [{ key, version }],
            write: [{ key, document: { ...document, attributes }, index: { ...index, modifiedAtMs: context.nowMs } }],
            ledger: [entryOf(context, 'sns:SetSubscriptionAttributes', [SubscriptionArn], changes)],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

const listSubscriptions = (ports: TopicsPorts) =>
  operation('sns:ListSubscriptions', {
    effect: 'read',
    needs: (_input, context) => [{ action: 'sns:ListSubscriptions', resources: [topicArn(context, '*')] }],
    handle: (input, context) => listPage(ports, context, { after: pageToken(input.NextToken) }),
  });

const listSubscriptionsByTopic = (ports: TopicsPorts) =>
  operation('sns:ListSubscriptionsByTopic', {
    effect: 'read',
    needs: topicNeeds<'sns:ListSubscriptionsByTopic'>(ports, 'sns:ListSubscriptionsByTopic'),
    async handle(input, context) {
      const topic: TopicRow = await readTopic(ports.store, context, input.TopicArn);
      return listPage(ports, context, { parent: topic.document.box, after: pageToken(input.NextToken) });
    },
  });

async function listPage({ store }: TopicsPorts, context: OperationContext, query: Pick<ListQuery, 'parent' | 'after'>) {
  const place: Place = placeOf(context);
  const page = await listRows<SubscriptionDocument>(store, {
    ...place,
    ...query,
    kind: SUBSCRIPTION.kind,
    sortBy: 'name',
    order: 'ascending',
    limit: PAGE,
  });
  const there = await Promise.all(page.rows.map(({ document }) => findSubscription(store, place, document.name)));
  const token = encodePageToken(page.next);
  return {
    Subscriptions: there
      .filter((row) => row !== undefined)
      .map(({ document }) => ({
        SubscriptionArn: document.confirmed ? subscriptionArn(place, document.name) : PENDING,
        Owner: context.account,
        Protocol: document.protocol,
        Endpoint: document.endpoint,
        TopicArn: topicArn(place, document.topic),
      })),
    ...(token !== undefined && { NextToken: token }),
  };
}
