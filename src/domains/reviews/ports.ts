import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Settings } from '../../platform/settings.ts';

export interface ReviewPorts {
  readonly calls: Calls;
  readonly ids: Ids;
  readonly roles: Pick<RoleSessions, 'assume'>;
  readonly settings: Pick<Settings, 'reviews' | 'account'>;
}
