import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/platform/json.ts';
import type { LedgerInput } from '../../../src/platform/ledger/entry.ts';
import { checkNoticesHandedOver } from './notices-handed-over.ts';
import { checkRulesMeetEvents } from './rules-meet-events.ts';
import { checkSchedulesFireOnce } from './schedules-fire-once.ts';
import { entry, event, key, watchDisk } from './watched-disk.ts';

const says = (problems: readonly string[], what: RegExp) => {
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] as string, what);
};
const silent = (problems: readonly string[]) => assert.deepEqual(problems, []);

const RULE = key('EventRule', 'default/r');
const CURSOR = key('EventCursor', 'rules');
const EVENT = event('Told', 'r', { status: 'Failed' });
const rule = (state: string, pattern: object = { detail: { status: ['Failed'] } }): JsonObject => ({
  state,
  pattern: JSON.stringify(pattern),
  targets: [{ target: { Id: 't', Arn: 'a' } }],
});
const notice = (id: string) => key('Notice', `events/${id}/default/r/t`);
const telling = (detail: JsonObject): JsonObject => ({
  body: JSON.stringify({
    'detail-type': EVENT.detailType,
    time: new Date(EVENT.timeMs).toISOString(),
    resources: EVENT.resources,
    detail,
  }),
});

test('rules: an event that fits has one notice in the commit that moves the cursor over it, any other has none', () => {
  const world = watchDisk(checkRulesMeetEvents, { nowMs: () => 10_000_000 });
  const told = telling(EVENT.detail);
  silent(world.commit({ events: [EVENT], rows: [[RULE, rule('ENABLED')]] }));
  silent(world.commit({ events: [EVENT, event('Told', 'r', { status: 'Succeeded' })] }));
  silent(
    world.commit({
      rows: [
        [CURSOR, { sequence: 3 }],
        [notice('2'), told],
      ],
    }),
  );
  says(
    world.commit({ rows: [[notice('2'), undefined]] }).concat(world.commit({ rows: [[notice('2'), told]] })),
    /was made twice/,
  );
  world.commit({ events: [EVENT] });
  says(world.commit({ rows: [[CURSOR, { sequence: 4 }]] }), /met rule default\/r, and target t is not told/);
  world.commit({ events: [event('Told', 'r', { status: 'Succeeded' })] });
  says(
    world.commit({
      rows: [
        [CURSOR, { sequence: 5 }],
        [notice('5'), telling({ status: 'Succeeded' })],
      ],
    }),
    /is told of .*Succeeded.*, which it did not meet/,
  );
  says(world.commit({ rows: [[CURSOR, { sequence: 4 }]] }), /went back from 5 to 4/);
  world.commit({ events: [EVENT], rows: [[CURSOR, { sequence: 5 }]] });
  world.safety.calm(true);
  world.safety.atRest();
  silent(world.said());
});

test('rules: what sixteen rules in a row led to is not passed on', () => {
  const world = watchDisk(checkRulesMeetEvents, { nowMs: () => 10_000_000 });
  const cause = key('NoticeCause', 'r');
  world.commit({ rows: [[RULE, rule('ENABLED')]] });
  world.commit({ events: [EVENT], rows: [[cause, { hops: 15 }]] });
  says(world.commit({ rows: [[CURSOR, { sequence: 1 }]] }), /target t is not told/);
  world.commit({ events: [EVENT], rows: [[cause, { hops: 16 }]] });
  silent(world.commit({ rows: [[CURSOR, { sequence: 2 }]] }));
});

test('rules: an event that nobody holds against them is missed at last', () => {
  let nowMs = 100;
  const world = watchDisk(checkRulesMeetEvents, { nowMs: () => nowMs });
  world.commit({ rows: [[RULE, rule('ENABLED')]] });
  world.commit({ events: [EVENT] });
  world.safety.calm(true);
  nowMs += 3_600_000;
  world.safety.atRest();
  says(world.said(), /was never held against rule default\/r/);
  world.commit({ rows: [[RULE, rule('DISABLED')]] });
  world.safety.atRest();
  silent(world.said());
});

const SCHEDULE = key('Schedule', 'default/s');
const schedule = (timeMs: number | undefined, more: JsonObject = {}): JsonObject => ({
  state: 'ENABLED',
  expression: 'rate(5 minutes)',
  modifiedAtMs: 1,
  ...(timeMs !== undefined && { next: { timeMs, dueMs: timeMs } }),
  ...more,
});
const firing = (timeMs: number): JsonObject => ({ body: `at ${new Date(timeMs).toISOString().replace(/\.\d+Z/, 'Z')}` });
const MINUTES = 60_000;

test('schedules: each time fires once and at its time, what is missed is in the ledger', () => {
  const nowMs = 16 * MINUTES;
  const world = watchDisk(checkSchedulesFireOnce, { nowMs: () => nowMs });
  /** The schedule goes on to `nextMs`, with notices of these times, decided at `atMs`. */
  const goesOn = (nextMs: number, atMs: number, times: readonly number[], ...ledger: LedgerInput[]) => {
    const rows = [
      [SCHEDULE, schedule(nextMs)],
      ...times.map((timeMs) => [key('Notice', `schedule/${timeMs} ${atMs}`), firing(timeMs)] as const),
    ] as const;
    const expect = rows.map(([of]) => ({ key: of, version: world.disk.rows.get(of)?.version ?? 0 }));
    const index = { createdAtMs: atMs, modifiedAtMs: atMs };
    return world.commit({ expect, write: rows.map(([of, document]) => ({ key: of, document, index })), ledger });
  };
  const missed = (timeMs: number) => entry('slipway:Schedule.Missed', 'default/s', { timeMs });
  silent(world.commit({ rows: [[SCHEDULE, schedule(0)]] }));
  silent(goesOn(5 * MINUTES, 1, [0]));
  says(goesOn(10 * MINUTES, 1, [5 * MINUTES]), /fires at 1, before its time 300000/);
  says(goesOn(15 * MINUTES, 0, [], missed(10 * MINUTES)).slice(0, 1), /fires {2}instead of 600000/);
  world.commit({ rows: [[SCHEDULE, schedule(0, { modifiedAtMs: 2 })]] });
  world.commit({ rows: [[SCHEDULE, schedule(0)]] });
  says(goesOn(15 * MINUTES, 10 * MINUTES + 5, [10 * MINUTES]), /missed times, and the ledger says otherwise/);
  world.commit({ rows: [[SCHEDULE, schedule(0, { modifiedAtMs: 2 })]] });
  world.commit({ rows: [[SCHEDULE, schedule(0)]] });
  silent(goesOn(15 * MINUTES, 10 * MINUTES + 6, [10 * MINUTES], missed(10 * MINUTES + 6)));
  says(world.commit({ rows: [[key('Notice', 'schedule/none'), firing(0)]] }), /comes of no time/);
  world.safety.atRest();
  says(world.said(), /has not fired at 900000/);
  says(goesOn(25 * MINUTES, 15 * MINUTES, [15 * MINUTES]), /goes on from 900000 to 1500000, not 1200000/);
  world.safety.atRest();
  silent(world.said());
});

test('notices: they go when they were taken or given up, and start things once', () => {
  const world = watchDisk(checkNoticesHandedOver);
  const [queue, call] = [key('Notice', 'events/1/q'), key('Notice', 'events/1/c')];
  const pipeline = 'arn:aws:sagemaker:us-east-1:123456789012:pipeline/P';
  const rows = [
    [queue, { to: { kind: 'queue', arn: 'q' }, body: 'b' }],
    [call, { to: { kind: 'call', arn: pipeline.toLowerCase() }, body: 'b' }],
  ] as const;
  silent(world.commit({ rows }));
  says(world.commit({ rows: [[queue, undefined]] }), /no message has its body/);
  says(world.commit({ rows: [[call, undefined]] }), /was not started/);
  silent(world.commit({ rows }));
  silent(world.commit({ rows: [[key('SQSMessage', 'box/1'), { body: 'b' }]] }));
  const execution = (name: string) => [key('PipelineExecution', name), { pipelineArn: pipeline }] as const;
  const entry = { timeMs: 1, account: '1', region: 'r', actor: 'a', outcome: 'done', requestId: 'events/1/c' } as const;
  const started = (name: string) => ({ ...entry, action: 'sagemaker:StartPipelineExecution', resources: [name] });
  silent(world.commit({ rows: [execution('p/execution/1')], ledger: [started('1')] }));
  silent(
    world.commit({
      rows: [
        [queue, undefined],
        [call, undefined],
      ],
    }),
  );
  says(world.commit({ rows: [execution('p/execution/2')], ledger: [started('2')] }), /events\/1\/c started 1 and 2/);
  silent(world.commit({ rows }));
  silent(world.commit({ rows: [[call, undefined]], ledger: [{ ...entry, action: 'slipway:Notice.Dropped', resources: [] }] }));
});
