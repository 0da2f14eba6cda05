import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Store } from '../../platform/store/port.ts';

export interface StudioPorts {
  readonly store: Store;
  readonly ids: Ids;
  readonly roles: Pick<RoleSessions, 'resolve'>;
}
