import type { PolicyDocument, PolicyStatement } from '../../platform/authorization/policy.ts';
import { parsePolicy, type PolicyUse } from '../../platform/authorization/parse-policy.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import type { Tags } from './resources.ts';

/** AWS: characters of a trust policy, white space not counted. */
const TRUST_CHARS_MAX = 2_048;
const TAGS_MAX = 50;
/** What a trust policy may allow, patterns among it. Asked when it is written only: what is stored stays readable. */
const TRUST_ACTION = /^(\*|sts:(\S*\*\S*|AssumeRole(WithSAML|WithWebIdentity)?|TagSession|SetSourceIdentity|SetContext))$/i;

export function rejectPolicy(text: string, use: PolicyUse): Rejection | undefined {
  const parsed = parsePolicy(text, use);
  return 'problem' in parsed ? { code: 'MalformedPolicyDocument', message: parsed.problem } : undefined;
}

export function rejectTrust(text: string): Rejection | undefined {
  if (charsOf(text) > TRUST_CHARS_MAX) {
    return { code: 'LimitExceeded', message: `Cannot exceed quota for ACLSizePerRole: ${TRUST_CHARS_MAX}` };
  }
  const parsed = parsePolicy(text, 'trust');
  if ('problem' in parsed) return { code: 'MalformedPolicyDocument', message: parsed.problem };
  const actions = [parsed.document.Statement].flat().flatMap((statement) => statement.Action ?? []);
  const stray = actions.find((action) => !TRUST_ACTION.test(action));
  if (stray === undefined) return undefined;
  const message = `AssumeRole policy may only specify STS AssumeRole actions, not ${JSON.stringify(stray)}.`;
  return { code: 'MalformedPolicyDocument', message };
}

export const charsOf = (text: string): number => text.replace(/\s/g, '').length;

/** Tags after adding; IAM compares keys without regard to case. */
export function decideTags(before: Tags, added: Tags): { readonly tags: Tags } | { readonly rejection: Rejection } {
  const keys = new Set<string>();
  for (const { Key } of added) {
    const key = Key.toLowerCase();
    if (keys.has(key)) {
      return {
        rejection: { code: 'InvalidInput', message: 'Duplicate tag keys found. Please note that Tag keys are case insensitive.' },
      };
    }
    if (key.startsWith('aws:')) {
      return { rejection: { code: 'InvalidInput', message: `Tag key ${Key} starts with aws:, which is reserved for AWS.` } };
    }
    keys.add(key);
  }
  const kept = before.filter(({ Key }) => !keys.has(Key.toLowerCase()));
  const tags = [...kept, ...added.map(({ Key, Value }) => ({ Key, Value }))];
  if (tags.length > TAGS_MAX) {
    return { rejection: { code: 'LimitExceeded', message: `The number of tags has reached the maximum limit: ${TAGS_MAX}.` } };
  }
  return { tags };
}

/** The name a role ARN ends in, its path left out; undefined when it is no role ARN of `account`. */
export function roleNameOf(account: string, roleArn: string): string | undefined {
  const arn = parseArn(roleArn);
  if (arn?.service !== 'iam' || arn.account !== account || !arn.resource.startsWith('role/')) return undefined;
  return arn.resource.slice(arn.resource.lastIndexOf('/') + 1);
}

/** A session's name may hold only these; services build it from job names and ids. */
export function sessionNameOf(text: string): string {
  const name = text.replace(/[^\w+=,.@-]/g, '-').slice(0, 64);
  return name.length < 2 ? `${name}-session` : name;
}

/**
 * The session policy of a session that was opened from within another: what the outer one denies stays denied, so that no
 * job gets rid of its bounds by assuming one more role.
 */
export function inheritSessionPolicy(
  outer: PolicyDocument | undefined,
  own: PolicyDocument | undefined,
): PolicyDocument | undefined {
  const denials = statementsOf(outer).filter(({ Effect }) => Effect === 'Deny');
  if (denials.length === 0) return own;
  const allowed: readonly PolicyStatement[] = own ? statementsOf(own) : [{ Effect: 'Allow', Action: '*', Resource: '*' }];
  return { Version: '2012-10-17', Statement: [...allowed, ...denials] };
}

function statementsOf(document: PolicyDocument | undefined): readonly PolicyStatement[] {
  if (!document) return [];
  return Array.isArray(document.Statement) ? document.Statement : [document.Statement as PolicyStatement];
}
