import type { AssumeRoleRequest } from '../../../contract/generated/sts.ts';
import { evaluateTrust } from '../../../platform/authorization/evaluate.ts';
import { parsePolicy } from '../../../platform/authorization/parse-policy.ts';
import type { PolicyDocument } from '../../../platform/authorization/policy.ts';
import type { Principal } from '../../../platform/authorization/principal.ts';
import { sealSession } from '../../../platform/authorization/session-token.ts';
import { recordDenial } from '../../../platform/calls/dispatch.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { AWS_POLICIES } from '../aws-policies.ts';
import { inheritSessionPolicy } from '../decide-roles.ts';
import { absentPolicy, defaultText, findPolicy } from '../managed.ts';
import type { OperationPorts } from '../ports.ts';
import type { RoleDocument } from '../resources.ts';
import { type FoundRole, findRole, rolePrincipal } from '../sessions.ts';

/** Nobody needs a permission to ask who they are; AWS answers even those whom a policy denies it. */
export const getCallerIdentity = operation('sts:GetCallerIdentity', {
  effect: 'read',
  needs: () => [],
  handle: async (_input, { principal }) => ({ UserId: principal.userId, Account: principal.account, Arn: principal.arn }),
});

const DURATION_SECONDS_DEFAULT = 3_600;
const CHAINED_SECONDS_MAX = 3_600;
const PACKED_POLICY_CHARS = 2_048;

export const assumeRole = (ports: OperationPorts) =>
  operation('sts:AssumeRole', {
    effect: 'change',
    async needs({ RoleArn }, { account }) {
      const role = await findRole(ports, account, RoleArn);
      return [{ action: 'sts:AssumeRole', resources: [role?.document.Arn ?? RoleArn] }];
    },
    async handle(input, context) {
      refuseUnbuilt(input);
      const role = await trustingRole(ports, input, context);
      const ownPolicy = await sessionPolicyOf(ports, context, input);
      const seconds = durationOf(input, role.document, context.principal);
      const sessionPolicy = inheritSessionPolicy(context.principal.sessionPolicy, ownPolicy);
      const principal: Principal = {
        ...rolePrincipal(context.account, role.document, input.RoleSessionName),
        ...(sessionPolicy && { sessionPolicy }),
        ...(context.principal.service !== undefined && { service: context.principal.service }),
        ...(context.principal.onBehalfOf !== undefined && { onBehalfOf: context.principal.onBehalfOf }),
        ...(role.document.Arn !== input.RoleArn && { requestedRoleArn: input.RoleArn }),
      };
      const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = sealSession(
        ports.sealingKey,
        principal,
        context.nowMs + seconds * 1000,
        ports.ids,
      );
      await recordSession(ports, context, principal, input.RoleArn, role.document.Arn);
      return {
        Credentials: {
          AccessKeyId: accessKeyId,
          SecretAccessKey: secretAccessKey,
          SessionToken: sessionToken,
          Expiration: expiresAtMs,
        },
        AssumedRoleUser: { AssumedRoleId: principal.userId, Arn: principal.arn },
        ...(input.Policy !== undefined && { PackedPolicySize: Math.ceil((100 * input.Policy.length) / PACKED_POLICY_CHARS) }),
      };
    },
  });

/** What would change a session's rights or identity and is not built must not be ignored. */
function refuseUnbuilt(input: AssumeRoleRequest): void {
  for (const member of [
    'Tags',
    'TransitiveTagKeys',
    'SourceIdentity',
    'SerialNumber',
    'TokenCode',
    'ProvidedContexts',
  ] as const) {
    if (input[member] !== undefined && input[member].length > 0) {
      throw new ServiceError('NotImplementedException', `sts:AssumeRole with ${member} is not implemented.`);
    }
  }
}

async function trustingRole(ports: OperationPorts, input: AssumeRoleRequest, context: OperationContext): Promise<FoundRole> {
  const { principal } = context;
  const role = await findRole(ports, context.account, input.RoleArn);
  const facts = new Map<string, readonly string[]>([['sts:rolesessionname', [input.RoleSessionName]]]);
  if (input.ExternalId !== undefined) facts.set('sts:externalid', [input.ExternalId]);
  const caller = {
    arn: principal.arn,
    account: principal.account,
    ...(principal.kind === 'role-session' && {
      roleArn: (await ports.directory.role(principal.account, principal.name))?.document.Arn ?? '',
    }),
  };
  if (role?.trust && evaluateTrust(role.trust, { action: 'sts:AssumeRole', caller, context: facts }) === 'allow') return role;
  const resource = role?.document.Arn ?? input.RoleArn;
  // AWS tells an absent role and a role that does not trust the caller in the same words
  const message = `User: ${principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${resource}`;
  await recordDenial(ports.store, { action: 'sts:AssumeRole', resources: [resource] }, message, context);
  throw new ServiceError('AccessDenied', message);
}

/** The policy of the request and managed ones together: what one of them allows, the session may do if its role may. */
async function sessionPolicyOf(
  { store }: OperationPorts,
  { account }: OperationContext,
  { Policy, PolicyArns = [] }: AssumeRoleRequest,
): Promise<PolicyDocument | undefined> {
  const texts = Policy === undefined ? [] : [Policy];
  const documents: PolicyDocument[] = [];
  for (const { arn = '' } of PolicyArns) {
    const aws = AWS_POLICIES.get(arn);
    const own = aws ? undefined : (await findPolicy(store, account, arn))?.document;
    if (aws) documents.push(aws.document);
    else if (own) texts.push(defaultText(own));
    else throw absentPolicy(arn);
  }
  documents.push(...texts.map(parseSessionPolicy));
  if (documents.length <= 1) return documents[0];
  return { Version: '2012-10-17', Statement: documents.flatMap(({ Statement }) => Statement) };
}

function parseSessionPolicy(text: string): PolicyDocument {
  const parsed = parsePolicy(text, 'identity');
  if ('problem' in parsed) throw new ServiceError('MalformedPolicyDocument', parsed.problem);
  return parsed.document;
}

function durationOf({ DurationSeconds }: AssumeRoleRequest, role: RoleDocument, caller: Principal): number {
  const seconds = DurationSeconds ?? DURATION_SECONDS_DEFAULT;
  if (caller.kind === 'role-session' && seconds > CHAINED_SECONDS_MAX) {
    throw new ServiceError(
      'ValidationError',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    );
  }
  if (seconds > role.MaxSessionDuration) {
    throw new ServiceError('ValidationError', 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  }
  return seconds;
}

/** The session itself is no row; that it was given out is an entry of the ledger. */
async function recordSession(
  { store }: OperationPorts,
  context: OperationContext,
  session: Principal,
  requestedRole: string,
  effectiveRole: string,
): Promise<void> {
  const entry = entryOf(context, 'sts:AssumeRole', [effectiveRole, session.arn]);
  const mapped = requestedRole !== effectiveRole ? { requestedRole, effectiveRole } : {};
  const result = await store.commit({ expect: [], ledger: [{ ...entry, ...mapped }] });
  if (result.outcome !== 'done')
    throw new BackendError('storage', 'The session was not recorded; no credentials were given out.', { retryable: true });
}
