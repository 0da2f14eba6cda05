import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { OutgoingHttp } from '../../platform/ports/outgoing-http.ts';
import type { ReconcileLoop } from '../../platform/reconcile/port.ts';
import type { Store } from '../../platform/store/port.ts';

export interface EventsPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly loop: ReconcileLoop;
  readonly roles: Pick<RoleSessions, 'resolve'>;
  /** Hex; secrets of connections are sealed with it. */
  readonly sealingKey: string;
  readonly outgoing?: Pick<OutgoingHttp, 'problemOf'>;
}
