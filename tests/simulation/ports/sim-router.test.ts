import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointRoute } from '../../../src/platform/ports/routes.ts';
import { createVirtualClock } from '../../../src/platform/virtual-clock.ts';
import { createRandom } from '../random.ts';
import { createSimRouter, openSimRoutes } from './sim-router.ts';

const PLACE = { account: '1', region: 'r', name: 'e' };
const route = (...ids: string[]): EndpointRoute => ({
  ...PLACE,
  arn: 'arn',
  variants: [{ name: 'A', weight: 1, instances: ids.map((id) => ({ id, address: { kind: 'unix', socketPath: `/${id}` } })) }],
});

test('routes count once the router has applied them, the last ones at once, and stay when the server dies', async () => {
  const router = createSimRouter({ clock: createVirtualClock(), random: createRandom(1) });
  const first = openSimRoutes(router);
  const told: string[] = [];
  void first.publishEndpoints([route('one')]).then(() => told.push('one'));
  void first.publishEndpoints([route('two')]).then(() => told.push('two'));
  assert.equal(router.invoke(PLACE).kind, 'absent');
  assert.equal(router.actions().length, 1);
  router.actions()[0]?.perform();
  await Promise.resolve();
  assert.deepEqual(told, ['one', 'two']);
  const sent = router.invoke(PLACE);
  assert.ok(sent.kind === 'sent' && sent.instance.id === 'two');
  void first.publishEndpoints([]);
  openSimRoutes(router); // the next server; what was on its way has gone with the first
  assert.equal(router.actions().length, 0);
  assert.equal(router.invoke(PLACE).kind, 'sent');
});

test('an instance is drained when its last request has ended, or after the time', async () => {
  const clock = createVirtualClock();
  const router = createSimRouter({ clock, random: createRandom(1) });
  const routes = openSimRoutes(router);
  void routes.publishEndpoints([route('one')]);
  router.actions()[0]?.perform();
  const sent = router.invoke(PLACE);
  assert.ok(sent.kind === 'sent');
  assert.equal((await routes.usage(['one', 'other']))['one']?.inFlight, 1);
  const late = routes.drained(['one'], 100);
  clock.advance(100);
  assert.equal(await late, false);
  const drained = routes.drained(['one'], 100);
  sent.end();
  assert.equal(await drained, true);
});
