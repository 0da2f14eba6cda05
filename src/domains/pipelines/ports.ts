import type { ServiceModel } from '../../contract/model.ts';
import type { Authorizer, RoleSessions } from '../../platform/authorization/port.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../platform/store/port.ts';

export interface PipelinePorts {
  readonly store: Store;
  readonly calls: Calls;
  /** Asks for the one who started an execution whether they may approve what it registers. */
  readonly authorizer: Authorizer;
  readonly roles: RoleSessions;
  readonly clock: Clock;
  /** SageMaker's API model: arguments and property references are checked against its shapes. */
  readonly model: ServiceModel;
}
