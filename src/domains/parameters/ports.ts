import type { Calls } from '../../platform/calls/operation.ts';
import type { SealingPorts } from './sealing.ts';
import type { Store } from '../../platform/store/port.ts';

export interface ParametersPorts extends SealingPorts {
  readonly store: Store;
  /** To Secrets Manager, for names that stand for its secrets. */
  readonly calls: Calls;
}
