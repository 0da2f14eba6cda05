import type { OperationContext } from '../calls/operation.ts';
import { entryOf } from '../ledger/entry-of.ts';
import type { ResourceKey } from '../resource-key.ts';
import { decideAndCommit } from '../store/attempt.ts';
import type { Store } from '../store/port.ts';
import { readRow } from '../store/typed-rows.ts';
import { checkedTags, type Tag, tagsKey } from './tags.ts';

/** A resource whose tags are read or changed: its row as found, and its own ARN, under which its tags are kept. */
export interface Tagged {
  readonly key: ResourceKey;
  readonly version: number;
  readonly arn: string;
}

/** A tag of a request; some services' models let either member be missing. */
export interface AskedTag {
  readonly Key?: string;
  readonly Value?: string;
}

/** New values replace those of the same key where they stand; new keys come last. */
export function mergedTags(before: readonly Tag[], added: readonly AskedTag[]): Tag[] {
  const values = new Map(before.map(({ Key, Value }) => [Key, Value]));
  for (const { Key = '', Value = '' } of added) values.set(Key, Value);
  return [...values].map(([Key, Value]) => ({ Key, Value }));
}

/** Keys that are not there are no fault. */
export const withoutTags = (before: readonly Tag[], keys: readonly string[]): Tag[] =>
  before.filter(({ Key }) => !keys.includes(Key)).map(({ Key, Value }) => ({ Key, Value }));

export async function readTags(store: Pick<Store, 'get'>, arn: string): Promise<readonly Tag[]> {
  return (await readRow<{ tags: Tag[] }>(store, tagsKey(arn)))?.document.tags ?? [];
}

/** Tags as the services write them that know them as a map. */
export const tagList = (tags: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

export const tagMap = (tags: readonly Tag[]): Record<string, string> =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));

/** Condition keys of a request that brings tags along. */
export const tagContext = (tags: readonly AskedTag[]) => ({
  'aws:TagKeys': tags.map(({ Key = '' }) => Key),
  ...Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [`aws:RequestTag/${Key}`, Value])),
});

/**
 * Changes the tags of a resource, ledger entry included. Expects it as it was found, so that no tags stay behind one that is being
 * deleted; `find` throws when it is absent.
 */
export async function changeTags(
  store: Store,
  context: OperationContext,
  find: () => Promise<Tagged>,
  change: (before: readonly Tag[]) => readonly Tag[],
): Promise<readonly Tag[]> {
  return decideAndCommit<readonly Tag[]>(store, async () => {
    const { key: resource, version, arn } = await find();
    const key = tagsKey(arn);
    const row = await readRow<{ tags: Tag[] }>(store, key);
    const before = row?.document.tags ?? [];
    const after = change(before);
    if (JSON.stringify(after) === JSON.stringify(before)) return { result: after };
    const tags = checkedTags(after).map(({ Key, Value }) => ({ Key, Value }));
    const index = { createdAtMs: row?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs };
    return {
      commit: {
        expect: [
          { key: resource, version },
          { key, version: row?.version ?? 0 },
        ],
        ...(tags.length > 0 ? { write: [{ key, document: { tags }, index }] } : { remove: [key] }),
        ledger: [entryOf(context, context.operation, [arn], { Tags: [before.map((tag) => ({ ...tag })), tags] })],
      },
      result: after,
    };
  });
}
