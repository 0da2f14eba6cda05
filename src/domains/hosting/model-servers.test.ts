import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkAnswer } from '../../platform/ports/work.ts';
import { createVirtualClock } from '../../platform/virtual-clock.ts';
import { ModelServers, type ServerPlan } from './model-servers.ts';
import type { HostingPorts } from './ports.ts';

/** One model server of an endpoint in service; the test says how its process is. */
function setUp() {
  const clock = createVirtualClock();
  const state = { answers: true, startedAtMs: clock.now(), stops: 0 };
  const answer: WorkAnswer = { kind: 'answered', status: 200, headers: {}, body: (async function* () {})() };
  const ports = {
    clock,
    settings: { reservations: { modelServer: { cpus: 0, memoryMiB: 1 } } },
    admission: { restore() {} },
    log: { warn() {} },
    backend: {
      status: async () => ({ phase: 'running', startedAtMs: state.startedAtMs, isolation: 'none' }),
      ask: async () => (state.answers ? answer : { kind: 'refused' }),
      stop: async () => {
        state.stops += 1;
      },
    },
  } as unknown as HostingPorts;
  const variant = { name: 'A', startupTimeoutSeconds: 240, instances: [{ id: 'i', workId: 'work' }], model: {} };
  const fleet = { variants: [variant] };
  const plan = {
    key: { account: '1', region: 'r', kind: 'Endpoint', name: 'e' },
    endpoint: { EndpointArn: 'arn', serving: fleet },
    fleet,
    variant,
    instance: variant.instances[0],
    place: 0,
  } as unknown as ServerPlan;
  const servers = new ModelServers(ports);
  /** Looks for so long as often as a deployment beside it does. */
  const lookFor = async (seconds: number) => {
    for (const untilMs = clock.now() + seconds * 1000; clock.now() < untilMs; clock.advance(200)) await servers.look(plan);
    return state.stops;
  };
  return { clock, state, lookFor };
}

test('a model server in service that falls silent is ended after a minute, however often it is looked at', async () => {
  const { state, lookFor } = setUp();
  await lookFor(1);
  state.answers = false;
  assert.equal(await lookFor(59), 0);
  assert.equal(await lookFor(2), 1);
});

test('one that was started again has as long to come up as its variant is given', async () => {
  const { clock, state, lookFor } = setUp();
  await lookFor(1);
  state.answers = false;
  state.startedAtMs = clock.now();
  assert.equal(await lookFor(239), 0);
  assert.equal(await lookFor(2), 1);
});
