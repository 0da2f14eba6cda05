import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../../platform/errors/families.ts';
import { deploy, executions, pipelineOf, rigOf } from '../delivery-rig.ts';

const BUSY_MS = 5_000;

test('an endpoint that somebody else begins to change between the look and the call is waited for', async () => {
  const rig = await rigOf();
  rig.endpoint.config = 'old';
  rig.fault = (point) => {
    if (point !== 'before sagemaker:UpdateEndpoint') return;
    rig.fault = () => {};
    rig.endpoint.pending = 'of-another';
    throw new ServiceError('ValidationException', 'Cannot update in-progress endpoint "e".');
  };
  await rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Deploy', [deploy()]]]) });
  await rig.loop.idle();
  const [waiting] = await executions(rig);
  assert.deepEqual([rig.deployed, waiting?.status], [[], 'InProgress']);
  rig.clock.advance(1_000);
  await rig.endDeployment(true); // the failure of somebody else
  rig.clock.advance(BUSY_MS);
  await rig.loop.idle();
  assert.equal(rig.deployed.length, 1);
  await rig.endDeployment();
  await rig.loop.idle();
  const [ended] = await executions(rig);
  assert.equal(ended?.status, 'Succeeded');
});

test('an endpoint that somebody else makes between the look and the call is brought to the package all the same', async () => {
  const rig = await rigOf();
  rig.fault = (point) => {
    if (point !== 'before sagemaker:CreateEndpoint') return;
    rig.fault = () => {};
    rig.endpoint.config = 'of-another';
    throw new ServiceError('ValidationException', 'Cannot create already existing endpoint "e".', {}, 'exists');
  };
  await rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Deploy', [deploy()]]]) });
  await rig.loop.idle();
  rig.clock.advance(BUSY_MS);
  await rig.loop.idle();
  assert.equal(rig.deployed.length, 1);
  await rig.endDeployment();
  await rig.loop.idle();
  const [ended] = await executions(rig);
  assert.equal(ended?.status, 'Succeeded');
});
