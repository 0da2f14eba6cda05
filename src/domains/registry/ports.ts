import type { Calls } from '../../platform/calls/operation.ts';
import type { RuntimeCatalogue } from '../../platform/ports/runtime.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';

export interface RegistryPorts {
  readonly store: Store;
  readonly calls: Calls;
  readonly settings: Pick<Settings, 'approval'>;
  /** Where it is absent no image has a digest. */
  readonly runtimes?: RuntimeCatalogue;
}
