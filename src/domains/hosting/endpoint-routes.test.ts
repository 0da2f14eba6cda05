import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError } from '../../platform/errors/families.ts';
import type { EndpointRoute, RoutePublisher } from '../../platform/ports/routes.ts';
import { EndpointRoutes } from './endpoint-routes.ts';
import type { EndpointDocument, Fleet } from './resources.ts';

const KEY = { account: '1', region: 'r', kind: 'Endpoint', name: 'e' };
const fleet = (number: number) =>
  ({
    number,
    variants: [{ name: 'A', weight: 1, instances: [{ id: `i-${number}`, workId: `work-${number}` }], model: {} }],
  }) as unknown as Fleet;
const endpoint = (more: Partial<EndpointDocument>) =>
  ({
    EndpointName: 'e',
    EndpointArn: 'arn',
    EndpointStatus: 'Updating',
    CreationTime: 1,
    retiring: [],
    ...more,
  }) as EndpointDocument;

/** A router that has what it was told, and may fail to say so. */
function setUp() {
  const state: { routes: readonly EndpointRoute[]; silent: boolean } = { routes: [], silent: false };
  const publisher = {
    async publishEndpoints(routes: readonly EndpointRoute[]) {
      state.routes = routes;
      if (state.silent) throw new BackendError('unreachable', 'The router did not answer.', { retryable: true });
    },
  } as unknown as RoutePublisher;
  const routes = new EndpointRoutes(publisher, (id) => ({ kind: 'unix', socketPath: `/${id}` }));
  const served = () => state.routes.flatMap(({ variants }) => variants.flatMap(({ instances }) => instances.map(({ id }) => id)));
  return { state, routes, served };
}

test('a deployment that was routed and then failed is routed no more: what served is again', async () => {
  const { state, routes, served } = setUp();
  const updating = endpoint({ serving: fleet(1), deploying: fleet(2) });
  await routes.route(KEY, updating, fleet(1));
  state.silent = true;
  await assert.rejects(routes.route(KEY, updating, fleet(2)));
  assert.deepEqual(served(), ['work-2']);
  state.silent = false;
  await routes.withdraw(KEY, updating);
  assert.deepEqual(served(), ['work-1']);
});

test('a new endpoint that was routed and then failed is unknown to the router', async () => {
  const { state, routes, served } = setUp();
  const creating = endpoint({ EndpointStatus: 'Creating', deploying: fleet(1) });
  state.silent = true;
  await assert.rejects(routes.route(KEY, creating, fleet(1)));
  await assert.rejects(routes.withdraw(KEY, creating));
  state.silent = false;
  await routes.withdraw(KEY, creating);
  assert.deepEqual(served(), []);
});
