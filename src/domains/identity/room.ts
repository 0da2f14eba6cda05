import type { IdentityDirectory, RoleSessions } from '../../platform/authorization/port.ts';
import type { Room } from '../../platform/calls/operation.ts';
import { Directory } from './directory.ts';
import { createAccessKey, deleteAccessKey, listAccessKeys, updateAccessKey } from './operations/access-keys.ts';
import {
  addUserToGroup,
  createGroup,
  deleteGroup,
  getGroup,
  listGroups,
  listGroupsForUser,
  removeUserFromGroup,
  updateGroup,
} from './operations/groups.ts';
import { holderPolicyOperations } from './operations/holder-policies.ts';
import {
  createPolicy,
  createPolicyVersion,
  deletePolicy,
  deletePolicyVersion,
  getPolicy,
  getPolicyVersion,
  listEntitiesForPolicy,
  listPolicies,
  listPolicyVersions,
  setDefaultPolicyVersion,
} from './operations/managed-policies.ts';
import {
  createRole,
  deleteRole,
  getRole,
  listAccountAliases,
  listInstanceProfilesForRole,
  listRoles,
  updateAssumeRolePolicy,
  updateRole,
  updateRoleDescription,
} from './operations/roles.ts';
import {
  createServiceSpecificCredential,
  deleteServiceSpecificCredential,
  listServiceSpecificCredentials,
  resetServiceSpecificCredential,
  serviceCredentialCheck,
  updateServiceSpecificCredential,
} from './operations/service-credentials.ts';
import { simulateCustomPolicy, simulatePrincipalPolicy } from './operations/simulate.ts';
import { assumeRole, getCallerIdentity } from './operations/sts.ts';
import { holderTagOperations, listPolicyTags, tagPolicy, untagPolicy } from './operations/tags.ts';
import { createUser, deleteUser, getUser, listUsers, updateUser } from './operations/users.ts';
import type { IdentityPorts, OperationPorts } from './ports.ts';
import { ACCESS_KEY, GROUP, POLICY, ROLE, SERVICE_CREDENTIAL, USER } from './resources.ts';
import { createRoleSessions } from './sessions.ts';
import { createSnapshotPublisher } from './snapshot.ts';

/** Users, roles and their sessions: IAM and STS, and what everyone else asks about identities. */
export interface IdentityRoom extends Room {
  readonly directory: IdentityDirectory;
  readonly sessions: RoleSessions;
  /** Whose user name and password of a service these are; see `iam:CreateServiceSpecificCredential`. */
  readonly serviceCredential: ReturnType<typeof serviceCredentialCheck>;
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
      listInstanceProfilesForRole(own),
      listAccountAliases,
      updateRole(own),
      updateRoleDescription(own),
      createUser(own),
      getUser(own),
      listUsers(own),
      updateUser(own),
      deleteUser(own),
      createAccessKey(own),
      listAccessKeys(own),
      updateAccessKey(own),
      deleteAccessKey(own),
      createServiceSpecificCredential(own),
      listServiceSpecificCredentials(own),
      updateServiceSpecificCredential(own),
      resetServiceSpecificCredential(own),
      deleteServiceSpecificCredential(own),
      createGroup(own),
      getGroup(own),
      listGroups(own),
      updateGroup(own),
      deleteGroup(own),
      addUserToGroup(own),
      removeUserFromGroup(own),
      listGroupsForUser(own),
      createPolicy(own),
      getPolicy(own),
      listPolicies(own),
      deletePolicy(own),
      createPolicyVersion(own),
      getPolicyVersion(own),
      listPolicyVersions(own),
      setDefaultPolicyVersion(own),
      deletePolicyVersion(own),
      listEntitiesForPolicy(own),
      tagPolicy(own),
      untagPolicy(own),
      listPolicyTags(own),
      ...holderPolicyOperations(own, 'User'),
      ...holderPolicyOperations(own, 'Group'),
      ...holderPolicyOperations(own, 'Role'),
      ...holderTagOperations(own, 'User'),
      ...holderTagOperations(own, 'Role'),
      simulatePrincipalPolicy(own),
      simulateCustomPolicy,
    ],
    resources: [USER, GROUP, ROLE, POLICY, ACCESS_KEY, SERVICE_CREDENTIAL],
    calls: [],
    directory,
    serviceCredential: serviceCredentialCheck(ports),
    sessions: createRoleSessions(own),
    publish,
  };
}
