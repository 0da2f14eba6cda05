import type { IdentityDirectory, RoleSessions } from '../../platform/authorization/port.ts';
import type { Room } from '../../platform/calls/operation.ts';
import { Directory } from './directory.ts';
import {
  deleteRolePolicy,
  getRolePolicy,
  listAttachedRolePolicies,
  listRolePolicies,
  putRolePolicy,
} from './operations/role-policies.ts';
import { listRoleTags, tagRole, untagRole } from './operations/role-tags.ts';
import { createRole, deleteRole, getRole, listRoles, updateAssumeRolePolicy } from './operations/roles.ts';
import { assumeRole, getCallerIdentity } from './operations/sts.ts';
import { getUser } from './operations/users.ts';
import type { IdentityPorts, OperationPorts } from './ports.ts';
import { ACCESS_KEY, ROLE, USER } from './resources.ts';
import { createRoleSessions } from './sessions.ts';
import { createSnapshotPublisher } from './snapshot.ts';

/** Users, roles and their sessions: IAM and STS, and what everyone else asks about identities. */
export interface IdentityRoom extends Room {
  readonly directory: IdentityDirectory;
  readonly sessions: RoleSessions;
  /** Gives the router the present keys and policies; `main` calls it when router and store are up. */
  publish(): Promise<void>;
}

export function createIdentityRoom(ports: IdentityPorts): IdentityRoom {
  const { account } = ports.settings;
  const directory = new Directory({ ...ports, account });
  const publish = createSnapshotPublisher({ ...ports, account });
  const own: OperationPorts = { ...ports, directory, publish };
  return {
    name: 'identity',
    operations: [
      getCallerIdentity,
      assumeRole(own),
      createRole(own),
      getRole(own),
      listRoles(own),
      deleteRole(own),
      updateAssumeRolePolicy(own),
      putRolePolicy(own),
      getRolePolicy(own),
      listRolePolicies(own),
      deleteRolePolicy(own),
      listAttachedRolePolicies(own),
      tagRole(own),
      untagRole(own),
      listRoleTags(own),
      getUser(own),
    ],
    resources: [USER, ROLE, ACCESS_KEY],
    calls: [],
    directory,
    sessions: createRoleSessions(own),
    publish,
  };
}
