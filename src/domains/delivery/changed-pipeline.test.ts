import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionsOf, answer, approval, approve, build, made, pipelineOf, start, statusOf, tokenOf } from './delivery-rig.ts';

/** What happens to executions under way when their pipeline is updated. */

const V2 = { pipelineType: 'V2' } as const;

for (const [before, after] of [
  ['QUEUED', 'PARALLEL'],
  ['PARALLEL', 'QUEUED'],
] as const) {
  test(`from ${before} to ${after}: every request for approval can be found and answered`, async () => {
    const { rig, execution } = await made(pipelineOf([['Ask', [approval()]]], { ...V2, executionMode: before }));
    await rig.call('codepipeline:UpdatePipeline', {
      pipeline: pipelineOf([['Ask', [approval()]]], { ...V2, executionMode: after }),
    });
    const second = await start(rig);
    await approve(rig, 'Ask');
    await approve(rig, 'Ask');
    assert.deepEqual([await statusOf(rig, execution), await statusOf(rig, second)], ['Succeeded', 'Succeeded']);
  });
}

test('a stage that is opened lets in also those that were started when the pipeline was in mode PARALLEL', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]], { ...V2, executionMode: 'PARALLEL' }));
  const transition = { pipelineName: 'P', stageName: 'Ask', transitionType: 'Inbound' as const };
  await rig.call('codepipeline:DisableStageTransition', { ...transition, reason: 'r' });
  const waiting = await start(rig);
  await rig.call('codepipeline:UpdatePipeline', {
    pipeline: pipelineOf([['Ask', [approval()]]], { ...V2, executionMode: 'QUEUED' }),
  });
  await rig.call('codepipeline:EnableStageTransition', transition);
  await rig.loop.idle();
  assert.equal((await actionsOf(rig, waiting))[0]?.actionName, 'Approve');
});

test('a request for approval of a stage that the pipeline has no more can still be answered', async () => {
  const { rig, execution } = await made(pipelineOf([['Ask', [approval()]]]));
  const token = (await tokenOf(rig, 'Ask')) ?? '';
  await rig.call('codepipeline:UpdatePipeline', { pipeline: pipelineOf([['Other', [build('Unit')]]]) });
  await answer(rig, 'Ask', token);
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'Succeeded');
});
