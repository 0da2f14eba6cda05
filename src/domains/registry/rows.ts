import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Store, Write } from '../../platform/store/port.ts';
import { type GroupDocument, type PackageDocument, packageBlobs, packageIndex } from './resources.ts';

/** A row of this room as its own type: the store knows documents only as JSON. */
export interface Read<D> {
  readonly key: ResourceKey;
  readonly version: number;
  readonly document: D;
}

export async function readRow<D>(store: Store, key: ResourceKey): Promise<Read<D> | undefined> {
  const row = await store.get(key);
  return row && { key, version: row.version, document: row.document as unknown as D };
}

export const groupWrite = (key: ResourceKey, document: GroupDocument): Write => ({
  key,
  document: document as unknown as JsonObject,
  index: { createdAtMs: document.CreationTime, modifiedAtMs: document.CreationTime },
});

export const packageWrite = (key: ResourceKey, document: PackageDocument): Write => ({
  key,
  document: document as unknown as JsonObject,
  index: packageIndex(document),
  blobs: packageBlobs(document),
});
