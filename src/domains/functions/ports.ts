import type { Admission } from '../../platform/admission/port.ts';
import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { WorkCredentials } from '../../platform/authorization/work-credentials.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { LogFiles } from '../../platform/ports/log-files.ts';
import type { WorkBackend } from '../../platform/ports/work.ts';
import type { ReconcileLoop } from '../../platform/reconcile/port.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';
import type { RuntimeKind } from './decide-config.ts';

export interface FunctionsPorts {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly loop: ReconcileLoop;
  readonly backend: WorkBackend;
  readonly logFiles: LogFiles;
  readonly admission: Admission;
  readonly roles: RoleSessions;
  /** How a handler reaches Slipway as its role: endpoint URLs and where to fetch credentials. */
  readonly workCredentials: Pick<WorkCredentials, 'environment'>;
  readonly settings: Pick<Settings, 'sandbox'>;
  readonly runtimes: FunctionRuntimes;
  /** Secret of this data folder; signs the addresses under which a function's code can be fetched. */
  readonly sealingKey: string;
  /** Where clients reach this server, for such addresses. */
  readonly serverUrl: () => string;
  /** How long after each failure an asynchronous invocation is tried again. Lambda: one minute, then two. */
  readonly retryDelaysMs?: readonly number[];
  /** How long an idle environment is kept. */
  readonly idleMs?: number;
}

/** The interpreters on this machine. */
export interface FunctionRuntimes {
  /** e.g. `3.11.7`; throws a BackendError when the set-up never built it. */
  version(kind: RuntimeKind): string;
}
