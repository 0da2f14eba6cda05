import { parsePolicy } from '../../platform/authorization/parse-policy.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import { charsOf, rejectPolicy } from './decide-roles.ts';
import type { HolderKind } from './holders.ts';
import type { HolderDocument, InlinePolicies } from './resources.ts';

/** AWS's quotas on policies, pure. White space does not count. */

const INLINE_CHARS_MAX: Readonly<Record<HolderKind, number>> = { User: 2_048, Group: 5_120, Role: 10_240 };
const MANAGED_CHARS_MAX = 6_144;
const ATTACHED_MAX = 10;
export const VERSIONS_MAX = 5;
export const KEYS_MAX = 2;
export const GROUPS_MAX = 10;

export const overQuota = (quota: string, most: number): Rejection => ({
  code: 'LimitExceeded',
  message: `Cannot exceed quota for ${quota}: ${most}`,
});

export function rejectInlinePolicy(
  kind: HolderKind,
  name: string,
  policies: InlinePolicies,
  policyName: string,
  text: string,
): Rejection | undefined {
  const others = Object.entries(policies).filter(([other]) => other !== policyName);
  const chars = others.reduce((sum, [, other]) => sum + charsOf(other), charsOf(text));
  if (chars > INLINE_CHARS_MAX[kind]) {
    return {
      code: 'LimitExceeded',
      message: `Maximum policy size of ${INLINE_CHARS_MAX[kind]} bytes exceeded for ${kind.toLowerCase()} ${name}`,
    };
  }
  return rejectPolicy(text, 'identity');
}

export function rejectManagedPolicy(text: string): Rejection | undefined {
  if (charsOf(text) > MANAGED_CHARS_MAX) return overQuota('PolicySize', MANAGED_CHARS_MAX);
  const parsed = parsePolicy(text, 'identity');
  if ('problem' in parsed) return { code: 'MalformedPolicyDocument', message: parsed.problem };
  if (parsed.document.Version === '2012-10-17') return undefined;
  return { code: 'MalformedPolicyDocument', message: 'Policy document must be version 2012-10-17 or greater.' };
}

export const rejectAttached = (kind: HolderKind, attached: readonly string[]): Rejection | undefined =>
  attached.length > ATTACHED_MAX ? overQuota(`PoliciesPer${kind}`, ATTACHED_MAX) : undefined;

/** AWS: what still holds policies, keys or members is not deleted. */
export function rejectDeletion(
  document: HolderDocument,
  has: { readonly keys?: boolean; readonly credentials?: boolean; readonly members?: boolean; readonly groups?: boolean } = {},
): Rejection | undefined {
  const first = has.keys
    ? 'delete access keys'
    : has.credentials
      ? 'delete service specific credentials'
      : Object.keys(document.Policies).length > 0
        ? 'delete policies'
        : (document.Attached ?? []).length > 0
          ? 'detach all policies'
          : has.members || has.groups
            ? 'remove users from group'
            : undefined;
  return first === undefined ? undefined : { code: 'DeleteConflict', message: `Cannot delete entity, must ${first} first.` };
}
