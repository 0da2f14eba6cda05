import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileRules } from '../src/domains/events/decide-rule-index.ts';
import { createEventsRoom } from '../src/domains/events/room.ts';
import { createNoticesRoom } from '../src/domains/notices/room.ts';
import { createQueuesRoom } from '../src/domains/queues/room.ts';
import { ACCOUNT, callsOf, REGION } from '../src/platform/calls/room-rig.ts';
import { systemClock } from '../src/platform/clock.ts';
import { isRejection } from '../src/platform/errors/rejection.ts';
import { systemIds } from '../src/platform/ids.ts';
import { parsePattern } from '../src/platform/patterns/decide-pattern.ts';
import { createReconcileLoop } from '../src/platform/reconcile/loop.ts';
import { createSqliteStore } from '../src/platform/store/sqlite/sqlite-store.ts';
import { report } from './figure.ts';

/**
 * 1,000 events through 100 rules. Matching alone; put and held against the rules on disk, where one event in a hundred fits one; and the way of
 * each event into a queue. CPU of the whole process, so that a value under 1,000 ms means more than 1,000 events a second on one core.
 */

const RULES = 100;
const EVENTS = 10_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Half of them name source and type, as most rules do; the others look at every event. */
const patternOf = (n: number) => ({
  ...(n % 2 === 0 ? { source: ['bench.app'], 'detail-type': [`Type ${n % 10}`] } : {}),
  detail: {
    n: [n],
    state: [{ 'anything-but': ['gone', 'lost'] }],
    path: [n % 3 === 0 ? { wildcard: '*/in/*.csv' } : { prefix: 'data/' }],
    size: [{ numeric: ['>', 0, '<=', 1e9] }],
  },
});
const detailOf = (n: number) => ({
  n: n % RULES,
  state: 'made',
  path: `data/in/${n}.csv`,
  size: n + 1,
  tags: Array.from({ length: 20 }, (_, k) => ({ key: `k${k}`, value: `v${k}` })),
});

const rules = Array.from({ length: RULES }, (_, rule) => {
  const pattern = parsePattern(JSON.stringify(patternOf(rule)));
  if (isRejection(pattern)) throw new Error(pattern.message);
  return { rule, pattern };
});
const index = compileRules(rules);
const events = Array.from({ length: EVENTS }, (_, n) => ({
  source: 'bench.app',
  'detail-type': `Type ${n % 10}`,
  detail: detailOf(n),
}));
for (const event of events.slice(0, 1000)) index.matching(event);
const beganMs = performance.now();
let found = 0;
for (const event of events) found += index.matching(event).length;
if (found !== EVENTS) throw new Error(`${found} matches of ${EVENTS} events`);
report({
  name: `1,000 events matched with ${RULES} rules`,
  value: ((performance.now() - beganMs) / EVENTS) * 1000,
  unit: 'ms',
  budget: 1000,
});

/** CPU ms for 1,000 events from PutEvents until nothing is left to do. `fitting`: of how many events one fits a rule. */
async function throughStore(fitting: number): Promise<{ cpuMs: number; wallMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock });
  const loop = createReconcileLoop({ store, clock: systemClock, log: silent });
  const base = { store, clock: systemClock, ids: systemIds, loop };
  const roles = {
    resolve: async (_: string, effectiveRoleArn: string) => ({ effectiveRoleArn }),
    assume: () => Promise.reject(new Error('none')),
  };
  const room = createEventsRoom({ ...base, roles, sealingKey: 'ab'.repeat(32) });
  const queues = createQueuesRoom({ ...base, serverUrl: () => '' });
  const call = callsOf([...room.operations, ...queues.operations], () => Date.now());
  const notices = createNoticesRoom({ ...base, roles, calls: { call: (_principal, _origin, name, input) => call(name, input) } });
  for (const { reconcilers = [] } of [room, queues, notices]) loop.register(reconcilers);
  await loop.start();
  await call('sqs:CreateQueue', { QueueName: 'q' });
  for (let n = 0; n < RULES; n += 1) {
    await call('events:PutRule', { Name: `r${n}`, EventPattern: JSON.stringify(patternOf(n)) });
    await call('events:PutTargets', { Rule: `r${n}`, Targets: [{ Id: 't', Arn: `arn:aws:sqs:${REGION}:${ACCOUNT}:q` }] });
  }
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let next = 0;
  const caller = async () => {
    while (next < EVENTS) {
      const from = next;
      next += 10;
      const Entries = Array.from({ length: 10 }, (_, k) => {
        const n = from + k;
        const detail = { ...detailOf(n), ...(n % fitting !== 0 && { n: RULES }) };
        return { Source: 'bench.app', DetailType: `Type ${n % 10}`, Detail: JSON.stringify(detail) };
      });
      await call('events:PutEvents', { Entries });
    }
  };
  await Promise.all(Array.from({ length: 4 }, caller));
  const QueueUrl = `http://x/${ACCOUNT}/q`;
  for (;;) {
    await loop.idle();
    const { Attributes = {} } = await call('sqs:GetQueueAttributes', {
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages'],
    });
    if (Number(Attributes.ApproximateNumberOfMessages) >= EVENTS / fitting) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { user, system } = process.cpuUsage(cpu);
  const wallMs = performance.now() - startMs;
  await loop.stop();
  await store.close();
  rmSync(folder, { recursive: true });
  return { cpuMs: ((user + system) / 1000 / EVENTS) * 1000, wallMs: (wallMs / EVENTS) * 1000 };
}

for (const fitting of [100, 1]) {
  const { cpuMs, wallMs } = await throughStore(fitting);
  const note = `CPU of all threads; ${Math.round(wallMs)} ms passed`;
  const name = `1,000 events put, held against ${RULES} rules, ${1000 / fitting} of them delivered to a queue`;
  report({ name, value: cpuMs, unit: 'ms', ...(fitting > 1 && { budget: 1000 }), note });
}
