import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkSpec } from '../../../src/platform/ports/work.ts';
import { createVirtualClock } from '../../../src/platform/virtual-clock.ts';
import type { Fault } from '../swarm.ts';
import { openSimBackend } from './sim-backend.ts';
import { createSimBlobDisk } from './sim-blobs.ts';
import { createSimHost } from './sim-host.ts';
import { createSimLogDisk } from './sim-log-files.ts';

function setUp() {
  const clock = createVirtualClock();
  const logs = createSimLogDisk();
  const host = createSimHost({ clock, logs, blobs: createSimBlobDisk() });
  /** Performs the one action that the text names. */
  const act = (text: string, ...faults: Fault[]) => {
    const found = host.actions(new Set(faults)).filter(({ name }) => name.includes(text));
    assert.equal(found.length, 1, `${text} among ${host.actions(new Set(faults)).map(({ name }) => name)}`);
    found[0]?.perform();
    if (text.endsWith('begins')) clock.advance(20);
  };
  return { clock, logs, host, act, backend: openSimBackend(host, { clock }) };
}

const spec = (id: string, outcome = 'ok', more: Partial<WorkSpec> = {}): WorkSpec => ({
  id,
  kind: 'job',
  hostname: 'algo-1',
  hosts: ['algo-1'],
  runtime: { name: 'ml' },
  image: 'python:3.11',
  command: ['python3'],
  workingDirectory: '/',
  environment: { SIM_OUTCOME: outcome, SIM_FILES: JSON.stringify({ 'model/b/model.txt': 'm', 'model/a': '' }) },
  files: [],
  inputs: [],
  outputs: [{ name: 'model', path: '/opt/ml/model' }],
  limits: { graceSeconds: 1, memoryBytes: 1, cpus: 1, maxRuntimeSeconds: 100 },
  network: 'none',
  logFile: `/logs/${id}`,
  ...more,
});

test('a job goes from its claim to its end, leaves its files and lines, and is forgotten', async () => {
  const { backend, host, act, logs } = setUp();
  assert.deepEqual(await backend.status('one'), { phase: 'absent' });
  await backend.start(spec('one'));
  await backend.start(spec('one'));
  assert.deepEqual(await backend.status('one'), { phase: 'preparing' });
  act('one is claimed');
  act('one begins');
  assert.equal((await backend.status('one')).phase, 'running');
  assert.deepEqual(await backend.outputs('one', 'model'), { files: [], skipped: [] });
  await assert.rejects(backend.release('one'), { name: 'BackendError', retryable: true });
  act('one ends: ok');
  const end = await backend.status('one');
  assert.ok(end.phase === 'ended' && end.reason === 'exited' && end.exitCode === 0);
  const { files } = await backend.outputs('one', 'model');
  assert.deepEqual(
    files.map(({ relativePath, sizeBytes }) => [relativePath, sizeBytes]),
    [
      ['a', 0],
      ['b/model.txt', 1],
    ],
  );
  assert.equal(await backend.readText('one', '/opt/ml/model/b/model.txt', 10), 'm');
  assert.equal(logs.files.get('/logs/one')?.lines.length, 1);
  await backend.release('one');
  await backend.release('one');
  assert.deepEqual(await backend.status('one'), { phase: 'absent' });
  assert.deepEqual(host.problems, []);
  await backend.start(spec('one'));
  assert.match(host.problems[0] ?? '', /started after its release/);
});

test('what a dead server handed over is absent to the next, may yet be claimed, and finds the stop that was asked for', async () => {
  const { backend, host, act, clock } = setUp();
  await backend.start(spec('one'));
  const next = openSimBackend(host, { clock });
  assert.deepEqual(await next.status('one'), { phase: 'absent' });
  await next.stop('one');
  act('one is claimed');
  act('one ends before it began');
  const end = await next.status('one');
  assert.ok(end.phase === 'ended' && end.reason === 'stopped' && end.startedAtMs === undefined);

  await next.start(spec('two'));
  const third = openSimBackend(host, { clock });
  act('ends before two');
  assert.equal(host.actions().length, 0);
  await third.start(spec('two')); // handed over again
  act('two is claimed');

  await third.start({ ...spec('three'), kind: 'service' });
  const fourth = openSimBackend(host, { clock });
  await fourth.release('three');
  assert.deepEqual(host.ends.at(-1), { workId: 'three', reason: 'lost', planned: false, atMs: clock.now() });
});

test('a change is told once it is reported, twice, late, or only by the slow look', async () => {
  const { backend, act, clock } = setUp();
  const told: string[] = [];
  backend.onChange((id) => told.push(id));
  await backend.start(spec('one'));
  act('is claimed');
  act('begins');
  act('reported, and will be again', 'report twice');
  act('one is reported');
  assert.deepEqual(told, ['one', 'one']);
  act('ends: ok');
  act('held up', 'report late');
  assert.deepEqual(told, ['one', 'one']);
  clock.advance(20_000);
  act('is lost', 'report lost');
  assert.ok(told.length > 2, 'the slow look tells of ends');
});

test('failures: planned, of the machine, of a peer, of the time', async () => {
  const { backend, host, act, clock } = setUp();
  await backend.start(spec('a', 'fail', { peers: ['b'] }));
  await backend.start(spec('b', 'hang', { peers: ['a'] }));
  for (const id of ['a', 'b']) {
    act(`${id} is claimed`);
    act(`${id} begins`);
  }
  act('a ends: fail');
  assert.match((await backend.readText('a', '/opt/ml/output/failure', 100)) ?? '', /planned failure/);
  act('b ends for its stop');
  await backend.start(spec('c', 'hang'));
  act('c is claimed');
  act('c begins');
  clock.advance(100_000);
  await backend.start(spec('d'));
  act('d is claimed');
  act('d begins');
  act('d: work out of memory', 'work out of memory');
  assert.deepEqual(
    host.ends.map(({ workId, reason, planned }) => [workId, reason, planned]),
    [
      ['a', 'exited', true],
      ['b', 'stopped', true],
      ['c', 'max-runtime', true],
      ['d', 'out-of-memory', false],
    ],
  );
});

test('another specification under the same id is a problem', async () => {
  const { backend, host } = setUp();
  await backend.start(spec('one'));
  await backend.start(spec('one', 'fail'));
  assert.match(host.problems[0] ?? '', /started again with another environment/);
});

test('data that changed before a start was made again is no problem of a job alone, but of one host of several', async () => {
  const { backend, host } = setUp();
  const inputs = (name: string) => [
    { path: '/in', access: 'additive' as const, entries: [], stream: { decompress: name === 'b', wrap: false } },
  ];
  for (const name of ['a', 'b']) await backend.start(spec('alone', 'ok', { inputs: inputs(name) }));
  assert.deepEqual(host.problems, []);
  for (const name of ['a', 'b']) await backend.start(spec('one-of-two', 'ok', { inputs: inputs(name), peers: ['other'] }));
  assert.match(host.problems[0] ?? '', /one-of-two is started again with another inputs/);
});

test('a model server answers once it is ready, one that is to fail ends; its next start is another attempt', async () => {
  const { backend, act } = setUp();
  const ping = () => backend.ask('s', { method: 'GET', path: '/ping' });
  const server = spec('s', 'fail-until-attempt-2', { kind: 'service' });
  await backend.start(server);
  act('s is claimed');
  act('s begins');
  assert.equal((await ping()).kind, 'refused');
  act('s ends: fail');
  await backend.release('s');
  await backend.start(server);
  act('s is claimed');
  act('s begins');
  act('s is ready');
  assert.equal((await ping()).kind, 'answered');
  const asked = backend.ask('s', { method: 'POST', path: '/invocations' });
  await Promise.resolve();
  act('s: work vanishes', 'work vanishes');
  assert.equal((await asked).kind, 'broken');
});

test('an environment runs an invocation once, however often it is asked for it', async () => {
  const { backend, act, host } = setUp();
  await backend.start(spec('function-1', 'ok', { kind: 'service' }));
  act('is claimed');
  act('begins');
  const ready = backend.ask('function-1', { method: 'GET', path: '/ready' });
  await Promise.resolve();
  act('is ready');
  assert.equal((await ready).kind, 'answered');
  const body = () => {
    const bytes = Buffer.from('{"simReturns":{"n":1}}');
    return {
      sizeBytes: bytes.length,
      parts: (async function* () {
        yield bytes;
      })(),
    };
  };
  const post = () => backend.ask('function-1', { method: 'POST', path: '/invocations/r1', headers: { keep: '1' }, body: body() });
  const given = new AbortController();
  const late = backend.ask('function-1', { method: 'POST', path: '/invocations/r1', body: body(), signal: given.signal });
  const [first, second] = [post(), post()];
  await new Promise(setImmediate);
  given.abort();
  assert.equal((await late).kind, 'late');
  act('runs r1: ok');
  for (const answer of [await first, await second, await post()]) {
    assert.ok(answer.kind === 'answered');
    let text = '';
    for await (const part of answer.body) text += Buffer.from(part).toString();
    assert.equal(text, '{"n":1}');
  }
  assert.equal(host.services.runs.length, 1);
  await backend.ask('function-1', { method: 'DELETE', path: '/invocations/r1' });
  const gone = await backend.ask('function-1', { method: 'GET', path: '/invocations/r1' });
  assert.ok(gone.kind === 'answered' && gone.status === 404);
  assert.deepEqual(host.problems, []);
});
