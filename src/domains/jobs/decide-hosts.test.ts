import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkEnd, WorkStatus } from '../../platform/ports/work.ts';
import { decideHosts, hostNames, planHosts } from './decide-hosts.ts';

const ABSENT: WorkStatus = { phase: 'absent' };
const PREPARING: WorkStatus = { phase: 'preparing' };
const running = (startedAtMs: number): WorkStatus => ({ phase: 'running', startedAtMs, isolation: 'bubblewrap' });
const ended = (endedAtMs: number, more: Partial<WorkEnd> = {}): WorkEnd => ({
  phase: 'ended',
  reason: 'exited',
  exitCode: 0,
  startedAtMs: 10,
  endedAtMs,
  isolation: 'bubblewrap',
  ...more,
});

const decide = (statuses: readonly WorkStatus[], ending = false) => {
  const hosts = planHosts({ workId: 'job' }, statuses.length);
  return decideHosts(
    hosts.map((host, n) => ({ host, status: statuses[n] as WorkStatus })),
    { ending, runtimeSeconds: 1 },
  );
};

test('hosts are named and sorted as the platform does; their work has names of its own', () => {
  assert.deepEqual(hostNames(11).slice(0, 4), ['algo-1', 'algo-10', 'algo-11', 'algo-2']);
  assert.deepEqual(planHosts({ workId: 'job' }, 1), [{ name: 'algo-1', workId: 'job' }]);
  assert.deepEqual(
    planHosts({ workId: 'job', attempt: 2 }, 2).map(({ workId }) => workId),
    ['job-r2-1', 'job-r2-2'],
  );
});

test('hosts that a killed server had not started yet are started, beside those that run or are done', () => {
  assert.equal(decide([ABSENT]).step, 'begin');
  assert.equal(decide([running(5), ABSENT]).step, 'begin');
  assert.equal(decide([ended(20), ABSENT]).step, 'begin');
});

test('the job has started when its last host has', () => {
  assert.deepEqual(decide([running(5), PREPARING]), { step: 'run', isolation: 'bubblewrap' });
  assert.deepEqual(decide([running(7), ended(20, { startedAtMs: 5 })]), { step: 'run', isolation: 'bubblewrap', startedAtMs: 5 });
});

test('a host that fails ends the others; the job ends as the first that failed, when the last is gone', () => {
  const failed = ended(20, { exitCode: 3 });
  const view = decide([running(5), failed, PREPARING]);
  assert.deepEqual(view.step === 'stop' && view.live.map(({ name }) => name), ['algo-1', 'algo-3']);
  const over = decide([ended(40, { reason: 'stopped', exitCode: 143 }), ended(30, { exitCode: 1 }), failed, ABSENT]);
  assert.ok(over.step === 'ended');
  assert.deepEqual([over.host.name, over.end.exitCode, over.end.startedAtMs, over.end.endedAtMs], ['algo-3', 3, 10, 40]);
});

test('a host out of time is the cause of what fails after its time', () => {
  const slow = ended(9_000, { reason: 'max-runtime', exitCode: 143 });
  const view = decide([ended(1_100, { exitCode: 1 }), slow]);
  assert.equal(view.step === 'ended' && view.end.reason, 'max-runtime');
  const early = decide([ended(500, { exitCode: 1 }), slow]);
  assert.equal(early.step === 'ended' && early.end.exitCode, 1);
});

test('a stop ends all, and nothing is begun for it', () => {
  assert.equal(decide([ABSENT, ABSENT], true).step, 'never-ran');
  assert.equal(decide([running(5), ABSENT], true).step, 'stop');
  assert.equal(decide([ended(20, { reason: 'stopped' }), ABSENT], true).step, 'ended');
  assert.equal(decide([ended(20), ended(21)]).step, 'ended');
});
