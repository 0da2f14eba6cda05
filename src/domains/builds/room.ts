import type { Room } from '../../platform/calls/operation.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Timer } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { driverRoute } from './answer-driver.ts';
import { buildOperations } from './operations/builds.ts';
import { projectOperations } from './operations/projects.ts';
import { reportOperations } from './operations/reports.ts';
import type { BuildsPorts } from './ports.ts';
import { createBuildReconciler, type BuildIndex } from './reconcile-build.ts';
import { BUILD, BUILD_RECONCILER, type BuildDocument, isEnded, PROJECT, REPORT, REPORT_GROUP } from './resources.ts';

/** The room, and where drivers of builds ask it. */
export interface BuildsRoom extends Room {
  readonly route: WebRoute;
}

const TIMERS_PAGE = 1_000;

/** CodeBuild: projects, and builds that really execute their buildspec. */
export function createBuildsRoom(ports: BuildsPorts): BuildsRoom {
  const keys = new Map<string, ResourceKey>();
  const index: BuildIndex = {
    remember: (workId, key) => keys.set(workId, key),
    forget: (workId) => keys.delete(workId),
  };
  const wake = (workId: string) => {
    const key = keys.get(workId);
    if (key) ports.loop.wake(BUILD_RECONCILER, key);
  };
  const forgets: (() => void)[] = [];
  return {
    name: 'builds',
    operations: [...projectOperations(ports), ...buildOperations(ports), ...reportOperations(ports)],
    resources: [PROJECT, BUILD, REPORT_GROUP, REPORT],
    reconcilers: [createBuildReconciler(ports, index)],
    calls: [
      's3:GetObject',
      's3:ListObjectsV2',
      's3:PutObject',
      'logs:CreateLogGroup',
      'logs:CreateLogStream',
      'ssm:GetParameter',
      'secretsmanager:GetSecretValue',
    ],
    route: driverRoute(ports),
    async start() {
      forgets.push(ports.backend.onChange(wake), ports.admission.onAdmitted(wake));
      await restoreReservations(ports, index);
    },
    async stop() {
      for (const forget of forgets) forget();
    },
  };
}

/** Builds that run count before anything new is admitted. Those that have not ended are found by their timers. */
async function restoreReservations(ports: BuildsPorts, index: BuildIndex): Promise<void> {
  let after: Timer | undefined;
  do {
    const timers = await ports.store.timers({ ...(after && { after }), limit: TIMERS_PAGE });
    for (const { reconciler, key } of timers) if (reconciler === BUILD_RECONCILER) await restoreBuild(ports, index, key);
    after = timers.length === TIMERS_PAGE ? timers.at(-1) : undefined;
  } while (after);
}

async function restoreBuild(ports: BuildsPorts, index: BuildIndex, key: ResourceKey): Promise<void> {
  const row = await readRow<BuildDocument>(ports.store, key);
  if (!row || isEnded(row.document.status)) return;
  const { workId } = row.document;
  index.remember(workId, key);
  const { phase } = await ports.backend.status(workId);
  if (phase === 'running' || phase === 'preparing') ports.admission.restore(workId, ports.settings.reservations.job);
}
