import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCallCycle, findUnansweredCalls } from './call-graph.ts';
import { createCalls } from './dispatch.ts';
import type { AnyOperation, Room } from './operation.ts';

/** A room that has the given operations and calls the given ones. */
const room = (name: string, operations: string[], calls: string[]): Pick<Room, 'name' | 'operations' | 'calls'> => ({
  name,
  operations: operations.map((operation) => ({ name: operation }) as AnyOperation),
  calls: calls as Room['calls'],
});

test('rooms that call in a circle are named in order; calls to oneself and diamonds are no circle', () => {
  const storage = room('storage', ['s3:GetObject'], []);
  const jobs = room('jobs', ['sagemaker:CreateTrainingJob'], ['s3:GetObject', 'sagemaker:CreateTrainingJob']);
  const registry = room('registry', ['sagemaker:CreateModelPackage'], ['s3:GetObject']);
  const pipelines = room(
    'pipelines',
    ['sagemaker:CreatePipeline'],
    ['sagemaker:CreateTrainingJob', 'sagemaker:CreateModelPackage'],
  );
  assert.equal(findCallCycle([storage, jobs, registry, pipelines]), undefined);
  const gossip = room('storage', ['s3:GetObject'], ['sagemaker:CreatePipeline']);
  assert.equal(findCallCycle([pipelines, jobs, registry, gossip]), 'pipelines → jobs → storage → pipelines');
});

test('declared calls that no room answers are found', () => {
  assert.deepEqual(findUnansweredCalls([room('jobs', [], ['s3:GetObject'])]), ['jobs calls s3:GetObject']);
});

test('a room may call only what it declares', async () => {
  const dispatched: string[] = [];
  const dispatcher = { dispatch: async (name: string) => void dispatched.push(name) };
  const calls = createCalls(
    () => dispatcher as never,
    { uuid: () => 'id' } as never,
    () => ['s3:GetObject'],
  );
  const call = (name: 's3:GetObject' | 's3:PutObject') =>
    calls.call({} as never, { region: 'us-east-1' }, name, { Bucket: 'b', Key: 'k' });
  await call('s3:GetObject');
  await assert.rejects(call('s3:PutObject'), { name: 'InvariantError', message: 'a room calls only what it declares' });
  assert.deepEqual(dispatched, ['s3:GetObject']);
});
