import type { Room } from '../../platform/calls/operation.ts';
import type { Timer } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { AsyncInvocations } from './async-invocations.ts';
import { EndpointRoutes } from './endpoint-routes.ts';
import { HostedModels } from './hosted-models.ts';
import { ModelServers } from './model-servers.ts';
import { endpointConfigOperations } from './operations/endpoint-configs.ts';
import { endpointOperations } from './operations/endpoints.ts';
import { modelOperations } from './operations/models.ts';
import type { HostingPorts } from './ports.ts';
import { Serverless } from './serverless.ts';
import { createEndpointReconciler, RECONCILER } from './reconcile-endpoint.ts';
import { ENDPOINT, ENDPOINT_CONFIG, type EndpointDocument, fleetInstances, MODEL, worksOf } from './resources.ts';

const TIMERS_PAGE = 1_000;
const STOP_WAIT_MS = 35_000;

/** Models, endpoint configs, endpoints and the model servers behind them. */
export function createHostingRoom(ports: HostingPorts): Room {
  const servers = new ModelServers(ports);
  const models = new HostedModels(ports);
  const invocations = new AsyncInvocations(ports);
  const endpointRoutes = new EndpointRoutes(ports.routes, (workId) => ports.backend.address(workId));
  const serverless = new Serverless({ ...ports, servers, endpointRoutes });
  let stopping = false;
  let unsubscribe = () => {};
  return {
    name: 'hosting',
    operations: [...modelOperations(ports), ...endpointConfigOperations(ports), ...endpointOperations(ports, endpointRoutes)],
    resources: [MODEL, ENDPOINT_CONFIG, ENDPOINT],
    reconcilers: [
      createEndpointReconciler({
        ...ports,
        servers,
        endpointRoutes,
        models,
        invocations,
        serverless,
        startedAtMs: ports.clock.now(),
        stopping: () => stopping,
      }),
      invocations,
    ],
    calls: [
      's3:GetObject',
      's3:PutObject',
      's3:ListObjectsV2',
      'logs:CreateLogGroup',
      'logs:CreateLogStream',
      'sagemaker:DescribeModelPackage',
    ],
    async start() {
      unsubscribe = ports.backend.onChange((workId) => {
        const owner = servers.ownerOf(workId);
        if (owner) ports.loop.wake(RECONCILER, owner);
      });
      ports.routes.answer({
        placeModel: (asked) => models.place(asked),
        dropModel: (asked) => models.drop(asked),
        wake: (asked) => serverless.wake(asked),
        acceptAsync: (asked) => invocations.accept(asked),
      });
      await endpointRoutes.rebuild(await liveEndpoints(ports));
    },
    /** Ends every model server; endpoints keep their status and the next start restores them. After the loop stopped. */
    async stop() {
      stopping = true;
      invocations.stop();
      unsubscribe();
      const endpoints = await liveEndpoints(ports);
      const workIds = endpoints.flatMap(({ document }) =>
        [...fleetInstances(document.serving), ...fleetInstances(document.deploying), ...document.retiring].flatMap(worksOf),
      );
      await Promise.all([...new Set(workIds)].map((workId) => stopAndWait(ports, workId)));
    },
  };
}

/** Every endpoint with model servers: each has a timer row for as long as it exists, whatever its region. */
async function liveEndpoints({ store }: HostingPorts): Promise<Read<EndpointDocument>[]> {
  const endpoints: Read<EndpointDocument>[] = [];
  let after: Timer | undefined;
  for (;;) {
    const page = await store.timers({ ...(after && { after }), limit: TIMERS_PAGE });
    for (const { reconciler, key } of page) {
      if (reconciler !== RECONCILER) continue;
      const row = await readRow<EndpointDocument>(store, key);
      if (row) endpoints.push(row);
    }
    after = page.at(-1);
    if (page.length < TIMERS_PAGE) return endpoints;
  }
}

/** The end is enforced by the backend even if this process dies while it waits. */
async function stopAndWait({ backend, clock }: HostingPorts, workId: string): Promise<void> {
  const status = await backend.status(workId);
  if (status.phase === 'absent' || status.phase === 'ended') return;
  await new Promise<void>((resolve) => {
    const look = () =>
      void backend.status(workId).then(({ phase }) => {
        if (phase === 'absent' || phase === 'ended') finish();
      }, finish);
    const unsubscribe = backend.onChange((id) => {
      if (id === workId) look();
    });
    const cancel = clock.at(clock.now() + STOP_WAIT_MS, () => finish());
    const finish = () => {
      unsubscribe();
      cancel();
      resolve();
    };
    void backend.stop(workId).then(look, finish);
  });
}
