import type { Group } from '../../../contract/generated/iam.ts';
import { idText } from '../../../platform/authorization/session-token.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { formatArn } from '../../../platform/resources/arn.ts';
import { existsError } from '../../../platform/resources/declaration.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Read } from '../../../platform/store/typed-rows.ts';
import { GROUPS_MAX, overQuota, rejectDeletion } from '../decide-quotas.ts';
import { changeHolder, findHolder, holderKey, holderNeed, holderWrite, readHolder, touched } from '../holders.ts';
import { attachmentKey } from '../managed.ts';
import { allRows, pageOf, pageOfRows } from '../pages.ts';
import type { OperationPorts } from '../ports.ts';
import { GROUP, type GroupDocument, USER, type UserDocument } from '../resources.ts';
import { describeUser } from './users.ts';

const groupArn = (account: string, path: string, name: string): string =>
  formatArn({ service: 'iam', region: '', account, resource: `group${path}${name}` });

const describeGroup = ({ Path, GroupName, GroupId, Arn, CreateDate }: GroupDocument): Group => ({
  Path,
  GroupName,
  GroupId,
  Arn,
  CreateDate,
});

/** Users know their groups: a group's members are looked for among all users. */
const membersOf = ({ store }: OperationPorts, account: string, name: string): Promise<UserDocument[]> =>
  allRows<UserDocument>(store, { account, kind: USER.kind }, ({ Groups = [] }) => Groups.includes(name));

export const createGroup = (ports: OperationPorts) =>
  operation('iam:CreateGroup', {
    effect: 'change',
    needs: ({ GroupName, Path }, { account }) => [
      { action: 'iam:CreateGroup', resources: [groupArn(account, Path ?? '/', GroupName)] },
    ],
    async handle({ GroupName, Path = '/' }, context) {
      const document: GroupDocument = {
        GroupName,
        GroupId: `AGPA${idText(ports.ids, 17)}`,
        Arn: groupArn(context.account, Path, GroupName),
        Path,
        CreateDate: context.nowMs,
        Policies: {},
        Attached: [],
      };
      const key = holderKey('Group', context, GroupName);
      await decideAndCommit(ports.store, async () => {
        const row = await findHolder(ports.store, context, 'Group', GroupName);
        if (row?.document.GroupId === document.GroupId) return { result: undefined };
        if (row) throw existsError(GROUP, context, GroupName);
        const ledger = [entryOf(context, 'iam:CreateGroup', [document.Arn], changedMembers(undefined, document))];
        const write = [holderWrite(key, document, context.nowMs)];
        return { result: undefined, commit: { expect: [{ key, version: 0 }], write, ledger } };
      });
      return { Group: describeGroup(document) };
    },
  });

export const getGroup = (ports: OperationPorts) =>
  operation('iam:GetGroup', {
    effect: 'read',
    needs: holderNeed(ports, 'Group', 'iam:GetGroup'),
    async handle({ GroupName, Marker, MaxItems }, context) {
      const { document } = await readHolder(ports.store, context, 'Group', GroupName);
      const members = await membersOf(ports, context.account, GroupName);
      const { page, ...rest } = pageOf(members, ({ UserName }) => UserName, Marker, MaxItems);
      return { Group: describeGroup(document), Users: page.map(describeUser), ...rest };
    },
  });

export const listGroups = ({ store }: OperationPorts) =>
  operation('iam:ListGroups', {
    effect: 'read',
    needs: ({ PathPrefix }, { account }) => [{ action: 'iam:ListGroups', resources: [groupArn(account, PathPrefix ?? '/', '')] }],
    async handle({ PathPrefix = '/', ...paging }, { account }) {
      const matches = ({ Path }: GroupDocument) => Path.startsWith(PathPrefix);
      const { page, ...rest } = await pageOfRows<GroupDocument>(store, { account, kind: GROUP.kind }, matches, paging);
      return { Groups: page.map(describeGroup), ...rest };
    },
  });

/** A new name is a new row, and its members' rows name it; the id stays. */
export const updateGroup = (ports: OperationPorts) =>
  operation('iam:UpdateGroup', {
    effect: 'change',
    needs: holderNeed(ports, 'Group', 'iam:UpdateGroup'),
    async handle({ GroupName, NewGroupName = GroupName, NewPath }, context) {
      const [from, to] = [holderKey('Group', context, GroupName), holderKey('Group', context, NewGroupName)];
      const touchedKeys = await decideAndCommit<ResourceKey[]>(ports.store, async (count) => {
        const target = NewGroupName === GroupName ? undefined : await findHolder(ports.store, context, 'Group', NewGroupName);
        if (count > 0 && target && !(await findHolder(ports.store, context, 'Group', GroupName))) return { result: [] };
        if (target) throw existsError(GROUP, context, NewGroupName);
        const row = await readHolder(ports.store, context, 'Group', GroupName);
        const path = NewPath ?? row.document.Path;
        const Arn = groupArn(context.account, path, NewGroupName);
        const document: GroupDocument = { ...row.document, GroupName: NewGroupName, Path: path, Arn };
        const renamed = NewGroupName !== GroupName;
        const members = renamed ? await memberRows(ports, context, GroupName) : [];
        const changes = changedMembers(row.document, document);
        return {
          result: members.map(({ key }) => key),
          commit: {
            expect: [
              { key: from, version: row.version },
              ...(renamed ? [{ key: to, version: 0 }] : []),
              ...members.map(({ key, version }) => ({ key, version })),
            ],
            write: [
              holderWrite(to, document, context.nowMs),
              ...members.map(({ key, document: user }) => {
                const Groups = (user.Groups ?? []).map((name) => (name === GroupName ? NewGroupName : name));
                const member: UserDocument = { ...user, Groups };
                return holderWrite(key, member, context.nowMs);
              }),
            ],
            ...(renamed && {
              remove: [from],
              refer: (document.Attached ?? []).map((arn) => ({ from: to, to: attachmentKey(context.account, arn) })),
            }),
            ledger: [entryOf(context, 'iam:UpdateGroup', [row.document.Arn, Arn], changes)],
          },
        };
      });
      for (const key of [from, to, ...touchedKeys]) ports.directory.forget(key);
      await ports.publish();
      return {};
    },
  });

async function memberRows(ports: OperationPorts, context: OperationContext, group: string): Promise<Read<UserDocument>[]> {
  const members = await membersOf(ports, context.account, group);
  const rows = await Promise.all(members.map(({ UserName }) => findHolder(ports.store, context, 'User', UserName)));
  return rows.flatMap((row) => (row ? [row] : []));
}

export const deleteGroup = (ports: OperationPorts) =>
  operation('iam:DeleteGroup', {
    effect: 'change',
    needs: holderNeed(ports, 'Group', 'iam:DeleteGroup'),
    async handle({ GroupName }, context) {
      const key = holderKey('Group', context, GroupName);
      await decideAndCommit(ports.store, async (count) => {
        if (count > 0 && !(await findHolder(ports.store, context, 'Group', GroupName))) return { result: undefined };
        const row = await readHolder(ports.store, context, 'Group', GroupName);
        const members = await membersOf(ports, context.account, GroupName);
        refuse(rejectDeletion(row.document, { members: members.length > 0 }));
        const changes = changedMembers(row.document, undefined);
        const ledger = [entryOf(context, 'iam:DeleteGroup', [row.document.Arn], changes)];
        return { result: undefined, commit: { expect: [{ key, version: row.version }], remove: [key], ledger } };
      });
      ports.directory.forget(key);
      await ports.publish();
      return {};
    },
  });

export const addUserToGroup = (ports: OperationPorts) =>
  operation('iam:AddUserToGroup', {
    effect: 'change',
    needs: holderNeed(ports, 'Group', 'iam:AddUserToGroup'),
    async handle({ GroupName, UserName }, context) {
      await changeHolder(ports, context, 'User', UserName, async (user) => {
        const group = await readHolder(ports.store, context, 'Group', GroupName);
        const Groups = [...new Set([...(user.Groups ?? []), GroupName])];
        if (Groups.length > GROUPS_MAX) refuse(overQuota('GroupsPerUser', GROUPS_MAX));
        return { document: { ...user, Groups }, also: touched(group as Read<JsonObject>) };
      });
      return {};
    },
  });

export const removeUserFromGroup = (ports: OperationPorts) =>
  operation('iam:RemoveUserFromGroup', {
    effect: 'change',
    needs: holderNeed(ports, 'Group', 'iam:RemoveUserFromGroup'),
    async handle({ GroupName, UserName }, context) {
      await readHolder(ports.store, context, 'Group', GroupName);
      await changeHolder(ports, context, 'User', UserName, (user) => {
        const before = user.Groups ?? [];
        if (!before.includes(GroupName)) throw new ServiceError('NoSuchEntity', `User ${UserName} not in group ${GroupName}`);
        return { document: { ...user, Groups: before.filter((name) => name !== GroupName) } };
      });
      return {};
    },
  });

export const listGroupsForUser = (ports: OperationPorts) =>
  operation('iam:ListGroupsForUser', {
    effect: 'read',
    needs: holderNeed(ports, 'User', 'iam:ListGroupsForUser'),
    async handle({ UserName, Marker, MaxItems }, context) {
      const { document } = await readHolder(ports.store, context, 'User', UserName);
      const groups = await Promise.all((document.Groups ?? []).map((name) => findHolder(ports.store, context, 'Group', name)));
      const found = groups.flatMap((row) => (row ? [describeGroup(row.document)] : []));
      const { page, ...rest } = pageOf(found, ({ GroupName }) => GroupName, Marker, MaxItems);
      return { Groups: page, ...rest };
    },
  });
