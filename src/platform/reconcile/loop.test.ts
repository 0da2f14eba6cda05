import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError, InvariantError, ServiceError } from '../errors/families.ts';
import type { Log } from '../log.ts';
import type { ResourceKey } from '../resource-key.ts';
import type { Commit, Timer } from '../store/port.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { createReconcileLoop } from './loop.ts';
import type { Reconciler, ReconcileResult } from './port.ts';

const key = (name: string): ResourceKey => ({ account: '1', region: 'r', kind: 'K', name });

function setUp(options: { timers?: Timer[]; parallel?: number } = {}) {
  const clock = createVirtualClock(0);
  const said: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const say = (level: string) => (fields: object, message: string) => said.push({ level, message, fields: { ...fields } });
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const listeners = new Set<(commit: Commit) => void>();
  const store = {
    onCommitted: (listener: (commit: Commit) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    timers: async () => options.timers ?? [],
  };
  const loop = createReconcileLoop({ store, clock, log, parallel: options.parallel });
  const committed = (commit: Partial<Commit>) => {
    for (const listener of listeners) listener({ expect: [], ...commit });
  };
  return { clock, loop, said, committed };
}

function recorder(name: string, behave: (key: ResourceKey, run: number) => Promise<ReconcileResult> = async () => {}) {
  const runs: string[] = [];
  const reconciler: Reconciler = {
    name,
    reconcile(one) {
      runs.push(one.name);
      return behave(one, runs.length);
    },
  };
  return { runs, reconciler };
}

test('a start wakes what is due and arms the rest', async () => {
  const { clock, loop } = setUp({
    timers: [
      { reconciler: 'a', key: key('due'), dueAtMs: -5 },
      { reconciler: 'a', key: key('later'), dueAtMs: 1_000 },
    ],
  });
  const { runs, reconciler } = recorder('a');
  loop.register([reconciler]);
  await loop.start();
  await loop.idle();
  assert.deepEqual(runs, ['due']);
  clock.advance(999);
  assert.deepEqual(runs, ['due']);
  clock.advance(1);
  assert.deepEqual(runs, ['due', 'later']);
});

test('committed timers move and clear the schedule', async () => {
  const { clock, loop, committed } = setUp();
  const { runs, reconciler } = recorder('a');
  loop.register([reconciler]);
  await loop.start();
  committed({
    timers: [
      { reconciler: 'a', key: key('x'), dueAtMs: 100 },
      { reconciler: 'a', key: key('y'), dueAtMs: 100 },
    ],
  });
  committed({
    timers: [
      { reconciler: 'a', key: key('x'), dueAtMs: 300 },
      { reconciler: 'a', key: key('y'), dueAtMs: null },
    ],
  });
  clock.advance(200);
  assert.deepEqual(runs, []);
  clock.advance(100);
  assert.deepEqual(runs, ['x']);
  committed({ timers: [{ reconciler: 'a', key: key('now'), dueAtMs: 300 }] });
  assert.deepEqual(runs, ['x', 'now']);
});

test('one worker per key, and wake-ups during a run become one more run', async () => {
  const { loop } = setUp();
  let running = 0;
  const gates: (() => void)[] = [];
  const { runs, reconciler } = recorder('a', async () => {
    running += 1;
    assert.equal(running, 1);
    await new Promise<void>((resolve) => gates.push(resolve));
    running -= 1;
  });
  loop.register([reconciler]);
  await loop.start();
  for (let count = 0; count < 5; count += 1) loop.wake('a', key('x'));
  assert.equal(runs.length, 1);
  for (let count = 0; count < 5; count += 1) loop.wake('a', key('x'));
  gates.shift()?.();
  while (gates.length === 0) await null;
  assert.equal(runs.length, 2);
  gates.shift()?.();
  await loop.idle();
  assert.equal(runs.length, 2);
});

test('at most `parallel` keys run, and a reconciler that fills its lanes leaves room for another', async () => {
  const { loop } = setUp({ parallel: 4 });
  const gates: (() => void)[] = [];
  const slow = recorder('slow', () => new Promise<void>((resolve) => gates.push(resolve)));
  const quick = recorder('quick');
  loop.register([slow.reconciler, quick.reconciler]);
  await loop.start();
  for (let count = 0; count < 10; count += 1) loop.wake('slow', key(`s${count}`));
  assert.equal(slow.runs.length, 3);
  for (let count = 0; count < 3; count += 1) loop.wake('quick', key(`q${count}`));
  while (quick.runs.length < 3) await null;
  assert.equal(slow.runs.length, 3);
  while (slow.runs.length < 10 || gates.length > 0) {
    gates.shift()?.();
    await null;
  }
  await loop.idle();
  assert.deepEqual(
    slow.runs,
    Array.from({ length: 10 }, (_, count) => `s${count}`),
  );
});

test('a key that always wakes itself does not starve the others', async () => {
  const { loop } = setUp({ parallel: 1 });
  const { runs, reconciler } = recorder('a', async (one, run) => {
    if (one.name === 'hot' && run < 20) loop.wake('a', one);
  });
  loop.register([reconciler]);
  await loop.start();
  loop.wake('a', key('hot'));
  loop.wake('a', key('other'));
  await loop.idle();
  assert.equal(runs.indexOf('other'), 1);
});

test('retryable errors back off exponentially up to a cap, and success starts over', async () => {
  const { clock, loop, said } = setUp();
  let failing = true;
  const { runs, reconciler } = recorder('a', async () => {
    if (failing) throw new BackendError('unreachable', 'no answer', { retryable: true });
  });
  loop.register([reconciler]);
  await loop.start();
  loop.wake('a', key('x'));
  await loop.idle();
  const waits: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    const before = clock.now();
    const nextMs = nextOf(clock);
    clock.advance(nextMs - before);
    await loop.idle();
    waits.push(nextMs - before);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.ok(said.every(({ level }) => level === 'warn'));
  failing = false;
  clock.advance(60_000);
  await loop.idle();
  failing = true;
  loop.wake('a', key('x'));
  await loop.idle();
  assert.equal(said.at(-1)?.fields.retryInMs, 500);
  assert.equal(runs.length, 13);
});

function nextOf(clock: ReturnType<typeof createVirtualClock>): number {
  const nextMs = clock.nextAtMs();
  assert.ok(nextMs !== undefined);
  return nextMs;
}

test("errors that are nobody's outage are logged with their key and tried again; an InvariantError is not", async () => {
  const { clock, loop, said } = setUp();
  const { runs, reconciler } = recorder('a', async (one) => {
    throw one.name === 'wrong' ? new InvariantError('x holds', { x: '1' }) : new ServiceError('ValidationException', 'no');
  });
  loop.register([reconciler]);
  await loop.start();
  loop.wake('a', key('wrong'));
  loop.wake('a', key('refused'));
  await loop.idle();
  assert.deepEqual(
    said.map(({ level, fields }) => [level, (fields.key as ResourceKey).name]),
    [
      ['error', 'wrong'],
      ['error', 'refused'],
    ],
  );
  loop.wake('a', key('wrong'));
  clock.advance(500);
  await loop.idle();
  assert.deepEqual(runs, ['wrong', 'refused', 'refused']);
});

test('retryAtMs looks again, and an earlier wake-up replaces it', async () => {
  const { clock, loop } = setUp();
  const { runs, reconciler } = recorder('a', async (_, run) => (run <= 2 ? { retryAtMs: run * 1_000 } : undefined));
  loop.register([reconciler]);
  await loop.start();
  loop.wake('a', key('x'));
  await loop.idle();
  clock.advance(400);
  loop.wake('a', key('x'));
  await loop.idle();
  clock.advance(600);
  await loop.idle();
  assert.equal(runs.length, 2);
  clock.advance(1_000);
  await loop.idle();
  assert.equal(runs.length, 3);
});

test('committed events wake subscribers', async () => {
  const { loop, committed, said } = setUp();
  const { runs, reconciler } = recorder('execution');
  loop.register([reconciler]);
  loop.subscribe([
    {
      detailType: 'Job Change',
      wakes: () => {
        throw new Error('broken');
      },
    },
    { detailType: 'Job Change', wakes: (event) => [{ reconciler: 'execution', key: key(String(event.detail.execution)) }] },
  ]);
  await loop.start();
  const event = { source: 's', account: '1', region: 'r', timeMs: 0, resources: [] };
  committed({
    events: [
      { ...event, detailType: 'Job Change', detail: { execution: 'e1' } },
      { ...event, detailType: 'Other', detail: {} },
    ],
  });
  await loop.idle();
  assert.deepEqual(runs, ['e1']);
  assert.equal(said.length, 1);
});

test('a wake-up that got lost heals with the regular look at due timers', async () => {
  const timers: Timer[] = [];
  const { clock, loop } = setUp({ timers });
  const { runs, reconciler } = recorder('a');
  loop.register([reconciler]);
  await loop.start();
  timers.push({ reconciler: 'a', key: key('lost'), dueAtMs: 5 });
  clock.advance(10 * 60_000);
  while (runs.length === 0) await null;
  assert.deepEqual(runs, ['lost']);
});

test('a timer far away is not held in memory and still wakes in time', async () => {
  const timers: Timer[] = [{ reconciler: 'a', key: key('far'), dueAtMs: 3_600_000 }];
  const { clock, loop } = setUp({ timers });
  const { runs, reconciler } = recorder('a');
  loop.register([reconciler]);
  await loop.start();
  let wokenAtMs: number | undefined;
  while (clock.now() < 4_000_000 && wokenAtMs === undefined) {
    clock.advance((clock.nextAtMs() ?? 0) - clock.now());
    for (let turn = 0; turn < 20; turn += 1) await null; // the store answers after some turns
    if (runs.length > 0) wokenAtMs = clock.now();
  }
  assert.equal(wokenAtMs, 3_600_000);
});

test('stop waits for what runs and starts nothing more', async () => {
  const { loop, clock, committed } = setUp({ parallel: 1 });
  let release = () => {};
  const { runs, reconciler } = recorder(
    'a',
    () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
  );
  loop.register([reconciler]);
  await loop.start();
  loop.wake('a', key('x'));
  loop.wake('a', key('y'));
  let stopped = false;
  const stopping = loop.stop().then(() => {
    stopped = true;
  });
  await null;
  assert.equal(stopped, false);
  release();
  await stopping;
  committed({ timers: [{ reconciler: 'a', key: key('z'), dueAtMs: 0 }] });
  clock.advance(1_000_000);
  assert.deepEqual(runs, ['x']);
});

test('a timer of an unknown reconciler is said once and harms nothing', async () => {
  const { loop, said } = setUp({
    timers: [
      { reconciler: 'gone', key: key('x'), dueAtMs: 0 },
      { reconciler: 'gone', key: key('y'), dueAtMs: 0 },
    ],
  });
  await loop.start();
  await loop.idle();
  assert.equal(said.length, 1);
});
