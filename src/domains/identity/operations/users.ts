import type { User } from '../../../contract/generated/iam.ts';
import { idText } from '../../../platform/authorization/session-token.ts';
import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { formatArn } from '../../../platform/resources/arn.ts';
import { existsError } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { rejectDeletion } from '../decide-quotas.ts';
import { decideTags } from '../decide-roles.ts';
import { attachmentKey } from '../managed.ts';
import { findHolder, holderKey, holderNeed, holderWrite, ownName, readHolder } from '../holders.ts';
import { pageOfRows } from '../pages.ts';
import type { Read } from '../../../platform/store/typed-rows.ts';
import type { OperationPorts } from '../ports.ts';
import { USER, type UserDocument } from '../resources.ts';
import { keysOf } from './access-keys.ts';
import { serviceCredentialsOf } from './service-credentials.ts';

const userArn = (account: string, path: string, name: string): string =>
  formatArn({ service: 'iam', region: '', account, resource: `user${path}${name}` });

export const describeUser = ({ Path, UserName, UserId, Arn, CreateDate, Tags = [] }: UserDocument): User => ({
  Path,
  UserName,
  UserId,
  Arn,
  CreateDate,
  ...(Tags.length > 0 && { Tags }),
});

export const createUser = (ports: OperationPorts) =>
  operation('iam:CreateUser', {
    effect: 'change',
    needs: ({ UserName, Path }, { account }) => [
      { action: 'iam:CreateUser', resources: [userArn(account, Path ?? '/', UserName)] },
    ],
    async handle(input, context) {
      if (input.PermissionsBoundary !== undefined) {
        throw new ServiceError('NotImplementedException', 'iam:CreateUser with PermissionsBoundary is not implemented.');
      }
      const tagging = decideTags([], input.Tags ?? []);
      if ('rejection' in tagging) refuse(tagging.rejection);
      const path = input.Path ?? '/';
      const document: UserDocument = {
        UserName: input.UserName,
        UserId: `AIDA${idText(ports.ids, 17)}`,
        Arn: userArn(context.account, path, input.UserName),
        Path: path,
        CreateDate: context.nowMs,
        Policies: {},
        Attached: [],
        Groups: [],
        Tags: 'tags' in tagging ? tagging.tags : [],
      };
      const key = holderKey('User', context, input.UserName);
      await decideAndCommit(ports.store, async () => {
        const row = await findHolder(ports.store, context, 'User', input.UserName);
        // after an answer that was lost the row may be the one just written
        if (row?.document.UserId === document.UserId) return { result: undefined };
        if (row) throw existsError(USER, context, input.UserName);
        const ledger = [entryOf(context, 'iam:CreateUser', [document.Arn], changedMembers(undefined, document))];
        const write = [holderWrite(key, document, context.nowMs)];
        return { result: undefined, commit: { expect: [{ key, version: 0 }], write, ledger } };
      });
      ports.directory.forget(key);
      await ports.publish();
      return { User: describeUser(document) };
    },
  });

export const getUser = ({ store }: OperationPorts) =>
  operation('iam:GetUser', {
    effect: 'read',
    async needs({ UserName }, context) {
      if (UserName === undefined) return [{ action: 'iam:GetUser', resources: [context.principal.arn] }];
      return holderNeed({ store }, 'User', 'iam:GetUser')({ UserName }, context);
    },
    async handle({ UserName }, context) {
      return { User: describeUser((await readHolder(store, context, 'User', ownName(UserName, context))).document) };
    },
  });

export const listUsers = ({ store }: OperationPorts) =>
  operation('iam:ListUsers', {
    effect: 'read',
    needs: ({ PathPrefix }, { account }) => [{ action: 'iam:ListUsers', resources: [userArn(account, PathPrefix ?? '/', '')] }],
    async handle({ PathPrefix = '/', ...paging }, { account }) {
      const matches = ({ Path }: UserDocument) => Path.startsWith(PathPrefix);
      const { page, ...rest } = await pageOfRows<UserDocument>(store, { account, kind: USER.kind }, matches, paging);
      return { Users: page.map((user) => ({ ...describeUser(user), Tags: undefined })), ...rest };
    },
  });

/** A new name is a new row; the id stays, and access keys go along. */
export const updateUser = (ports: OperationPorts) =>
  operation('iam:UpdateUser', {
    effect: 'change',
    needs: holderNeed(ports, 'User', 'iam:UpdateUser'),
    async handle({ UserName, NewUserName = UserName, NewPath }, context) {
      const [from, to] = [holderKey('User', context, UserName), holderKey('User', context, NewUserName)];
      const keys = await decideAndCommit(ports.store, async (count) => {
        const target = NewUserName === UserName ? undefined : await findHolder(ports.store, context, 'User', NewUserName);
        if (count > 0 && target && !(await findHolder(ports.store, context, 'User', UserName))) return { result: [] };
        if (target) throw existsError(USER, context, NewUserName);
        const row = await readHolder(ports.store, context, 'User', UserName);
        const path = NewPath ?? row.document.Path;
        const Arn = userArn(context.account, path, NewUserName);
        const document: UserDocument = { ...row.document, UserName: NewUserName, Path: path, Arn };
        const renamed = NewUserName !== UserName;
        const owned: Read<JsonObject>[] = renamed
          ? [
              ...(await keysOf(ports, context.account, UserName)),
              ...(await serviceCredentialsOf(ports, context.account, UserName)),
            ]
          : [];
        const changes = changedMembers(row.document, document);
        return {
          result: owned.map(({ key }) => key),
          commit: {
            expect: [
              { key: from, version: row.version },
              ...(renamed ? [{ key: to, version: 0 }] : []),
              ...owned.map(({ key, version }) => ({ key, version })),
            ],
            write: [
              holderWrite(to, document, context.nowMs),
              ...owned.map((one) => ({
                key: one.key,
                document: { ...one.document, UserName: NewUserName },
                index: { ...one.index, parent: NewUserName },
              })),
            ],
            ...(renamed && {
              remove: [from],
              refer: (document.Attached ?? []).map((arn) => ({ from: to, to: attachmentKey(context.account, arn) })),
            }),
            ledger: [entryOf(context, 'iam:UpdateUser', [row.document.Arn, Arn], changes)],
          },
        };
      });
      for (const key of [from, to, ...keys]) ports.directory.forget(key);
      await ports.publish();
      return {};
    },
  });

export const deleteUser = (ports: OperationPorts) =>
  operation('iam:DeleteUser', {
    effect: 'change',
    needs: holderNeed(ports, 'User', 'iam:DeleteUser'),
    async handle({ UserName }, context) {
      const key = holderKey('User', context, UserName);
      await decideAndCommit(ports.store, async (count) => {
        if (count > 0 && !(await findHolder(ports.store, context, 'User', UserName))) return { result: undefined };
        const row = await readHolder(ports.store, context, 'User', UserName);
        const keys = await keysOf(ports, context.account, UserName);
        const ofServices = await serviceCredentialsOf(ports, context.account, UserName);
        const [hasKeys, credentials] = [keys.length > 0, ofServices.length > 0];
        refuse(rejectDeletion(row.document, { keys: hasKeys, credentials, groups: (row.document.Groups ?? []).length > 0 }));
        const changes = changedMembers(row.document, undefined);
        const ledger = [entryOf(context, 'iam:DeleteUser', [row.document.Arn], changes)];
        return { result: undefined, commit: { expect: [{ key, version: row.version }], remove: [key], ledger } };
      });
      ports.directory.forget(key);
      await ports.publish();
      return {};
    },
  });
