import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { InstanceLimits } from '../../platform/admission/instance-sizes.ts';
import type { Admission } from '../../platform/admission/port.ts';
import type { WorkCredentials } from '../../platform/authorization/work-credentials.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { LogFiles } from '../../platform/ports/log-files.ts';
import type { RoutePublisher } from '../../platform/ports/routes.ts';
import type { RuntimeCatalogue } from '../../platform/ports/runtime.ts';
import type { WorkAdditions } from '../../platform/ports/additions.ts';
import type { WorkBackend } from '../../platform/ports/work.ts';
import type { ReconcileLoop } from '../../platform/reconcile/port.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';

export interface HostingPorts {
  readonly store: Store;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly log: Log;
  readonly loop: ReconcileLoop;
  /** Without additions there are no multi-model containers. */
  readonly backend: WorkBackend & Partial<WorkAdditions>;
  readonly logFiles: LogFiles;
  readonly routes: RoutePublisher;
  readonly admission: Admission;
  readonly runtimes: RuntimeCatalogue;
  readonly roles: RoleSessions;
  /** After how long without a request a serverless variant goes to sleep; default five minutes. */
  readonly serverlessIdleMs?: number;
  readonly settings: Pick<Settings, 'approval' | 'reservations'>;
  /** What a process of an instance type may use, clipped to this host. */
  readonly instanceLimits: (instanceType: string) => InstanceLimits;
  /** How code inside a model server reaches Slipway as its role: endpoint URLs and where to fetch credentials. */
  readonly workCredentials: Pick<WorkCredentials, 'environment'>;
}
