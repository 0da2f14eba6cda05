import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../../src/platform/errors/families.ts';
import { createRandom } from '../random.ts';
import { type Client, Memory, type StartedExecution } from './memory.ts';
import { deletePipeline } from './pipeline-actions.ts';

const started = (): StartedExecution => {
  const counts = { stops: 0, retries: 0, retriesAsked: 0, retriesOpen: 0, deletions: 0 };
  return { arn: 'e', id: 'e', pipeline: 'P0', ...counts, disturbed: new Set() };
};
const refused = new ServiceError('ResourceNotFound', "Pipeline 'P0' does not exist.");

/** Deletions that are under way at the same time, answered in this order; how many may have taken the execution along. */
async function deletionsAfter(...answers: readonly (readonly [asked: number, answer: object | ServiceError])[]): Promise<number> {
  const memory = new Memory(createRandom(1));
  memory.register('pipeline P0', 'definition 0, description d0');
  const execution = started();
  memory.executions.set(execution.arn, execution);
  const calls: PromiseWithResolvers<object>[] = [];
  const call = () => {
    const answer = Promise.withResolvers<object>();
    calls.push(answer);
    return answer.promise;
  };
  const deletions = answers.map(() => deletePipeline(memory, { call } as unknown as Client, 'P0'));
  for (const [asked, answer] of answers) {
    if (answer instanceof ServiceError) calls[asked]?.reject(answer);
    else calls[asked]?.resolve(answer);
    await deletions[asked];
  }
  assert.deepEqual(memory.problems, []);
  return execution.deletions;
}

test('an execution may be gone by a deletion that was acknowledged while an earlier one was still to be refused', async () => {
  assert.equal(await deletionsAfter([1, {}], [0, refused]), 1);
  assert.equal(await deletionsAfter([0, refused], [1, {}]), 1);
  assert.equal(await deletionsAfter([0, {}], [1, refused]), 1);
});

test('deletions that were all refused took nothing along', async () => {
  assert.equal(await deletionsAfter([0, refused]), 0);
  assert.equal(await deletionsAfter([1, refused], [0, refused]), 0);
});
