import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approval, build, endAll, executions, made, pipelineOf, refused, start, statusOf } from './delivery-rig.ts';

/** A stage that goes back to what was last good there. */

const V2 = { pipelineType: 'V2' } as const;

for (const executionMode of ['SUPERSEDED', 'QUEUED'] as const) {
  test(`${executionMode}: a stage goes back at once, and not behind or instead of a newer execution that waits for it`, async () => {
    const { rig } = await made(
      pipelineOf([['Build', [build('Unit')], { onFailure: { result: 'ROLLBACK' } }]], { ...V2, executionMode }),
    );
    await endAll(rig);
    rig.heads.set('main', 'c2');
    const second = await start(rig);
    rig.heads.set('main', 'c3');
    const third = await start(rig);
    const built = () => rig.running().map(({ input }) => input.PipelineOrigin?.sourceVersion);
    assert.deepEqual(built(), ['c2']);
    await endAll(rig, 'FAILED');
    assert.deepEqual([await statusOf(rig, second), built()], ['Failed', ['c1']]);
    await endAll(rig);
    assert.deepEqual(built(), ['c3'], 'what is newest is there in the end');
    await endAll(rig);
    assert.equal(await statusOf(rig, third), 'Succeeded');
  });
}

test('a stage goes back to an execution that was stopped later, and nobody stopped the one that does it', async () => {
  const { rig, execution } = await made(
    pipelineOf(
      [
        ['Build', [build('Unit')]],
        ['Ask', [approval()]],
      ],
      { pipelineType: 'V2' },
    ),
  );
  const target = { pipelineName: 'P', stageName: 'Build', targetPipelineExecutionId: execution };
  await endAll(rig);
  await rig.call('codepipeline:StopPipelineExecution', {
    pipelineName: 'P',
    pipelineExecutionId: execution,
    abandon: true,
    reason: 'r',
  });
  await rig.loop.idle();
  await rig.call('codepipeline:RollbackStage', target);
  await rig.loop.idle();
  const [back] = await executions(rig);
  assert.deepEqual(
    [back?.executionType, back?.status, back?.stopTrigger, back?.statusSummary],
    ['ROLLBACK', 'InProgress', undefined, undefined],
  );
  await assert.rejects(
    rig.call('codepipeline:RollbackStage', target),
    refused('UnableToRollbackStageException'),
    'it is running',
  );
});
