import type { Role } from '../../../contract/generated/iam.ts';
import { idText } from '../../../platform/authorization/session-token.ts';
import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, existsError } from '../../../platform/resources/declaration.ts';
import { formatArn } from '../../../platform/resources/arn.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { decideTags, rejectTrust } from '../decide-roles.ts';
import { rejectDeletion } from '../decide-quotas.ts';
import { changeHolder, holderKey, holderNeed, holderWrite, readHolder } from '../holders.ts';
import { pageOfRows } from '../pages.ts';
import type { OperationPorts } from '../ports.ts';
import { ROLE, type RoleDocument } from '../resources.ts';

const MAX_SESSION_SECONDS_DEFAULT = 3_600;

const roleArn = (account: string, path: string, name: string): string =>
  formatArn({ service: 'iam', region: '', account, resource: `role${path}${name}` });

/** IAM gives policies percent-encoded; SDKs decode them. */
export const encodePolicy = (text: string): string => encodeURIComponent(text);

function describeRole(document: RoleDocument, detail: 'whole' | 'listed'): Role {
  const { RoleName, RoleId, Arn, Path, CreateDate, Description, MaxSessionDuration, AssumeRolePolicyDocument, Tags } = document;
  return {
    Path,
    RoleName,
    RoleId,
    Arn,
    CreateDate,
    MaxSessionDuration,
    AssumeRolePolicyDocument: encodePolicy(AssumeRolePolicyDocument),
    ...(Description !== null && { Description }),
    ...(detail === 'whole' && Tags.length > 0 && { Tags }),
    ...(detail === 'whole' && { RoleLastUsed: {} }),
  };
}

export const createRole = (ports: OperationPorts) =>
  operation('iam:CreateRole', {
    effect: 'change',
    needs: ({ RoleName, Path }, { account }) => [
      { action: 'iam:CreateRole', resources: [roleArn(account, Path ?? '/', RoleName)] },
    ],
    async handle(input, context) {
      if (input.PermissionsBoundary !== undefined) {
        throw new ServiceError('NotImplementedException', 'iam:CreateRole with PermissionsBoundary is not implemented.');
      }
      refuse(rejectTrust(input.AssumeRolePolicyDocument));
      const tagging = decideTags([], input.Tags ?? []);
      if ('rejection' in tagging) refuse(tagging.rejection);
      const path = input.Path ?? '/';
      const document: RoleDocument = {
        RoleName: input.RoleName,
        RoleId: `AROA${idText(ports.ids, 17)}`,
        Arn: roleArn(context.account, path, input.RoleName),
        Path: path,
        CreateDate: context.nowMs,
        Description: input.Description ?? null,
        MaxSessionDuration: input.MaxSessionDuration ?? MAX_SESSION_SECONDS_DEFAULT,
        AssumeRolePolicyDocument: input.AssumeRolePolicyDocument,
        Policies: {},
        Tags: 'tags' in tagging ? tagging.tags : [],
      };
      const key = holderKey('Role', context, input.RoleName);
      await decideAndCommit(ports.store, async () => {
        const row = await ports.store.get<RoleDocument>(key);
        // after an answer that was lost the row may be the one just written
        if (row && row.document.RoleId === document.RoleId) return { result: undefined };
        if (row) throw existsError(ROLE, context, input.RoleName);
        const ledger = [entryOf(context, 'iam:CreateRole', [document.Arn], changedMembers(undefined, document))];
        return {
          result: undefined,
          commit: { expect: [{ key, version: 0 }], write: [holderWrite(key, document, context.nowMs)], ledger },
        };
      });
      ports.directory.forget(key);
      await ports.publish();
      return { Role: describeRole(document, 'whole') };
    },
  });

export const getRole = (ports: OperationPorts) =>
  operation('iam:GetRole', {
    effect: 'read',
    needs: holderNeed(ports, 'Role', 'iam:GetRole'),
    handle: async ({ RoleName }, context) => ({
      Role: describeRole((await readHolder(ports.store, context, 'Role', RoleName)).document, 'whole'),
    }),
  });

export const listRoles = ({ store }: OperationPorts) =>
  operation('iam:ListRoles', {
    effect: 'read',
    needs: ({ PathPrefix }, { account }) => [{ action: 'iam:ListRoles', resources: [roleArn(account, PathPrefix ?? '/', '')] }],
    async handle({ PathPrefix = '/', ...paging }, { account }) {
      const matches = ({ Path }: RoleDocument) => Path.startsWith(PathPrefix);
      const { page, ...rest } = await pageOfRows<RoleDocument>(store, { account, kind: ROLE.kind }, matches, paging);
      return { Roles: page.map((role) => describeRole(role, 'listed')), ...rest };
    },
  });

export const deleteRole = (ports: OperationPorts) =>
  operation('iam:DeleteRole', {
    effect: 'change',
    needs: holderNeed(ports, 'Role', 'iam:DeleteRole'),
    async handle({ RoleName }, context) {
      const { store, directory, publish } = ports;
      await decideAndCommit(store, async (count) => {
        const row = await store.get<RoleDocument>(holderKey('Role', context, RoleName));
        if (!row && count > 0) return { result: undefined };
        if (!row) throw absentError(ROLE, context, RoleName);
        refuse(rejectDeletion(row.document));
        const ledger = [entryOf(context, 'iam:DeleteRole', [row.document.Arn], changedMembers(row.document, undefined))];
        return { result: undefined, commit: { expect: [{ key: row.key, version: row.version }], remove: [row.key], ledger } };
      });
      directory.forget(holderKey('Role', context, RoleName));
      await publish();
      return {};
    },
  });

export const updateAssumeRolePolicy = (ports: OperationPorts) =>
  operation('iam:UpdateAssumeRolePolicy', {
    effect: 'change',
    needs: holderNeed(ports, 'Role', 'iam:UpdateAssumeRolePolicy'),
    async handle({ RoleName, PolicyDocument }, context) {
      await changeHolder(ports, context, 'Role', RoleName, (role) => {
        refuse(rejectTrust(PolicyDocument));
        return { document: { ...role, AssumeRolePolicyDocument: PolicyDocument } };
      });
      return {};
    },
  });

export const updateRole = (ports: OperationPorts) =>
  operation('iam:UpdateRole', {
    effect: 'change',
    needs: holderNeed(ports, 'Role', 'iam:UpdateRole'),
    async handle({ RoleName, Description, MaxSessionDuration }, context) {
      await changeHolder(ports, context, 'Role', RoleName, (role) => ({
        document: {
          ...role,
          Description: Description ?? null,
          MaxSessionDuration: MaxSessionDuration ?? role.MaxSessionDuration,
        },
      }));
      return {};
    },
  });

export const updateRoleDescription = (ports: OperationPorts) =>
  operation('iam:UpdateRoleDescription', {
    effect: 'change',
    needs: holderNeed(ports, 'Role', 'iam:UpdateRoleDescription'),
    async handle({ RoleName, Description }, context) {
      await changeHolder(ports, context, 'Role', RoleName, (role) => ({ document: { ...role, Description } }));
      return { Role: describeRole((await readHolder(ports.store, context, 'Role', RoleName)).document, 'whole') };
    },
  });

/** Instance profiles cannot be made here, so no role is in one: the empty list is the truth, and what clean-up programs ask for first. */
export const listInstanceProfilesForRole = (ports: OperationPorts) =>
  operation('iam:ListInstanceProfilesForRole', {
    effect: 'read',
    needs: holderNeed(ports, 'Role', 'iam:ListInstanceProfilesForRole'),
    async handle({ RoleName }, context) {
      await readHolder(ports.store, context, 'Role', RoleName);
      return { InstanceProfiles: [], IsTruncated: false };
    },
  });

/** The account cannot be given another name here: it has none. */
export const listAccountAliases = operation('iam:ListAccountAliases', {
  effect: 'read',
  needs: () => [{ action: 'iam:ListAccountAliases', resources: ['*'] }],
  handle: async () => ({ AccountAliases: [], IsTruncated: false }),
});
