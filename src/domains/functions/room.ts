import type { Room } from '../../platform/calls/operation.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { Timer } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { codeRoute } from './code-location.ts';
import { Environments } from './environments.ts';
import type { InvocationDocument } from './invocations.ts';
import { createFunction } from './operations/create-function.ts';
import { invocationSettingOperations } from './operations/invocation-settings.ts';
import { invokeOperations } from './operations/invoke.ts';
import { permissionOperations } from './operations/permissions.ts';
import { readOperations } from './operations/read-functions.ts';
import { tagOperations } from './operations/tags.ts';
import { updateOperations } from './operations/update-function.ts';
import { aliasOperations } from './operations/aliases.ts';
import { versionOperations } from './operations/versions.ts';
import type { FunctionsPorts } from './ports.ts';
import { createEnvironmentReconciler, endEnvironment } from './reconcile-environment.ts';
import { createFunctionReconciler } from './reconcile-function.ts';
import { createInvocationReconciler } from './reconcile-invocation.ts';
import {
  ENVIRONMENT_RECONCILER,
  type EnvironmentDocument,
  FUNCTION,
  FUNCTION_ALIAS,
  FUNCTION_VERSION,
  INVOCATION_RECONCILER,
} from './resources.ts';

const TIMERS_PAGE = 1_000;

export interface FunctionsRoom extends Room {
  /** Where a function's code is fetched from. */
  readonly route: WebRoute;
  /** The stop that comes takes along what would go on without the server. */
  endAll(): void;
}

/** Lambda: functions, the processes that run their handlers, and invocations. */
export function createFunctionsRoom(ports: FunctionsPorts): FunctionsRoom {
  const environments = new Environments(ports);
  let takeAll = false;
  let unsubscribe = () => {};
  return {
    name: 'functions',
    operations: [
      createFunction(ports),
      ...updateOperations(ports, environments),
      ...readOperations(ports),
      ...versionOperations(ports),
      ...aliasOperations(ports),
      ...permissionOperations(ports),
      ...tagOperations(ports),
      ...invocationSettingOperations(ports, environments),
      ...invokeOperations(ports, environments),
    ],
    resources: [FUNCTION, FUNCTION_VERSION, FUNCTION_ALIAS],
    reconcilers: [
      createFunctionReconciler(ports),
      createEnvironmentReconciler(ports, environments),
      createInvocationReconciler(ports, environments),
    ],
    calls: ['s3:GetObject', 'logs:CreateLogGroup', 'logs:CreateLogStream'],
    route: codeRoute(ports),
    endAll() {
      takeAll = true;
    },
    async start() {
      unsubscribe = ports.backend.onChange((workId) => {
        const environment = environments.byWorkId(workId);
        if (environment) ports.loop.wake(ENVIRONMENT_RECONCILER, environment.key);
      });
      await takeOver(ports, environments);
    },
    /** Idle processes end with the server; a recorded invocation goes on, and the next start takes it over. */
    async stop() {
      unsubscribe();
      await Promise.all(environments.stop(takeAll).map(({ key }) => endEnvironment(ports, key)));
    },
  };
}

/** What an earlier process of the server left: its environments, and which of them run a recorded invocation. */
async function takeOver(ports: FunctionsPorts, environments: Environments): Promise<void> {
  const running: InvocationDocument[] = [];
  for await (const { reconciler, key } of allTimers(ports)) {
    if (reconciler === INVOCATION_RECONCILER) {
      const row = await readRow<InvocationDocument>(ports.store, key);
      if (row?.document.running) running.push(row.document);
    }
    if (reconciler !== ENVIRONMENT_RECONCILER) continue;
    const row = await readRow<EnvironmentDocument>(ports.store, key);
    if (row) environments.adopt(key, row.document);
    ports.loop.wake(ENVIRONMENT_RECONCILER, key);
  }
  for (const { running: where, requestId } of running) {
    const environment = where && environments.byWorkId(where.workId);
    if (!environment) continue;
    if (environment.status === 'found') environment.status = 'busy';
    environment.claimedBy = requestId;
  }
}

async function* allTimers({ store }: FunctionsPorts): AsyncGenerator<Timer> {
  let after: Timer | undefined;
  for (;;) {
    const page = await store.timers({ ...(after && { after }), limit: TIMERS_PAGE });
    yield* page;
    after = page.at(-1);
    if (page.length < TIMERS_PAGE) return;
  }
}
