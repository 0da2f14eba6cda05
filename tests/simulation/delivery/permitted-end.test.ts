import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PipelineDeclaration, StageDeclaration } from '../../../src/contract/generated/codepipeline.ts';
import { type Attempt, type Ended, judgeEnd } from './permitted-end.ts';

const stage = (name: string, orders: readonly number[], onFailure?: StageDeclaration['onFailure']) =>
  ({
    name,
    actions: orders.map((runOrder, at) => ({ name: `${name}${at}`, runOrder })),
    ...(onFailure && { onFailure }),
  }) as StageDeclaration;
const structure = (...stages: StageDeclaration[]) => ({ name: 'p', roleArn: 'r', stages }) as PipelineDeclaration;

/** `A0 Succeeded`, one after the other, a millisecond each. */
const attempts = (...told: string[]): Attempt[] =>
  told.map((text, at) => {
    const [action = '', status = 'Succeeded'] = text.split(' ');
    return { stage: action.slice(0, -1), action, status, startedAtMs: at, endedAtMs: at + 1 };
  });
const judge = (status: string, told: readonly Attempt[], more: Partial<Ended> = {}) =>
  judgeEnd({
    structure: structure(stage('A', [1]), stage('B', [1, 2]), stage('C', [1])),
    status,
    isRollback: false,
    attempts: told,
    stopAsked: false,
    abandonAsked: false,
    retries: () => 0,
    ...more,
  });

test('it ends as what its actions came to permits', () => {
  assert.deepEqual(judge('Succeeded', attempts('A0', 'B0', 'B1', 'C0')), []);
  assert.match(judge('Succeeded', attempts('A0', 'B0', 'B1')).join(), /ended Succeeded, though it came nowhere/);
  assert.match(judge('Succeeded', attempts('A0', 'B0 Failed')).join(), /ended Succeeded, though it came failed at B/);
  assert.deepEqual(judge('Failed', attempts('A0', 'B0 Failed')), []);
  assert.deepEqual(judge('Superseded', attempts('A0')), []);
  assert.match(judge('Superseded', attempts('A0', 'B0')).join(), /ended Superseded, though it came broken off/);
  assert.match(judge('Stopped', attempts('A0')).join(), /ended Stopped/);
  assert.deepEqual(judge('Stopped', attempts('A0'), { stopAsked: true }), []);
});

test('nothing begins behind a failure, nor before what is in front of it ended', () => {
  assert.match(judge('Failed', attempts('A0', 'B0 Failed', 'C0')).join(), /begins C, though B came failed/);
  assert.match(judge('Failed', attempts('A0', 'B0 Failed', 'B1')).join(), /begins B1, though one of lower order failed/);
  const early = attempts('A0', 'B0', 'B1', 'C0').map((one) => (one.stage === 'C' ? { ...one, startedAtMs: 1 } : one));
  assert.match(judge('Succeeded', early).join(), /begins C0 before B ended/);
});

test('attempts are those that were asked for', () => {
  const told = attempts('A0', 'B0 Failed', 'B0', 'B1', 'C0');
  assert.match(judge('Succeeded', told).join(), /tried B0 2 times, where 1 were asked for/);
  assert.deepEqual(judge('Succeeded', told, { retries: () => 1 }), []);
  const retrying = { structure: structure(stage('A', [1]), stage('B', [1, 2], { result: 'RETRY' }), stage('C', [1])) };
  assert.deepEqual(judge('Succeeded', told, retrying), []);
  assert.match(judge('Failed', attempts('A0', 'B0 Failed'), retrying).join(), /without the retry that it declares/);
  const skipping = { structure: structure(stage('A', [1]), stage('B', [1], { result: 'SKIP' }), stage('C', [1])) };
  assert.deepEqual(judge('Succeeded', attempts('A0', 'B0 Failed', 'C0'), skipping), []);
  assert.match(judge('Failed', attempts('A0', 'B0 Abandoned')).join(), /abandoned B0, which nobody asked for/);
});

test('a rollback is of one stage', () => {
  assert.deepEqual(judge('Succeeded', attempts('C0'), { isRollback: true }), []);
  assert.match(judge('Succeeded', attempts('A0', 'C0'), { isRollback: true }).join(), /rolls A,C back/);
});
