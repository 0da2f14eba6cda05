import { hash } from 'node:crypto';
import type { OperationName } from '../../contract/operations.ts';
import { evaluatePolicies, evaluateTrust } from '../../platform/authorization/evaluate.ts';
import type { AuthorizationNeed, PolicyDocument, PolicyStatement } from '../../platform/authorization/policy.ts';
import { isSigned, signText } from '../../platform/authorization/signed-and-sealed.ts';
import type { Operation, OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { rejectionError } from '../../platform/errors/rejection.ts';
import type { WithSource } from '../../platform/ports/invocation.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { absentError, type Place, placeOf } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { defaultPolicy, invalidParameter, parseTopicPolicy } from './decide-topic.ts';
import type { TopicsPorts } from './ports.ts';
import {
  SUBSCRIPTION,
  type SubscriptionDocument,
  subscriptionKey,
  TOPIC,
  topicArn,
  type TopicDocument,
  topicKey,
} from './resources.ts';

export type TopicRow = Read<TopicDocument>;
export type SubscriptionRow = Read<SubscriptionDocument>;
type Reads = Pick<Store, 'get'>;

/** The topic's name. What belongs to another account or region is not there for this caller. */
function topicNameOf(context: OperationContext, text: string, member = 'TopicArn'): string {
  const arn = parseArn(text);
  if (arn?.service !== 'sns') {
    const parts = text.split(':').length;
    throw new ServiceError(
      'InvalidParameter',
      `Invalid parameter: ${member}${parts < 6 ? ` Reason: An ARN must have at least 6 elements, not ${parts}` : ''}`,
    );
  }
  if (arn.account !== context.account || arn.region !== context.region) throw absentError(TOPIC, placeOf(context), '');
  return arn.resource;
}

export async function readTopic(store: Reads, context: OperationContext, arn: string, member?: string): Promise<TopicRow> {
  const name = topicNameOf(context, arn, member);
  const row = await readRow<TopicDocument>(store, topicKey(placeOf(context), name));
  if (!row) throw absentError(TOPIC, placeOf(context), name);
  return row;
}

/** `<topic>:<id>`, what a subscription's ARN ends in. */
function subscriptionNameOf(context: OperationContext, text: string): string {
  const arn = parseArn(text);
  if (!arn || !/^[^:]+:[^:]+$/.test(arn.resource)) throw rejectionError(invalidParameter('SubscriptionArn'));
  if (arn.service !== 'sns' || arn.account !== context.account || arn.region !== context.region)
    throw absentError(SUBSCRIPTION, placeOf(context), '');
  return arn.resource;
}

/** One whose topic went is gone too, though its row may wait to be removed. */
export async function findSubscription(store: Reads, place: Place, name: string): Promise<SubscriptionRow | undefined> {
  const row = await readRow<SubscriptionDocument>(store, subscriptionKey(place, name));
  if (!row) return undefined;
  const topic = await readRow<TopicDocument>(store, topicKey(place, row.document.topic));
  return topic?.document.box === row.document.box ? row : undefined;
}

export async function readSubscription(store: Reads, context: OperationContext, arn: string): Promise<SubscriptionRow> {
  const name = subscriptionNameOf(context, arn);
  const row = await findSubscription(store, placeOf(context), name);
  if (!row) throw absentError(SUBSCRIPTION, placeOf(context), name);
  return row;
}

export function policyOf(row: TopicRow): PolicyDocument {
  const { Policy } = row.document.attributes;
  const parsed = Policy === undefined ? undefined : parseTopicPolicy(Policy);
  if (parsed && 'document' in parsed) return parsed.document;
  return defaultPolicy(topicArn(row.key, row.document.name), row.key.account);
}

/**
 * What an operation on one topic needs: a right of the caller's own, or one that the topic's policy gives. A name that leads to no topic here is
 * left to the operation to refuse, behind the question whether the caller may ask of any.
 */
export async function topicNeed(
  store: Reads,
  context: OperationContext,
  arnText: string | undefined,
  action: string,
  more: Partial<AuthorizationNeed> & WithSource = {},
): Promise<AuthorizationNeed[]> {
  const name = arnText === undefined ? undefined : ownName(context, arnText);
  const row = name === undefined ? undefined : await readRow<TopicDocument>(store, topicKey(placeOf(context), name));
  const resourcePolicy = row?.document.attributes['Policy'] === undefined ? undefined : policyOf(row);
  const { Source, ...need } = more;
  const arn = topicArn(context, name ?? '*');
  if (Source && resourcePolicy && allowsService(resourcePolicy, action, arn, Source)) return [];
  return [{ action, resources: [arn], ...need, ...(resourcePolicy && { resourcePolicy }) }];
}

/** What an ARN of SNS names in this account and region. */
function ownName(context: OperationContext, text: string): string | undefined {
  const arn = parseArn(text);
  return arn?.service === 'sns' && arn.account === context.account && arn.region === context.region ? arn.resource : undefined;
}

function allowsService(
  document: PolicyDocument,
  action: string,
  topic: string,
  { service, arn, account }: NonNullable<WithSource['Source']>,
): boolean {
  const context = new Map([
    ['aws:sourcearn', [arn]],
    ['aws:sourceaccount', [account]],
    ['aws:sourceowner', [account]],
  ]);
  // a trust policy names no resources, so statements about other topics are left out before
  const isHere = ({ Action, NotAction, Resource, NotResource }: PolicyStatement): boolean => {
    const Statement = { Effect: 'Allow', Action, NotAction, Resource, NotResource } as const;
    return evaluatePolicies([{ Statement }], { action, resource: topic, context }) === 'allow';
  };
  const Statement = [document.Statement].flat().filter((one) => isHere(one as PolicyStatement)) as PolicyStatement[];
  return evaluateTrust({ Statement }, { action, caller: { service }, context }) === 'allow';
}

export const topicNeeds =
  <N extends OperationName>(ports: Pick<TopicsPorts, 'store'>, action: string): Operation<N>['needs'] =>
  (input, context) =>
    topicNeed(ports.store, context, (input as { TopicArn: string }).TopicArn, action);

/** What an operation on one subscription needs, on its topic, as at AWS. */
export const subscriptionNeeds =
  <N extends OperationName>(action: string): Operation<N>['needs'] =>
  (input, context) => {
    const name = ownName(context, (input as { SubscriptionArn: string }).SubscriptionArn);
    return [{ action, resources: [topicArn(placeOf(context), name?.split(':')[0] ?? '*')] }];
  };

export const endpointDigest = (protocol: string, endpoint: string): string => hash('sha256', `${protocol}\n${endpoint}`);
export const tokenDigest = (token: string): string => hash('sha256', token);

const UNSUBSCRIBE = 'unsubscribe';

/** What an unsubscribe link carries besides the ARN, which others may know. */
export const unsubscribeSignature = (sealingKey: string, arn: string): string => signText(sealingKey, UNSUBSCRIBE, arn);

export const isUnsubscribeSigned = (sealingKey: string, arn: string, given: string): boolean =>
  isSigned(sealingKey, UNSUBSCRIBE, arn, given);
