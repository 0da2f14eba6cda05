import { evaluateTrust } from '../../platform/authorization/evaluate.ts';
import type { AssumeForService, RoleSessions } from '../../platform/authorization/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { sealSession } from '../../platform/authorization/session-token.ts';
import type { Clock } from '../../platform/clock.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Settings } from '../../platform/settings.ts';
import { roleNameOf, sessionNameOf } from './decide-roles.ts';
import type { Directory } from './directory.ts';
import { DEFAULT_ROLE, type RoleDocument } from './resources.ts';

export interface SessionPorts {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly sealingKey: string;
  readonly settings: Pick<Settings, 'roles'>;
}

export type FoundRole = NonNullable<Awaited<ReturnType<Directory['role']>>>;

/** A role that exists is always itself; an absent one is the default role under `roles: lenient`, else nothing. */
export async function findRole(
  { directory, settings }: SessionPorts,
  account: string,
  roleArn: string,
): Promise<FoundRole | undefined> {
  const name = roleNameOf(account, roleArn);
  const role = name === undefined ? undefined : await directory.role(account, name);
  if (role && role.document.Arn === roleArn) return role;
  return settings.roles === 'lenient' ? directory.role(account, DEFAULT_ROLE) : undefined;
}

export function createRoleSessions(ports: SessionPorts): RoleSessions {
  const trusted = async (request: AssumeForService): Promise<FoundRole> => {
    const role = await findRole(ports, request.account, request.roleArn);
    const question = { action: 'sts:AssumeRole', caller: await callerOf(ports, request), context: new Map() };
    if (role?.trust && evaluateTrust(role.trust, question) === 'allow') return role;
    const whose =
      role && role.document.Arn !== request.roleArn ? ` (it does not exist here and resolves to ${role.document.Arn})` : '';
    throw new ServiceError(
      'ValidationException',
      `Could not assume role ${request.roleArn}${whose}. Please ensure that the role exists and allows principal '${request.service}' to assume the role.`,
    );
  };
  return {
    async assume(request) {
      const role = await trusted(request);
      return {
        ...rolePrincipal(request.account, role.document, sessionNameOf(request.sessionName)),
        service: request.service,
        ...(request.sessionPolicy && { sessionPolicy: request.sessionPolicy }),
        ...(role.document.Arn !== request.roleArn && { requestedRoleArn: request.roleArn }),
        ...(request.onBehalfOf !== undefined && { onBehalfOf: request.onBehalfOf }),
      };
    },
    credentials: (principal, lifetimeSeconds) =>
      sealSession(ports.sealingKey, principal, ports.clock.now() + lifetimeSeconds * 1000, ports.ids),
    async resolve(account, roleArn) {
      const role = await findRole(ports, account, roleArn);
      if (!role) {
        throw new ServiceError(
          'ValidationException',
          `Could not assume role ${roleArn}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.`,
        );
      }
      return { effectiveRoleArn: role.document.Arn };
    },
  };
}

/** The service, or the session that assumes the role in its stead. */
async function callerOf({ directory }: SessionPorts, { service, caller }: AssumeForService) {
  if (!caller) return { service };
  const role = caller.kind === 'role-session' ? await directory.role(caller.account, caller.name) : undefined;
  return { arn: caller.arn, account: caller.account, ...(role && { roleArn: role.document.Arn }) };
}

export const rolePrincipal = (account: string, role: RoleDocument, sessionName: string): Principal => ({
  kind: 'role-session',
  account,
  arn: `arn:aws:sts::${account}:assumed-role/${role.RoleName}/${sessionName}`,
  userId: `${role.RoleId}:${sessionName}`,
  name: role.RoleName,
});
