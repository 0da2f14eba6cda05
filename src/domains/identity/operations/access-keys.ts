import { idText } from '../../../platform/authorization/session-token.ts';
import { sealText } from '../../../platform/authorization/signed-and-sealed.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import { absentError, keyOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { KEYS_MAX, overQuota } from '../decide-quotas.ts';
import { holderNeed, ownName, readHolder, touched } from '../holders.ts';
import { pageOf } from '../pages.ts';
import type { IdentityPorts, OperationPorts } from '../ports.ts';
import { ACCESS_KEY, type AccessKeyDocument } from '../resources.ts';

/** A user has few. */
export async function keysOf(
  { store }: Pick<IdentityPorts, 'store'>,
  account: string,
  user: string,
): Promise<readonly Read<AccessKeyDocument>[]> {
  const scope = { account, region: GLOBAL, kind: ACCESS_KEY.kind, parent: user };
  return (await listRows<AccessKeyDocument>(store, { ...scope, sortBy: 'created', order: 'ascending', limit: 100 })).rows;
}

/** Of the user that is named, or of the caller. */
const keyNeed =
  (ports: OperationPorts, action: string) =>
  ({ UserName }: { readonly UserName?: string }, context: OperationContext) =>
    holderNeed(ports, 'User', action)({ UserName: ownName(UserName, context) }, context);

export const createAccessKey = (ports: OperationPorts) =>
  operation('iam:CreateAccessKey', {
    effect: 'change',
    needs: keyNeed(ports, 'iam:CreateAccessKey'),
    async handle({ UserName }, context) {
      const user = ownName(UserName, context);
      const id = `AKIA${idText(ports.ids, 16)}`;
      const secret = Buffer.from(ports.ids.bytes(30)).toString('base64');
      const key = keyOf(ACCESS_KEY, context, id);
      const document: AccessKeyDocument = {
        AccessKeyId: id,
        UserName: user,
        Status: 'Active',
        CreateDate: context.nowMs,
        SealedSecret: sealText(ports.sealingKey, secret, id, ports.ids),
      };
      await decideAndCommit(ports.store, async () => {
        const owner = await readHolder(ports.store, context, 'User', user);
        const keys = await keysOf(ports, context.account, user);
        if (keys.some((one) => one.document.AccessKeyId === id)) return { result: undefined };
        if (keys.length >= KEYS_MAX) refuse(overQuota('AccessKeysPerUser', KEYS_MAX));
        return {
          result: undefined,
          commit: {
            // the user is touched: of two keys made at once one conflicts, and a deletion of the user sees the key
            expect: [...touched(owner as Read<JsonObject>).expect, { key, version: 0 }],
            write: [
              ...touched(owner as Read<JsonObject>).write,
              { key, document, index: { parent: user, createdAtMs: context.nowMs, modifiedAtMs: context.nowMs } },
            ],
            ledger: [entryOf(context, 'iam:CreateAccessKey', [owner.document.Arn], { AccessKeyId: [null, id] })],
          },
        };
      });
      ports.directory.forget(key);
      await ports.publish();
      const { SealedSecret: _sealed, ...shown } = document;
      return { AccessKey: { ...shown, SecretAccessKey: secret } };
    },
  });

export const listAccessKeys = (ports: OperationPorts) =>
  operation('iam:ListAccessKeys', {
    effect: 'read',
    needs: keyNeed(ports, 'iam:ListAccessKeys'),
    async handle({ UserName, Marker, MaxItems }, context) {
      const user = ownName(UserName, context);
      await readHolder(ports.store, context, 'User', user);
      const keys = (await keysOf(ports, context.account, user)).map(({ document }) => document);
      const { page, ...rest } = pageOf(keys, ({ AccessKeyId }) => AccessKeyId, Marker, MaxItems);
      return { AccessKeyMetadata: page.map(({ SealedSecret: _sealed, ...shown }) => shown), ...rest };
    },
  });

export const updateAccessKey = (ports: OperationPorts) =>
  operation('iam:UpdateAccessKey', {
    effect: 'change',
    needs: keyNeed(ports, 'iam:UpdateAccessKey'),
    async handle({ UserName, AccessKeyId, Status }, context) {
      if (Status === 'Expired')
        throw new ServiceError('InvalidInput', 'A key is set to Active or Inactive; it expires by itself.');
      await changeKey(ports, context, ownName(UserName, context), AccessKeyId, ({ key, document, index }) => ({
        commit: { write: [{ key, document: { ...document, Status }, index: { ...index, modifiedAtMs: context.nowMs } }] },
        changes: { AccessKeyId: [AccessKeyId, AccessKeyId], Status: [document.Status, Status] },
        same: document.Status === Status,
      }));
      return {};
    },
  });

export const deleteAccessKey = (ports: OperationPorts) =>
  operation('iam:DeleteAccessKey', {
    effect: 'change',
    needs: keyNeed(ports, 'iam:DeleteAccessKey'),
    async handle({ UserName, AccessKeyId }, context) {
      await changeKey(ports, context, ownName(UserName, context), AccessKeyId, ({ key }) => ({
        commit: { remove: [key] },
        changes: { AccessKeyId: [AccessKeyId, null] },
        same: false,
      }));
      return {};
    },
  });

/** Acknowledged when the router refuses or takes the key accordingly. */
async function changeKey(
  ports: OperationPorts,
  context: OperationContext,
  user: string,
  id: string,
  change: (row: Read<AccessKeyDocument>) => {
    readonly commit: Pick<Commit, 'write' | 'remove'>;
    readonly changes: Parameters<typeof entryOf>[3];
    readonly same: boolean;
  },
): Promise<void> {
  const key = keyOf(ACCESS_KEY, context, id);
  await decideAndCommit(ports.store, async (count) => {
    const owner = await readHolder(ports.store, context, 'User', user);
    const row = await readRow<AccessKeyDocument>(ports.store, key);
    if (row?.document.UserName !== user) {
      if (count > 0 && !row) return { result: undefined };
      throw absentError(ACCESS_KEY, context, id);
    }
    const { commit, changes, same } = change(row);
    if (same) return { result: undefined };
    const ledger = [entryOf(context, context.operation, [owner.document.Arn], changes)];
    return { result: undefined, commit: { expect: [{ key, version: row.version }], ...commit, ledger } };
  });
  ports.directory.forget(key);
  await ports.publish();
}
