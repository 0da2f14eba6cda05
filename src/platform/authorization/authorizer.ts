import type { ConditionContext } from './conditions.ts';
import { evaluatePolicies, evaluateResourcePolicy, type NamedCaller, type Verdict } from './evaluate.ts';
import type { AuthorizationNeed, PolicyDocument } from './policy.ts';
import type { Authorizer, CallEnvironment, Decision, IdentityDirectory } from './port.ts';
import type { Principal } from './principal.ts';
import { keyOfArn, type ResourceDeclaration } from '../resources/declaration.ts';

/**
 * Authorises by what the directory says of a principal; the directory answers from memory and forgets what changes.
 * `resources` are the kinds of all rooms: where names that differ only in case are one resource, policies must not tell
 * them apart either, or a deny on `Prod` would let `prod` through. Asked for when needed, since rooms are made later.
 */
export function createAuthorizer(
  directory: Pick<IdentityDirectory, 'policiesOf'>,
  resources: () => readonly ResourceDeclaration[] = () => [],
): Authorizer {
  const anyCase = (arn: string): boolean =>
    resources().some((declaration) => declaration.caseInsensitive && keyOfArn(declaration, arn) !== undefined);
  return {
    async authorize(principal, needs, environment) {
      if (needs.length === 0) return { allowed: true };
      return decideAccess(principal, await directory.policiesOf(principal), needs, environment, anyCase);
    },
  };
}

/** The decision itself, pure; the router makes it from its snapshot. `anyCase`: whether an ARN's case means nothing. */
export function decideAccess(
  principal: Principal,
  policies: readonly PolicyDocument[],
  needs: readonly AuthorizationNeed[],
  environment: CallEnvironment = {},
  anyCase: (arn: string) => boolean = () => false,
): Decision {
  const shared = callContext(principal, environment);
  for (const need of needs) {
    const context = needContext(shared, need);
    for (const resource of need.resources.length > 0 ? need.resources.map(inThisPartition) : ['*']) {
      const question = { action: need.action, resource, context, anyCase: anyCase(resource) };
      const named = need.resourcePolicy && evaluateResourcePolicy(need.resourcePolicy, question, callerOf(principal));
      if (named === 'explicit-deny') return denied(principal, need, resource, named, 'resource-based');
      const own = evaluatePolicies(policies, question);
      const identity = own === 'implicit-deny' && named === 'allow' ? 'allow' : own;
      if (identity === 'explicit-deny') return denied(principal, need, resource, identity, 'identity-based');
      if (principal.sessionPolicy) {
        const session = evaluatePolicies([principal.sessionPolicy], question);
        if (session === 'explicit-deny') return denied(principal, need, resource, session, 'session');
        if (identity === 'allow' && session !== 'allow') return denied(principal, need, resource, session, 'session');
      }
      if (identity !== 'allow') return denied(principal, need, resource, identity, 'identity-based');
    }
  }
  return { allowed: true };
}

/** Rooms find what an ARN names whatever its partition is: a deny must, too. */
const inThisPartition = (arn: string): string => arn.replace(/^arn:aws-[a-z-]*:/, 'arn:aws:');

function denied(
  principal: Principal,
  need: AuthorizationNeed,
  resource: string,
  verdict: Verdict,
  kind: 'identity-based' | 'session' | 'resource-based',
): Decision {
  const article = kind === 'identity-based' ? 'an identity-based policy' : `a ${kind} policy`;
  const why =
    verdict === 'explicit-deny'
      ? `with an explicit deny in ${article}`
      : `because no ${kind} policy allows the ${need.action} action`;
  const message = `User: ${principal.arn} is not authorized to perform: ${need.action} on resource: ${resource} ${why}`;
  return { allowed: false, message, need };
}

/** The global condition keys. Those with a role's tags and organisations do not exist here and are simply absent. */
function callContext(principal: Principal, environment: CallEnvironment): Map<string, readonly string[]> {
  const context = new Map<string, readonly string[]>([
    ['aws:principalarn', [principalArn(principal)]],
    ['aws:principalaccount', [principal.account]],
    ['aws:principaltype', [principal.kind === 'user' ? 'User' : 'AssumedRole']],
    ['aws:userid', [principal.userId]],
    ['aws:securetransport', ['false']],
  ]);
  if (principal.kind === 'user') context.set('aws:username', [principal.name]);
  if (environment.sourceIp !== undefined) context.set('aws:sourceip', [environment.sourceIp]);
  if (environment.userAgent !== undefined) context.set('aws:useragent', [environment.userAgent]);
  if (environment.region !== undefined) context.set('aws:requestedregion', [environment.region]);
  if (environment.nowMs !== undefined) {
    context.set('aws:currenttime', [new Date(environment.nowMs).toISOString()]);
    context.set('aws:epochtime', [String(Math.floor(environment.nowMs / 1000))]);
  }
  return context;
}

const callerOf = (principal: Principal): NamedCaller => ({
  arn: principal.arn,
  account: principal.account,
  ...(principal.kind === 'role-session' && { roleArn: principalArn(principal) }),
});

/** For sessions AWS gives the role's ARN here, not the session's. */
const principalArn = (principal: Principal): string =>
  principal.kind === 'user' ? principal.arn : `arn:aws:iam::${principal.account}:role/${principal.name}`;

function needContext(shared: ConditionContext, need: AuthorizationNeed): ConditionContext {
  if (!need.context) return shared;
  const context = new Map(shared);
  for (const [key, value] of Object.entries(need.context))
    context.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
  return context;
}
