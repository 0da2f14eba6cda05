import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { writeOf } from '../../platform/store/typed-rows.ts';
import { type GroupDocument, type PackageDocument, packageBlobs, packageIndex } from './resources.ts';

export const groupWrite = (key: ResourceKey, document: GroupDocument): Write =>
  writeOf(key, document, { createdAtMs: document.CreationTime, modifiedAtMs: document.CreationTime });

export const packageWrite = (key: ResourceKey, document: PackageDocument): Write =>
  writeOf(key, document, packageIndex(document), packageBlobs(document));
