import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { RowIndex, Write } from '../../platform/store/port.ts';

export const writeOf = (key: ResourceKey, document: object, index: RowIndex): Write => ({
  key,
  document: document as JsonObject,
  index,
});
