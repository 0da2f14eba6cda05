import { checkPolicy } from '../../platform/authorization/parse-policy.ts';
import type { PolicyDocument, PolicyStatement } from '../../platform/authorization/policy.ts';
import { missing, type Rejection } from '../../platform/errors/rejection.ts';
import { parseDeliveryPolicy } from './decide-retries.ts';
import type { Attributes } from './resources.ts';

/** Names, attributes and policies of topics; pure. Rules and words are those of AWS's CreateTopic and SetTopicAttributes. */

export const invalidParameter = (what: string): Rejection => ({
  code: 'InvalidParameter',
  message: `Invalid parameter: ${what}`,
});

/** Kept as they are told; what they mean here says the guide. */
const TEXTS = ['DisplayName', 'KmsMasterKeyId'];

export function rejectedTopicName(name: string): Rejection | undefined {
  if (/^[A-Za-z0-9_-]{1,251}\.fifo$/.test(name)) return missing('FIFO topics are not implemented.');
  return /^[A-Za-z0-9_-]{1,256}$/.test(name) ? undefined : invalidParameter('Topic Name');
}

export function rejectedTopicAttributes(attributes: Attributes): Rejection | undefined {
  for (const [name, value] of Object.entries(attributes)) {
    const rejection = rejectedTopicAttribute(name, value);
    if (rejection) return rejection;
  }
  return undefined;
}

export function rejectedTopicAttribute(name: string, value: string): Rejection | undefined {
  if (TEXTS.includes(name)) return value.length > 2048 ? invalidParameter(`Attributes Reason: ${name} is too long`) : undefined;
  switch (name) {
    case 'Policy':
      return value === '' ? undefined : rejectionOf(parseTopicPolicy(value));
    case 'DeliveryPolicy':
      return value === '' ? undefined : rejectionOf(parseDeliveryPolicy(value, 'topic'));
    case 'SignatureVersion':
      return value === '1' || value === '2' ? undefined : invalidParameter('SignatureVersion Reason: must be 1 or 2');
    case 'TracingConfig':
      return value === 'PassThrough' ? undefined : missing('Tracing of topics other than PassThrough is not implemented.');
    case 'FifoTopic':
      return value === 'false' ? undefined : missing('FIFO topics are not implemented.');
    case 'ContentBasedDeduplication':
    case 'FifoThroughputScope':
      return invalidParameter(`Attributes Reason: ${name} is for FIFO topics`);
    case 'ArchivePolicy':
      return missing('Archives of messages are not implemented.');
    default:
      if (/^(HTTP|Firehose|Lambda|Application|SQS)(Success|Failure)Feedback(RoleArn|SampleRate)$/.test(name)) {
        return missing(`Delivery status logging (${name}) is not implemented.`);
      }
      return invalidParameter('AttributeName');
  }
}

export const rejectionOf = (parsed: object): Rejection | undefined =>
  'rejection' in parsed ? (parsed as { rejection: Rejection }).rejection : undefined;

/** A topic's policy: statements that name principals and resources both. */
export function parseTopicPolicy(text: string): { readonly document: PolicyDocument } | { readonly rejection: Rejection } {
  const wrong = (why: string) => ({ rejection: invalidParameter(`Policy Error: ${why}`) });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return wrong('null');
  }
  const whole = parsed as { Statement?: unknown };
  const statements = asList(whole?.Statement) as PolicyStatement[];
  if (statements.length === 0 || statements.some((one) => typeof one !== 'object' || one === null)) {
    return wrong('the policy must have statements');
  }
  if (statements.some((one) => one.Principal === undefined)) return wrong('every statement must name a Principal');
  // checked as the two kinds of policy that IAM has: one without principals, one without resources
  const rights = checkPolicy({ ...whole, Statement: statements.map(({ Principal: _named, ...rest }) => rest) }, 'identity');
  if ('problem' in rights) return wrong(rights.problem);
  const trust = statements.map(({ Resource: _named, NotResource: _others, ...rest }) => rest);
  const principals = checkPolicy({ ...whole, Statement: trust }, 'trust');
  return 'problem' in principals ? wrong(principals.problem) : { document: parsed as PolicyDocument };
}

const asList = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** What AWS shows of a topic that was given no policy. Its condition holds for no caller, so that it lets nobody in by itself. */
export const defaultPolicy = (arn: string, account: string): PolicyDocument => ({
  Version: '2008-10-17',
  Id: '__default_policy_ID',
  Statement: [
    {
      Effect: 'Allow',
      Sid: '__default_statement_ID',
      Principal: { AWS: '*' },
      Action: [
        'SNS:GetTopicAttributes',
        'SNS:SetTopicAttributes',
        'SNS:AddPermission',
        'SNS:RemovePermission',
        'SNS:DeleteTopic',
        'SNS:Subscribe',
        'SNS:ListSubscriptionsByTopic',
        'SNS:Publish',
      ],
      Resource: arn,
      Condition: { StringEquals: { 'AWS:SourceOwner': account } },
    },
  ],
});

/** Actions that AddPermission may lend. */
const LENDABLE = [
  'Publish',
  'Subscribe',
  'RemovePermission',
  'GetTopicAttributes',
  'DeleteTopic',
  'AddPermission',
  'ListSubscriptionsByTopic',
  'SetTopicAttributes',
];

interface Permission {
  readonly label: string;
  readonly accounts: readonly string[];
  readonly actions: readonly string[];
}

/** The policy with one statement more. */
export function withPermission(policy: PolicyDocument, arn: string, permission: Permission): PolicyDocument | Rejection {
  const statements = asList(policy.Statement) as PolicyStatement[];
  const { label, accounts, actions } = permission;
  if (statements.some(({ Sid }) => Sid === label)) return { code: 'InvalidParameter', message: 'Statement already exists' };
  if (!actions.every((action) => LENDABLE.includes(action))) {
    return invalidParameter('Policy statement action out of service scope!');
  }
  const named = accounts.map((account) => `arn:aws:iam::${account}:root`);
  const listed = actions.map((action) => `SNS:${action}`);
  const statement: PolicyStatement = {
    Sid: label,
    Effect: 'Allow',
    Principal: { AWS: named.length === 1 ? (named[0] as string) : named },
    Action: listed.length === 1 ? (listed[0] as string) : listed,
    Resource: arn,
  };
  const next = { ...policy, Statement: [...statements, statement] };
  // a policy that cannot be read back would lose every other statement too
  return rejectionOf(parseTopicPolicy(JSON.stringify(next))) ?? next;
}

export function withoutPermission(policy: PolicyDocument, label: string): PolicyDocument {
  const statements = asList(policy.Statement) as PolicyStatement[];
  return { ...policy, Statement: statements.filter(({ Sid }) => Sid !== label) };
}
