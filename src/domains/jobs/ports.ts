import type { Admission } from '../../platform/admission/port.ts';
import type { InstanceLimits } from '../../platform/admission/instance-sizes.ts';
import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { WorkCredentials } from '../../platform/authorization/work-credentials.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { LogFiles } from '../../platform/ports/log-files.ts';
import type { RuntimeCatalogue } from '../../platform/ports/runtime.ts';
import type { WorkBackend } from '../../platform/ports/work.ts';
import type { ReconcileLoop } from '../../platform/reconcile/port.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';
import type { Archiver } from './artifact-archive.ts';

export interface JobsPorts {
  readonly store: Store;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly loop: ReconcileLoop;
  readonly backend: WorkBackend;
  readonly admission: Admission;
  readonly runtimes: RuntimeCatalogue;
  readonly logFiles: LogFiles;
  readonly roles: RoleSessions;
  readonly credentials: Pick<WorkCredentials, 'environment'>;
  readonly instanceLimits: (instanceType: string) => InstanceLimits;
  /** Makes `model.tar.gz`. The real one compresses in other threads, which a simulator cannot. */
  readonly archive?: Archiver;
  readonly settings: Pick<Settings, 'approval' | 'reservations' | 'sandbox'>;
}
