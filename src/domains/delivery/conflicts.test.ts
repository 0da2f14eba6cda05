import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Commit } from '../../platform/store/port.ts';
import { actionsOf, approval, made, pipelineOf, start } from './delivery-rig.ts';

/** The commit by which an execution waits before a stage. */
const arrivesBefore =
  (stage: number) =>
  ({ write = [] }: Commit): boolean =>
    write.some(({ document }) => document['place'] === 'waiting' && document['stage'] === stage);

test('an execution that comes before a closed stage just when it is opened goes on', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]], { executionMode: 'PARALLEL', pipelineType: 'V2' }));
  const transition = { pipelineName: 'P', stageName: 'Ask', transitionType: 'Inbound' as const };
  await rig.call('codepipeline:DisableStageTransition', { ...transition, reason: 'r' });
  rig.meanwhile(arrivesBefore(1), () => rig.call('codepipeline:EnableStageTransition', transition));
  const second = await start(rig);
  const actions = (await actionsOf(rig, second)).map(({ actionName }) => actionName);
  assert.ok(actions.includes('Approve'), 'it is asked for approval');
});
