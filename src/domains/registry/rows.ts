import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { type GroupDocument, type PackageDocument, packageBlobs, packageIndex } from './resources.ts';

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
