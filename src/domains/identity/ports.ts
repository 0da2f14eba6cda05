import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { RoutePublisher } from '../../platform/ports/routes.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';
import type { Directory } from './directory.ts';

/** What `main` gives the room. */
export interface IdentityPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly routes: Pick<RoutePublisher, 'publishIdentities'>;
  /** Hex, 32 bytes; see platform/authorization/sealing-key.ts. */
  readonly sealingKey: string;
  readonly settings: Pick<Settings, 'account' | 'roles'>;
}

/** What operations use besides. */
export interface OperationPorts extends IdentityPorts {
  readonly directory: Directory;
  /** Resolves when the router has applied what is committed; a change is acknowledged only then. */
  readonly publish: () => Promise<void>;
}
