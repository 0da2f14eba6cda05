import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../platform/store/port.ts';

export interface NoticePorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly calls: Calls;
}
