import type { RegistryTokens } from '../../platform/authorization/registry-token.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { ImageTrees } from '../../platform/ports/images.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';
import type { ImageIndex } from './image-index.ts';

export interface ImagesPorts {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly settings: Pick<Settings, 'account' | 'registry'>;
  readonly registryTokens: RegistryTokens;
  readonly trees: ImageTrees;
  readonly imageIndex: ImageIndex;
}
