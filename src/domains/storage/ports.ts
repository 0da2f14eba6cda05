import type { BlobStore } from '../../platform/objects/port.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Store } from '../../platform/store/port.ts';

/** What the operations of this room use. */
export interface StoragePorts {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly ids: Ids;
}
