import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Cursor, ListQuery, RowIndex, Store, Write } from '../../platform/store/port.ts';

/** A row of this room as its own type: the store knows documents only as JSON. */
export interface Read<D> {
  readonly key: ResourceKey;
  readonly version: number;
  readonly document: D;
  readonly index: RowIndex;
}

export async function readRow<D>(store: Store, key: ResourceKey): Promise<Read<D> | undefined> {
  return (await store.get(key)) as unknown as Read<D> | undefined;
}

export async function listRows<D>(store: Store, query: ListQuery): Promise<{ rows: Read<D>[]; next?: Cursor }> {
  return (await store.list(query)) as unknown as { rows: Read<D>[]; next?: Cursor };
}

export const writeOf = (key: ResourceKey, document: object, index: RowIndex): Write => ({
  key,
  document: document as JsonObject,
  index,
});
