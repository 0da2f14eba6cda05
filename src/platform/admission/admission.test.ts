import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdmission, hostCapacity } from './admission.ts';

const CAPACITY = { cpus: 2, memoryMiB: 4096 };
const JOB = { cpus: 1, memoryMiB: 1024 };
const SERVER = { cpus: 0, memoryMiB: 512 };

function setUp(capacity = CAPACITY) {
  const admission = createAdmission({ capacity });
  const admitted: string[] = [];
  admission.onAdmitted((id) => admitted.push(id));
  const ask = (id: string, reservation = JOB, queuedAtMs = 0, owner = 'one') => {
    const answer = admission.request(id, { reservation, queuedAtMs, owner });
    return answer.admitted ? 'admitted' : answer.reason;
  };
  return { admission, admitted, ask };
}

test('two jobs run side by side on two cores; the third waits, says why, and comes next', () => {
  const { admission, admitted, ask } = setUp();
  assert.equal(ask('job-a'), 'admitted');
  assert.equal(ask('job-b'), 'admitted');
  assert.equal(ask('job-c'), 'waiting for 1 core: 2 of 2 reserved by job-a, job-b; 0 ahead');
  assert.equal(ask('job-d'), 'waiting for 1 core: 2 of 2 reserved by job-a, job-b; 1 ahead');
  admission.release('job-a');
  assert.deepEqual(admitted, ['job-c']);
  assert.equal(ask('job-c'), 'admitted');
  admission.release('job-a');
  assert.deepEqual(admitted, ['job-c']);
});

test('a small request does not overtake a large one', () => {
  const { admission, admitted, ask } = setUp();
  ask('running');
  assert.match(ask('large', { cpus: 2, memoryMiB: 1024 }), /^waiting for 2 cores: 1 of 2 reserved by running; 0 ahead$/);
  assert.equal(ask('small'), 'waiting for its turn: 1 ahead');
  admission.release('running');
  assert.deepEqual(admitted, ['large']);
  admission.release('large');
  assert.deepEqual(admitted, ['large', 'small']);
});

test('who queued earlier goes first, whenever it asked again after a restart', () => {
  const { admission, admitted, ask } = setUp();
  admission.restore('running-1', JOB);
  admission.restore('running-2', JOB);
  ask('late', JOB, 200);
  ask('early', JOB, 100);
  admission.release('running-1');
  assert.deepEqual(admitted, ['early']);
});

test('a request larger than the host runs alone instead of waiting for ever', () => {
  const { admission, admitted, ask } = setUp();
  ask('small');
  assert.match(
    ask('huge', { cpus: 64, memoryMiB: 1_000_000 }),
    /^waiting for 64 cores: 1 of 2 .* and for 1000000 MiB of memory: 1024 of 4096/,
  );
  admission.release('small');
  assert.deepEqual(admitted, ['huge']);
  assert.match(ask('next'), /^waiting/);
});

test('model servers take no core from jobs, and jobs never starve behind them', () => {
  const { ask } = setUp({ cpus: 2, memoryMiB: 1024 });
  assert.equal(ask('server-1', SERVER), 'admitted');
  assert.equal(ask('server-2', SERVER), 'admitted');
  assert.equal(ask('server-3', SERVER), 'waiting for 512 MiB of memory: 1024 of 1024 reserved by server-1, server-2; 0 ahead');
  assert.equal(ask('job'), 'admitted');
});

test('a model server does not wait behind jobs', () => {
  const { ask } = setUp();
  ask('job-a');
  ask('job-b');
  ask('job-c');
  assert.equal(ask('server', SERVER), 'admitted');
});

test('restored work counts beyond capacity; asking twice reserves once; many holders are cut short', () => {
  const { admission, admitted, ask } = setUp();
  for (let count = 0; count < 7; count += 1) admission.restore(`r${count}`, JOB);
  admission.restore('r0', JOB);
  assert.match(ask('x'), /7 of 2 reserved by r0, r1, r2, r3, r4 and 2 more/);
  for (let count = 0; count < 5; count += 1) admission.release(`r${count}`);
  assert.deepEqual(admitted, []);
  admission.release('r5');
  assert.deepEqual(admitted, ['x']);
});

test('the host has capacity', () => {
  const { cpus, memoryMiB } = hostCapacity();
  assert.ok(cpus >= 1 && memoryMiB > 100);
});
