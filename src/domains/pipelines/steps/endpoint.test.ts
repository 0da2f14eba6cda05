import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, endAll, refused, start, statuses, steps, world } from '../../../../tests/pipelines/programs.ts';
import { Crash, type World } from '../../../../tests/pipelines/world.ts';

const config = (extra: object = {}) => ({
  Name: 'Config',
  Type: 'EndpointConfig',
  Arguments: {
    EndpointConfigName: { 'Std:Join': { On: '-', Values: ['c', { Get: 'Execution.PipelineExecutionId' }] } },
    ProductionVariants: [{ VariantName: 'AllTraffic', ModelName: 'm', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
    ...extra,
  },
});
const endpoint = {
  Name: 'Deploy',
  Type: 'Endpoint',
  Arguments: { EndpointName: 'live', EndpointConfigName: { Get: 'Steps.Config.EndpointConfigName' } },
};

async function endDeployment(at: World, reason?: string): Promise<void> {
  await at.endDeployment('live', reason);
  await at.loop.idle();
}

test('an endpoint is created, the next execution updates it, and each ends when it serves its config', async () => {
  const at = await world();
  await create(at, [config(), endpoint]);
  const first = await start(at);
  assert.deepEqual(await statuses(at, first), { Config: 'Succeeded', Deploy: 'Executing' });
  await endDeployment(at);
  const listed = await steps(at, first);
  assert.deepEqual(
    listed.map(({ Metadata }) => Metadata),
    [
      { EndpointConfig: { Arn: `arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/c-${first.split('/').at(-1)}` } },
      { Endpoint: { Arn: 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/live' } },
    ],
  );
  at.clock.advance(1000);
  const second = await start(at);
  assert.equal(at.hosting.endpoints.get('live')!.pending, `c-${second.split('/').at(-1)}`);
  await endDeployment(at);
  for (const one of [first, second]) assert.equal((await describe(at, one)).PipelineExecutionStatus, 'Succeeded');
  at.clock.advance(1000);
  const third = await start(at);
  await endDeployment(at, 'The model crashes.');
  const failed = (await steps(at, third)).at(-1)!;
  assert.match(failed.FailureReason!, /live was not updated to c-\w+; it still serves c-\w+\. The model crashes\./);
});

test('a config whose name somebody else took fails the step', async () => {
  const at = await world();
  await create(at, [config({ EndpointConfigName: 'fixed' })]);
  const first = await start(at);
  const second = await start(at);
  assert.equal((await describe(at, first)).PipelineExecutionStatus, 'Succeeded');
  const [step] = await steps(at, second);
  assert.match(step!.FailureReason!, /Cannot create already existing endpoint configuration "fixed".*PipelineExecutionId/);
});

test('a deployment is waited for when the execution is stopped', async () => {
  const at = await world();
  await create(at, [config(), endpoint]);
  const arn = await start(at);
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { Config: 'Succeeded', Deploy: 'Stopping' });
  await endDeployment(at);
  assert.deepEqual(await statuses(at, arn), { Config: 'Succeeded', Deploy: 'Succeeded' });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopped');
});

test('a server that dies around any call deploys once', async () => {
  for (const name of ['CreateEndpointConfig', 'CreateEndpoint', 'UpdateEndpoint']) {
    for (const moment of ['before', 'after']) {
      const at = await world();
      const updates = name === 'UpdateEndpoint';
      if (updates) at.hosting.endpoints.set('live', { status: 'InService', config: 'old', modifiedAtMs: 0 });
      at.clock.advance(1000);
      await create(at, [config(), endpoint]);
      let dead = false;
      at.fault = (point) => {
        dead ||= point === `${moment} sagemaker:${name}`;
        if (dead) throw new Crash(point);
      };
      const arn = await start(at);
      at.fault = () => {};
      await at.restart();
      await at.loop.idle();
      await endDeployment(at);
      assert.deepEqual(await statuses(at, arn), { Config: 'Succeeded', Deploy: 'Succeeded' }, `${moment} ${name}`);
      assert.equal(at.called.filter((call) => call === 'sagemaker:UpdateEndpoint').length, updates ? 1 : 0);
    }
  }
});

test('a transform job is a job like others', async () => {
  const at = await world();
  const transform = (name: string, ModelName: unknown) => ({
    Name: name,
    Type: 'Transform',
    Arguments: {
      ModelName,
      TransformInput: { DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://b/in' } } },
      TransformOutput: { S3OutputPath: 's3://b/out' },
      TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
    },
  });
  await create(at, [transform('T', 'm'), transform('U', { Get: 'Steps.T.ModelName' })]);
  const arn = await start(at);
  const [name] = at.running();
  assert.match(name!, /^pipelines-[a-z0-9]{12}-T-[a-z0-9]{10}$/);
  await endAll(at);
  assert.equal([...at.jobs.values()][1]!.input['ModelName'], 'm');
  const jobArn = `arn:aws:sagemaker:us-east-1:123456789012:transform-job/${name}`;
  assert.deepEqual((await steps(at, arn))[0]!.Metadata, { TransformJob: { Arn: jobArn } });
  await assert.rejects(
    create(at, [{ ...transform('T', 'm'), Arguments: { Model: 'm' } }]),
    refused('ValidationException', /unknown property 'Model'.*\n.*'ModelName' is required/),
  );
});
