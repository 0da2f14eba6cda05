import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, endAll, processing, start, statuses, steps, token, world } from '../../../tests/pipelines/programs.ts';
import { ACCOUNT, REGION, ROLE, type World } from '../../../tests/pipelines/world.ts';
import { tagsKey } from '../../platform/resources/tags.ts';

const CACHED = { CacheConfig: { Enabled: true, ExpireAfter: '30d' } };

async function update(at: World, definition: object[], name = 'P'): Promise<void> {
  const PipelineDefinition = JSON.stringify({ Version: '2020-12-01', Steps: definition });
  await at.call('sagemaker:UpdatePipeline', { PipelineName: name, PipelineDefinition });
}

/** Runs the pipeline to its end; how many jobs that took. */
async function run(at: World, input: object = {}): Promise<{ arn: string; jobs: number }> {
  const before = at.jobs.size;
  const arn = await start(at, { ClientRequestToken: token(crypto.randomUUID()), ...input });
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  return { arn, jobs: at.jobs.size - before };
}

const training = (args: object = {}, extra: object = CACHED) => ({
  Name: 'T',
  Type: 'Training',
  Arguments: {
    AlgorithmSpecification: { TrainingImage: 'image', TrainingInputMode: 'File' },
    OutputDataConfig: { S3OutputPath: 's3://b/out' },
    ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
    RoleArn: ROLE,
    StoppingCondition: { MaxRuntimeInSeconds: 60 },
    ...args,
  },
  ...extra,
});

test('the second run takes the results of the first: no job is made, later steps read what the source made', async () => {
  const at = await world();
  const model = {
    Name: 'M',
    Type: 'Model',
    Arguments: {
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: 'image', ModelDataUrl: { Get: 'Steps.T.ModelArtifacts.S3ModelArtifacts' } },
    },
  };
  const input = [
    {
      InputName: 'i',
      S3Input: { S3Uri: { Get: "Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" }, S3DataType: 'S3Prefix' },
    },
  ];
  const B = processing('B', CACHED, { ProcessingInputs: input });
  await create(at, [processing('A', CACHED), B, training({}, { ...CACHED, DependsOn: ['B'] }), model]);
  const first = await run(at);
  assert.equal(first.jobs, 3);
  at.clock.advance(86_400_000);
  const second = await run(at);
  assert.equal(second.jobs, 0);
  const [before, after] = [await steps(at, first.arn), await steps(at, second.arn)];
  for (const name of ['A', 'B', 'T']) {
    const [source, hit] = [before, after].map((listed) => listed.find(({ StepName }) => StepName === name)!);
    assert.deepEqual(hit!.CacheHitResult, { SourcePipelineExecutionArn: first.arn }, name);
    assert.deepEqual(hit!.Metadata, source!.Metadata);
    assert.deepEqual([hit!.StepStatus, source!.CacheHitResult], ['Succeeded', undefined]);
    assert.deepEqual(hit!.StartTime, hit!.EndTime, 'at once');
  }
  const entries = (await at.store.ledger({ afterSequence: 0, limit: 1_000 })).map(({ entry }) => entry);
  const told = entries.filter(({ reason }) => reason === `The result of ${first.arn} was taken (step cache).`);
  assert.equal(told.length, 3, 'the ledger says whose results were taken');
  const models = [...at.models.values()] as { PrimaryContainer: { ModelDataUrl: string } }[];
  assert.equal(models.length, 2, 'a Model step is never cached');
  assert.equal(models[1]!.PrimaryContainer.ModelDataUrl, models[0]!.PrimaryContainer.ModelDataUrl);
  // the source of a source is the run that computed it
  assert.deepEqual((await steps(at, (await run(at)).arn))[0]!.CacheHitResult, { SourcePipelineExecutionArn: first.arn });
});

/** Requests that the API accepts, by the member that changes; `true`: it counts. */
const CHANGES: { readonly [type: string]: readonly [counts: boolean, member: string, value: unknown][] } = {
  Processing: [
    [true, 'AppSpecification', { ImageUri: 'other' }],
    [true, 'Environment', { A: '1' }],
    [true, 'ProcessingInputs', [{ InputName: 'i', S3Input: { S3Uri: 's3://b/i', S3DataType: 'S3Prefix' } }]],
    [false, 'NetworkConfig', { EnableNetworkIsolation: true }],
    [false, 'ProcessingOutputConfig', { Outputs: [] }],
    [false, 'ProcessingResources', { ClusterConfig: { InstanceCount: 2, InstanceType: 'ml.m5.xlarge', VolumeSizeInGB: 9 } }],
    [false, 'RoleArn', `${ROLE}2`],
    [false, 'StoppingCondition', { MaxRuntimeInSeconds: 61 }],
    [false, 'Tags', [{ Key: 'a', Value: 'b' }]],
    [false, 'ProcessingJobName', 'prefix'],
    [false, 'ExperimentConfig', { ExperimentName: 'e' }],
  ],
  Training: [
    [true, 'AlgorithmSpecification', { TrainingImage: 'other', TrainingInputMode: 'File' }],
    [true, 'CheckpointConfig', { S3Uri: 's3://b/c' }],
    [true, 'DebugHookConfig', { S3OutputPath: 's3://b/d' }],
    [true, 'DebugRuleConfigurations', [{ RuleConfigurationName: 'r', RuleEvaluatorImage: 'i' }]],
    [true, 'Environment', { A: '1' }],
    [true, 'HyperParameters', { depth: '4' }],
    [
      true,
      'InputDataConfig',
      [{ ChannelName: 'train', DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://b/t' } } }],
    ],
    [false, 'OutputDataConfig', { S3OutputPath: 's3://b/elsewhere' }],
    [false, 'ResourceConfig', { InstanceCount: 2, InstanceType: 'ml.m5.xlarge', VolumeSizeInGB: 9 }],
    [false, 'RoleArn', `${ROLE}2`],
    [false, 'StoppingCondition', { MaxRuntimeInSeconds: 61 }],
    [false, 'Tags', [{ Key: 'a', Value: 'b' }]],
    [false, 'VpcConfig', { SecurityGroupIds: ['sg-1'], Subnets: ['subnet-1'] }],
    [false, 'EnableNetworkIsolation', true],
    [false, 'EnableManagedSpotTraining', true],
    [false, 'EnableInterContainerTrafficEncryption', true],
    [false, 'ProfilerConfig', { DisableProfiler: true }],
    [false, 'ProfilerRuleConfigurations', [{ RuleConfigurationName: 'r', RuleEvaluatorImage: 'i' }]],
    [false, 'RetryStrategy', { MaximumRetryAttempts: 2 }],
    [false, 'TensorBoardOutputConfig', { S3OutputPath: 's3://b/tb' }],
    [false, 'ExperimentConfig', { ExperimentName: 'e' }],
    [false, 'TrainingJobName', 'prefix'],
  ],
};

for (const [type, changes] of Object.entries(CHANGES)) {
  test(`${type}: changing a listed attribute runs the step, changing another does not`, async () => {
    const at = await world();
    const step = (args: object) => (type === 'Training' ? training(args) : { ...processing('T', CACHED, args) });
    await create(at, [step({})]);
    assert.equal((await run(at)).jobs, 1);
    for (const [counts, member, value] of changes) {
      await update(at, [step({ [member]: value })]);
      assert.equal((await run(at)).jobs, counts ? 1 : 0, member);
      assert.equal((await run(at)).jobs, 0, `${member}, again`);
    }
  });
}

test('parameters count by their values; what names the execution never hits', async () => {
  const at = await world();
  const by = (value: unknown) => training({ HyperParameters: { x: value } });
  const Parameters = [{ Name: 'N', Type: 'String', DefaultValue: '1' }];
  await create(at, [by({ Get: 'Parameters.N' })], { Parameters });
  const given = (Value: string) => run(at, { PipelineParameters: [{ Name: 'N', Value }] });
  assert.deepEqual(
    [(await run(at)).jobs, (await given('1')).jobs, (await given('2')).jobs, (await given('1')).jobs],
    [1, 0, 1, 0],
  );
  for (const variable of ['PipelineExecutionId', 'StartDateTime', 'TrainingJobName']) {
    await update(at, [by({ Get: `Execution.${variable}` })]);
    await run(at);
    at.clock.advance(1_000);
    assert.equal((await run(at)).jobs, 1, variable);
  }
  await update(at, [by({ Get: 'Execution.PipelineName' })]);
  await run(at);
  assert.equal((await run(at)).jobs, 0);
});

test('results expire; the newest that matches is taken; steps that did not ask for the cache fill none', async () => {
  const at = await world();
  const expiring = (ExpireAfter: string) => [training({}, { CacheConfig: { Enabled: true, ExpireAfter } })];
  await create(at, [training({}, {})]);
  await run(at);
  await update(at, expiring('PT1H'));
  const first = await run(at);
  assert.equal(first.jobs, 1, 'the run without the cache left nothing');
  at.clock.advance(3_599_000);
  assert.equal((await run(at)).jobs, 0);
  at.clock.advance(1_000);
  const second = await run(at);
  assert.equal(second.jobs, 1, 'a hit does not make a result younger');
  await update(at, expiring('30d'));
  const third = await run(at);
  assert.deepEqual((await steps(at, third.arn))[0]!.CacheHitResult, { SourcePipelineExecutionArn: second.arn });
  await update(at, [training({}, { CacheConfig: { Enabled: false, ExpireAfter: '30d' } })]);
  assert.equal((await run(at)).jobs, 1);
});

test('only what succeeded is taken, only in its own pipeline, and of two that run at once none waits for the other', async () => {
  const at = await world();
  await create(at, [training()]);
  const failed = await start(at, { ClientRequestToken: token('1') });
  await at.end(at.running()[0]!, 'Failed', 'AlgorithmError: no');
  await at.loop.idle();
  assert.deepEqual(await statuses(at, failed), { T: 'Failed' });
  await start(at, { ClientRequestToken: token('2') });
  const late = await start(at, { ClientRequestToken: token('3') });
  const running = at.running();
  assert.equal(running.length, 2, 'both run');
  await at.end(running[1]!);
  await at.loop.idle();
  at.clock.advance(5);
  await at.end(running[0]!);
  await at.loop.idle();
  const [step] = await steps(at, (await run(at)).arn);
  assert.notEqual(step!.CacheHitResult?.SourcePipelineExecutionArn, late, 'the one that ended last');
  await create(at, [training()], {}, { PipelineName: 'Q', ClientRequestToken: token('q') });
  assert.equal((await run(at, { PipelineName: 'Q' })).jobs, 1);
  // a pipeline made anew under the old name starts with nothing
  await at.call('sagemaker:DeletePipeline', { PipelineName: 'P', ClientRequestToken: token('d') });
  await at.loop.idle();
  at.clock.advance(1);
  const left = await at.store.list({
    account: ACCOUNT,
    region: REGION,
    kind: 'PipelineStepCache',
    sortBy: 'name',
    order: 'ascending',
    limit: 10,
  });
  assert.deepEqual(
    left.rows.map(({ index }) => index.parent?.split('@')[0]),
    ['q'],
    'what was kept went with the pipeline',
  );
  await create(at, [training()], {}, { ClientRequestToken: token('again') });
  assert.equal((await run(at)).jobs, 1);
});

test('hits take no slot: a wide cached pipeline is done at once under a parallelism of one', async () => {
  const at = await world();
  const many = Array.from({ length: 20 }, (_, i) => ({ ...training({ HyperParameters: { i: `${i}` } }), Name: `T${i}` }));
  await create(at, many, {}, { ParallelismConfiguration: { MaxParallelExecutionSteps: 1 } });
  assert.equal((await run(at)).jobs, 20);
  const arn = await start(at, { ClientRequestToken: token('2') });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
});

async function tag(at: World, Value: string): Promise<void> {
  const key = tagsKey(`arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/P`);
  const index = { createdAtMs: 1, modifiedAtMs: 1 };
  await at.store.commit({ expect: [], write: [{ key, document: { tags: [{ Key: 'slipway:cache', Value }] }, index }] });
}

const reading = training({
  InputDataConfig: [{ ChannelName: 'train', DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://b/train' } } }],
});

test('data overwritten under its address: stale by the documented key, never in content mode', async () => {
  const at = await world();
  at.objects.set('s3://b/train/a.csv', '1,2');
  await create(at, [reading]);
  await run(at);
  at.objects.set('s3://b/train/a.csv', '3,4');
  assert.equal((await run(at)).jobs, 0, "AWS's key knows addresses only");
  await tag(at, 'content');
  assert.equal((await run(at)).jobs, 1, 'what was kept by address does not count by content');
  assert.equal((await run(at)).jobs, 0);
  for (const [key, text] of [
    ['s3://b/train/a.csv', '5,6'],
    ['s3://b/train/b.csv', 'more'],
    ['s3://b/train/b.csv', undefined],
  ] as const) {
    if (text === undefined) at.objects.delete(key);
    else at.objects.set(key, text);
    assert.equal((await run(at)).jobs, key.endsWith('b.csv') && text === undefined ? 0 : 1, `${key} = ${text}`);
  }
  at.objects.set('s3://b/train/a.csv', '1,2');
  at.objects.set('s3://b/other/a.csv', '5,6');
  const moved = JSON.parse(JSON.stringify(reading).replace('s3://b/train', 's3://b/other'));
  await update(at, [moved]);
  assert.equal((await run(at)).jobs, 0, 'the same data under another address');
  await tag(at, 'contents');
  await assert.rejects(start(at, { ClientRequestToken: token('x') }), /must be "content" or "documented"/);
});

test('content mode keeps no result of data that changed while the step ran', async () => {
  const at = await world();
  at.objects.set('s3://b/train/a.csv', 'before');
  await create(at, [reading]);
  await tag(at, 'content');
  await start(at, { ClientRequestToken: token('1') });
  at.objects.set('s3://b/train/a.csv', 'between');
  await endAll(at);
  at.objects.set('s3://b/train/a.csv', 'before');
  assert.equal((await run(at)).jobs, 1, 'which of the two the step read nobody knows');
  assert.equal((await run(at)).jobs, 0);
});
