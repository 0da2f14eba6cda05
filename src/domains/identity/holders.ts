import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { JsonObject } from '../../platform/json.ts';
import { changedMembers } from '../../platform/ledger/entry.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { absentError, arnOf, keyOf, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit, Store, Write } from '../../platform/store/port.ts';
import { type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import type { OperationPorts } from './ports.ts';
import { GROUP, type GroupDocument, type HolderDocument, ROLE, type RoleDocument, USER, type UserDocument } from './resources.ts';

/** Users, groups and roles: what policies are given to. */
export interface HolderDocuments {
  readonly User: UserDocument;
  readonly Group: GroupDocument;
  readonly Role: RoleDocument;
}
export type HolderKind = keyof HolderDocuments;

export const DECLARATIONS: Readonly<Record<HolderKind, ResourceDeclaration>> = { User: USER, Group: GROUP, Role: ROLE };

/** `UserName`, `GroupName` or `RoleName` of an input. */
export const holderName = (kind: HolderKind, input: object): string => (input as Record<string, string>)[`${kind}Name`] ?? '';

export const holderKey = (kind: HolderKind, context: OperationContext, name: string): ResourceKey =>
  keyOf(DECLARATIONS[kind], context, name);

export const findHolder = <K extends HolderKind>(
  store: Pick<Store, 'get'>,
  context: OperationContext,
  kind: K,
  name: string,
): Promise<Read<HolderDocuments[K]> | undefined> => readRow<HolderDocuments[K]>(store, holderKey(kind, context, name));

export async function readHolder<K extends HolderKind>(
  store: Pick<Store, 'get'>,
  context: OperationContext,
  kind: K,
  name: string,
): Promise<Read<HolderDocuments[K]>> {
  const row = await findHolder(store, context, kind, name);
  if (!row) throw absentError(DECLARATIONS[kind], context, name);
  return row;
}

export const holderWrite = (key: ResourceKey, document: HolderDocument, nowMs: number): Write =>
  writeOf(key, document, { createdAtMs: document.CreateDate, modifiedAtMs: nowMs });

/** What an operation on a holder needs. The path of one that exists is part of its ARN. */
export const holderNeed =
  ({ store }: Pick<OperationPorts, 'store'>, kind: HolderKind, action: string) =>
  async (input: object, context: OperationContext) => {
    const { PolicyArn } = input as { readonly PolicyArn?: string };
    const found = await findHolder(store, context, kind, holderName(kind, input));
    const arn = found?.document.Arn ?? arnOf(DECLARATIONS[kind], context, holderName(kind, input));
    return [{ action, resources: [arn], ...(PolicyArn !== undefined && { context: { 'iam:PolicyARN': PolicyArn } }) }];
  };

export interface HolderChange<D> {
  readonly document: D;
  /** What else belongs into the commit. */
  readonly also?: Partial<Pick<Commit, 'expect' | 'write' | 'refer'>>;
}

/** Reads a holder, changes it and commits; acknowledged when the router has it too. */
export async function changeHolder<K extends HolderKind>(
  { store, directory, publish }: OperationPorts,
  context: OperationContext,
  kind: K,
  name: string,
  change: (document: HolderDocuments[K]) => HolderChange<HolderDocuments[K]> | Promise<HolderChange<HolderDocuments[K]>>,
): Promise<void> {
  await decideAndCommit(store, async () => {
    const row = await readHolder(store, context, kind, name);
    const { document: after, also } = await change(row.document);
    const changes = changedMembers(row.document, after);
    if (Object.keys(changes).length === 0) return { result: undefined };
    return {
      result: undefined,
      commit: {
        expect: [{ key: row.key, version: row.version }, ...(also?.expect ?? [])],
        write: [holderWrite(row.key, after, context.nowMs), ...(also?.write ?? [])],
        ...(also?.refer && { refer: also.refer }),
        ledger: [entryOf(context, context.operation, [after.Arn], changes)],
      },
    };
  });
  directory.forget(holderKey(kind, context, name));
  await publish();
}

/**
 * What makes a change conflict with the deletion of a row it relies on: the row is expected as it was, and written as it is. A deletion
 * that looked before for those who rely on it then finds another version.
 */
export const touched = ({ key, version, document, index }: Read<JsonObject>): Required<Pick<Commit, 'expect' | 'write'>> => ({
  expect: [{ key, version }],
  write: [{ key, document, index }],
});

/** The user a call names; without a name the caller means itself. */
export function ownName(asked: string | undefined, { principal }: OperationContext): string {
  if (asked !== undefined) return asked;
  if (principal.kind !== 'user') {
    throw new ServiceError('ValidationError', 'Must specify userName when calling with non-User credentials');
  }
  return principal.name;
}
