import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { changedMembers } from '../../platform/ledger/entry.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import { absentError, arnOf, existsError, keyOf, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import { type ListInput, listQuery } from '../../platform/resources/list-query.ts';
import { encodePageToken } from '../../platform/resources/page-token.ts';
import { type Tag, tagsKey, tagsWrite } from '../../platform/resources/tags.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit, ListQuery, Store, Write } from '../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { RECORD_ONLY, type StudioRecord } from './resources.ts';

/** Create, describe, list, update, delete: all that this room does with its records. */

/** Members that descriptions have in common, under each kind's own names. */
interface Described {
  readonly CreationTime?: number;
  readonly LastModifiedTime?: number;
}

type Row<D> = Read<StudioRecord<D>>;

const recordWrite = <D extends Described>(key: ResourceKey, record: StudioRecord<D>): Write => {
  const { CreationTime = 0, LastModifiedTime = 0, ...rest } = record.described;
  const { Status, NotebookInstanceStatus, DomainId } = rest as Readonly<Record<string, string | undefined>>;
  return writeOf(key, record, {
    createdAtMs: CreationTime,
    modifiedAtMs: LastModifiedTime,
    ...((Status ?? NotebookInstanceStatus) !== undefined && { status: Status ?? NotebookInstanceStatus }),
    ...(DomainId !== undefined && { parent: DomainId }),
  });
};

const entry = (context: OperationContext, arn: string, before: object | undefined, after: object | undefined) => ({
  ...entryOf(context, context.operation, [arn], changedMembers(before, after)),
  reason: RECORD_ONLY,
});

export async function requireRecord<D>(
  store: Store,
  declaration: ResourceDeclaration,
  name: string,
  context: OperationContext,
): Promise<Row<D>> {
  const row = await readRow<StudioRecord<D>>(store, keyOf(declaration, context, name));
  if (!row) throw absentError(declaration, context, name);
  return row;
}

/** The record of a resource that another refers to: it cannot go in the same moment. */
export interface Owner {
  readonly declaration: ResourceDeclaration;
  readonly name: string;
}

/** Owners are written again unchanged, so that their removal meets a conflict, and refer to what is made. */
async function ownerPart(store: Store, owners: readonly Owner[], from: ResourceKey, context: OperationContext) {
  const rows = await Promise.all(
    owners.map(({ declaration, name }) => requireRecord<Described>(store, declaration, name, context)),
  );
  return {
    expect: rows.map(({ key, version }) => ({ key, version })),
    write: rows.map(({ key, document }) => recordWrite(key, document)),
    refer: rows.map(({ key }) => ({ from, to: key })),
  };
}

export interface Creation<D> {
  readonly name: string;
  readonly described: D;
  readonly tags?: readonly Tag[];
  readonly owners?: readonly Owner[];
}

/** Answers the ARN. */
export async function createRecord<D extends Described>(
  store: Store,
  declaration: ResourceDeclaration,
  { name, described, tags, owners = [] }: Creation<D>,
  context: OperationContext,
): Promise<string> {
  const key = keyOf(declaration, context, name);
  const arn = arnOf(declaration, context, name);
  const tagged = tagsWrite(arn, tags, context.nowMs);
  return decideAndCommit(store, async () => {
    const existing = await readRow<StudioRecord<D>>(store, key);
    if (existing?.document.requestId === context.requestId) return { result: arn };
    if (existing) throw existsError(declaration, context, name);
    const owned = await ownerPart(store, owners, key, context);
    const write = recordWrite(key, { described, requestId: context.requestId });
    const commit: Commit = {
      expect: [{ key, version: 0 }, ...owned.expect],
      write: [write, ...owned.write, ...(tagged ? [tagged] : [])],
      refer: owned.refer,
      ledger: [entry(context, arn, undefined, described)],
    };
    return { result: arn, commit };
  });
}

/** `change` may refuse by throwing; it is asked again when someone else was quicker. */
export async function changeRecord<D extends Described>(
  store: Store,
  declaration: ResourceDeclaration,
  name: string,
  context: OperationContext,
  change: (described: D) => D,
): Promise<string> {
  const arn = arnOf(declaration, context, name);
  return decideAndCommit(store, async () => {
    const { key, version, document } = await requireRecord<D>(store, declaration, name, context);
    if (document.requestId === context.requestId) return { result: arn };
    const next = { ...change(document.described), LastModifiedTime: context.nowMs };
    const write = recordWrite(key, { described: next, requestId: context.requestId });
    return {
      result: arn,
      commit: { expect: [{ key, version }], write: [write], ledger: [entry(context, arn, document.described, next)] },
    };
  });
}

/** Refuses while another record refers to it. */
export async function removeRecord<D extends Described>(
  store: Store,
  declaration: ResourceDeclaration,
  name: string,
  context: OperationContext,
  mayGo: (described: D) => void = () => undefined,
): Promise<void> {
  const arn = arnOf(declaration, context, name);
  await decideAndCommit(store, async (count) => {
    // our own removal, whose answer was lost
    if (count > 0 && !(await store.get(keyOf(declaration, context, name)))) return { result: undefined };
    const { key, version, document } = await requireRecord<D>(store, declaration, name, context);
    mayGo(document.described);
    const [user] = await store.referrers(key, 1);
    if (user) throw new ServiceError(inUseCode(declaration), `${arn} is in use by ${user.kind} ${user.name}. Delete that first.`);
    return {
      result: undefined,
      commit: {
        expect: [{ key, version }],
        remove: [key, tagsKey(arn)],
        ledger: [entry(context, arn, document.described, undefined)],
      },
    };
  });
}

const inUseCode = ({ exists }: ResourceDeclaration) =>
  exists.code === 'ResourceInUse' ? 'ResourceInUse' : 'ValidationException';

export async function listRecords<D>(
  store: Store,
  declaration: ResourceDeclaration,
  input: ListInput,
  context: OperationContext,
  more: Pick<ListQuery, 'parent'> = {},
): Promise<{ readonly all: D[]; readonly NextToken: string | undefined }> {
  const { rows, next } = await listRows<StudioRecord<D>>(store, { ...listQuery(declaration.kind, context, input), ...more });
  return {
    all: rows.map(({ document }) => document.described),
    NextToken: encodePageToken(next),
  };
}

export const recordNeed = (
  declaration: ResourceDeclaration,
  action: string,
  name: string,
  context: OperationContext,
): { readonly action: string; readonly resources: string[] } => ({ action, resources: [arnOf(declaration, context, name)] });
