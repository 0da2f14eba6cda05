import type { Ids } from '../../platform/ids.ts';
import type { Store } from '../../platform/store/port.ts';

export interface SecretsPorts {
  readonly store: Store;
  readonly ids: Ids;
  /** Hex. */
  readonly sealingKey: string;
}
