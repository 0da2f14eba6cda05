import type { InstanceLimits } from '../../platform/admission/instance-sizes.ts';
import type { Admission } from '../../platform/admission/port.ts';
import type { Authorizer, RoleSessions } from '../../platform/authorization/port.ts';
import type { WorkCredentials } from '../../platform/authorization/work-credentials.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { BuildTools } from '../../platform/ports/build-tools.ts';
import type { LogFiles } from '../../platform/ports/log-files.ts';
import type { WorkBackend } from '../../platform/ports/work.ts';
import type { ReconcileLoop } from '../../platform/reconcile/port.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';

export interface BuildsPorts {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly loop: ReconcileLoop;
  readonly backend: WorkBackend;
  readonly admission: Admission;
  readonly logFiles: LogFiles;
  readonly authorizer: Authorizer;
  readonly roles: RoleSessions;
  readonly credentials: Pick<WorkCredentials, 'environment'>;
  readonly instanceLimits: (instanceType: string) => InstanceLimits;
  readonly tools: BuildTools;
  readonly settings: Pick<Settings, 'reservations' | 'sandbox'>;
  /** Secret of this data folder; signs the token by which a build's driver asks for its plan. */
  readonly sealingKey: string;
  /** Where builds reach the main port. */
  readonly serverUrl: () => string;
}
