import type { Authorizer, RoleSessions } from '../../platform/authorization/port.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { Store } from '../../platform/store/port.ts';

export interface DeliveryPorts {
  readonly store: Store;
  readonly calls: Calls;
  readonly authorizer: Authorizer;
  readonly roles: RoleSessions;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Hex, 32 bytes: the secrets of webhooks are kept sealed with it. */
  readonly sealingKey: string;
  /** The server's own address: approvals and webhooks tell addresses below it. */
  readonly serverUrl: () => string;
}
