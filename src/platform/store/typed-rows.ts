import type { JsonObject } from '../json.ts';
import type { ResourceKey } from '../resource-key.ts';
import type { Cursor, ListQuery, RowIndex, Store, Write } from './port.ts';

/** A row as its room's own type: the store knows documents only as JSON, and only the room itself wrote this kind. */
export interface Read<D> {
  readonly key: ResourceKey;
  readonly version: number;
  readonly document: D;
  readonly index: RowIndex;
}

export async function readRow<D>(store: Pick<Store, 'get'>, key: ResourceKey): Promise<Read<D> | undefined> {
  return (await store.get(key)) as unknown as Read<D> | undefined;
}

export async function listRows<D>(
  store: Pick<Store, 'list'>,
  query: ListQuery,
): Promise<{ readonly rows: Read<D>[]; readonly next?: Cursor }> {
  return (await store.list(query)) as unknown as { rows: Read<D>[]; next?: Cursor };
}

/** Without `blobs` the row keeps those it has. */
export const writeOf = (key: ResourceKey, document: object, index: RowIndex, blobs?: readonly string[]): Write => ({
  key,
  document: document as JsonObject,
  index,
  ...(blobs && { blobs }),
});
