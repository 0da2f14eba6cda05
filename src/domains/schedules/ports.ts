import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { UniversalCalls } from '../../platform/calls/universal-calls.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../platform/store/port.ts';

export interface SchedulesPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly roles: Pick<RoleSessions, 'assume' | 'resolve'>;
  readonly universal: UniversalCalls;
}
