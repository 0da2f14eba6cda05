import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  create,
  describe,
  endAll,
  processing,
  refused,
  start,
  statuses,
  token,
  world,
} from '../../../tests/pipelines/programs.ts';
import { ACCOUNT, REGION, ROLE, scientist } from '../../../tests/pipelines/world.ts';

test('a start with the same token is one start; with other parameters it is refused', async () => {
  const at = await world();
  await create(at, [processing('A')], { Parameters: [{ Name: 'N', Type: 'Integer', DefaultValue: 1 }] });
  const first = await start(at, { ClientRequestToken: token('t') });
  assert.equal(await start(at, { ClientRequestToken: token('t') }), first);
  assert.equal(at.jobs.size, 1);
  const other = { ClientRequestToken: token('t'), PipelineParameters: [{ Name: 'N', Value: '2' }] };
  await assert.rejects(start(at, other), refused('ConflictException', /already used to start/));
  assert.notEqual(await start(at, { ...other, ClientRequestToken: token('u') }), first);
});

test('wrong parameters and other mistakes of a start are said all at once', async () => {
  const at = await world();
  await create(at, [processing('A')], {
    Parameters: [
      { Name: 'Count', Type: 'Integer' },
      { Name: 'Kind', Type: 'String', EnumValues: ['a', 'b'], DefaultValue: 'a' },
    ],
  });
  const given = [
    { Name: 'Cuont', Value: '1' },
    { Name: 'Kind', Value: 'c' },
  ];
  await assert.rejects(
    start(at, { PipelineParameters: given }),
    refused(
      'ValidationException',
      /Unknown parameter 'Cuont'\. Did you mean 'Count'.*"c" of parameter 'Kind' is not one of.*'Count' of type Integer has no default/,
    ),
  );
  await assert.rejects(
    start(at, { PipelineName: 'Q' }),
    refused('ResourceNotFound', /^Pipeline 'arn:aws:sagemaker:us-east-1:123456789012:pipeline\/Q' does not exist\.$/),
  );
  await assert.rejects(
    describe(at, `arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/P/execution/abcdefabcdef`),
    refused('ResourceNotFound', /does not exist/),
  );
  await assert.rejects(
    describe(at, `arn:aws:sagemaker:eu-west-1:${ACCOUNT}:pipeline/P/execution/abcdefabcdef`),
    refused('ResourceNotFound', /eu-west-1/),
  );
});

test('create, update, describe, list and delete, with the codes and texts that clients match on', async () => {
  const at = await world();
  await create(at, [processing('A')]);
  await create(at, [processing('A')]); // the same token: the same call
  await assert.rejects(
    create(at, [processing('A')], {}, { ClientRequestToken: token('d'), PipelineName: 'p' }),
    refused('ValidationException', /already exists/),
  );
  const definition = JSON.stringify({ Version: '2020-12-01', Steps: [processing('B')] });
  assert.equal(
    (await at.call('sagemaker:UpdatePipeline', { PipelineName: 'P', PipelineDefinition: definition })).PipelineVersionId,
    2,
  );
  assert.equal((await at.call('sagemaker:UpdatePipeline', { PipelineName: 'P', PipelineDescription: 'x' })).PipelineVersionId, 2);
  const described = await at.call('sagemaker:DescribePipeline', {
    PipelineName: `arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/P`,
  });
  assert.deepEqual(
    [described.PipelineDefinition, described.PipelineDescription, described.PipelineStatus],
    [definition, 'x', 'Active'],
  );
  assert.match(
    (await at.call('sagemaker:DescribePipeline', { PipelineName: 'P', PipelineVersionId: 1 })).PipelineDefinition!,
    /"Name":"A"/,
  );
  const { PipelineVersionSummaries } = await at.call('sagemaker:ListPipelineVersions', { PipelineName: 'P' });
  assert.deepEqual(
    PipelineVersionSummaries!.map(({ PipelineVersionId }) => PipelineVersionId),
    [2, 1],
  );
  const named = { PipelineArn: described.PipelineArn!, PipelineVersionId: 1, PipelineVersionDisplayName: 'first' };
  await at.call('sagemaker:UpdatePipelineVersion', named);
  await assert.rejects(
    at.call('sagemaker:UpdatePipelineVersion', { ...named, PipelineVersionId: 9 }),
    refused('ResourceNotFound', /has no version 9\. Its newest version is 2/),
  );
  const first = await at.call('sagemaker:DescribePipeline', { PipelineName: 'P', PipelineVersionId: 1 });
  assert.equal(first.PipelineVersionDisplayName, 'first');
  const old = await start(at, { PipelineVersionId: 1 });
  assert.deepEqual(Object.keys(await statuses(at, old)), ['A']);
  await assert.rejects(
    at.call('sagemaker:DeletePipeline', { PipelineName: 'P' }),
    refused('ConflictException', /has a running execution/),
  );
  await endAll(at);
  for (let i = 0; i < 4; i++) {
    at.clock.advance(1000);
    await start(at);
  }
  await endAll(at);
  const page = await at.call('sagemaker:ListPipelineExecutions', { PipelineName: 'P', MaxResults: 3 });
  const rest = await at.call('sagemaker:ListPipelineExecutions', { PipelineName: 'P', MaxResults: 3, NextToken: page.NextToken });
  const arns = [...page.PipelineExecutionSummaries!, ...rest.PipelineExecutionSummaries!].map(
    ({ PipelineExecutionArn }) => PipelineExecutionArn,
  );
  assert.equal(new Set(arns).size, 5);
  assert.equal(arns.at(-1), old, 'newest first');
  assert.equal(rest.NextToken, undefined);
  const { PipelineSummaries } = await at.call('sagemaker:ListPipelines', { PipelineNamePrefix: 'P' });
  assert.equal(PipelineSummaries!.length, 1);
  assert.ok(PipelineSummaries![0]!.LastExecutionTime! > PipelineSummaries![0]!.CreationTime!);
  await at.call('sagemaker:DeletePipeline', { PipelineName: 'P' });
  for (const name of [
    'sagemaker:DescribePipeline',
    'sagemaker:DeletePipeline',
    'sagemaker:UpdatePipeline',
    'sagemaker:ListPipelineExecutions',
  ] as const) {
    await assert.rejects(at.call(name, { PipelineName: 'P' }), refused('ResourceNotFound', /does not exist/), name);
  }
  at.clock.advance(1);
  await create(at, [processing('A')], {}, { ClientRequestToken: token('e') });
  assert.deepEqual(
    (await at.call('sagemaker:ListPipelineExecutions', { PipelineName: 'P' })).PipelineExecutionSummaries,
    [],
    'the new one has no past',
  );
  await assert.rejects(describe(at, old), refused('ResourceNotFound', /does not exist/));
  await at.loop.idle();
  for (const kind of ['PipelineExecution', 'PipelineExecutionStep', 'PipelineRemains']) {
    const left = await at.store.list({ account: ACCOUNT, region: REGION, kind, sortBy: 'name', order: 'ascending', limit: 10 });
    assert.deepEqual(left.rows, [], kind);
  }
});

test('a creation with the same token is one creation; with any other member it is refused', async () => {
  const at = await world();
  await create(at, [processing('A')], {}, { PipelineDescription: 'x' });
  const same = { PipelineDescription: 'x', RoleArn: ROLE };
  for (const other of [
    { RoleArn: ROLE.replace('SageMakerPipeline', 'Other') },
    { PipelineDescription: 'y' },
    { PipelineDisplayName: 'P' },
    { Tags: [{ Key: 'k', Value: 'v' }] },
    { ParallelismConfiguration: { MaxParallelExecutionSteps: 2 } },
  ]) {
    const refusal = refused(
      'ConflictException',
      /client token c-+ was already used for a \S*CreatePipeline request with different/,
    );
    await assert.rejects(create(at, [processing('A')], {}, { ...same, ...other }), refusal, JSON.stringify(other));
  }
  await assert.rejects(create(at, [processing('B')], {}, same), refused('ConflictException', /already used/));
  await at.call('sagemaker:UpdatePipeline', { PipelineName: 'P', PipelineDescription: 'z' });
  await create(at, [processing('A')], {}, same); // the first call, sent again after an update
  const { PipelineDescription } = await at.call('sagemaker:DescribePipeline', { PipelineName: 'P' });
  assert.equal(PipelineDescription, 'z');
});

test('a definition is taken from S3 with the rights of the caller, and refused with all its problems', async () => {
  const at = await world();
  const location = { Bucket: 'bucket', ObjectKey: 'P/definition.json' };
  const input = { PipelineName: 'P', RoleArn: ROLE, PipelineDefinitionS3Location: location };
  await assert.rejects(
    at.call('sagemaker:CreatePipeline', input),
    refused('ValidationException', /could not be read from s3:\/\/bucket\/P\/definition\.json: The specified key does not exist/),
  );
  at.policies.set('scientist', [{ Statement: [{ Effect: 'Allow', Action: ['sagemaker:*', 'iam:PassRole'], Resource: '*' }] }]);
  at.objects.set('s3://bucket/P/definition.json', JSON.stringify({ Version: '2020-12-01', Steps: [processing('A')] }));
  await assert.rejects(
    at.call('sagemaker:CreatePipeline', input, scientist),
    refused('ValidationException', /could not be read.*not authorized to perform: s3:GetObject/),
  );
  await at.call('sagemaker:CreatePipeline', input);
  const wrong = {
    Version: '2020-12-01',
    Steps: [
      processing('A', { DependsOn: ['B'] }),
      processing('B', { DependsOn: ['A'] }, { Environment: { X: { Get: 'Steps.A.ProcessingJobNam' } } }),
    ],
  };
  const text =
    /^Unable to parse pipeline definition\.\nSteps\[1\]\.Arguments\.Environment\.X \(step 'B'\): A Processing step has no property 'ProcessingJobNam' .*Did you mean 'ProcessingJobName'.*\nSteps\[0\] \(step 'A'\): The steps wait for each other in a cycle: A -> B -> A/;
  await assert.rejects(create(at, wrong.Steps, {}, { PipelineName: 'Q' }), refused('ValidationException', text));
  await assert.rejects(
    create(at, [{ Name: 'T', Type: 'Tuning', Arguments: {} }], {}, { PipelineName: 'Q' }),
    refused('ValidationException', /step T of type Tuning is not implemented yet/),
  );
  await assert.rejects(
    at.call('sagemaker:CreatePipeline', { PipelineName: 'Q', RoleArn: ROLE }),
    refused('ValidationException', /PipelineDefinition or PipelineDefinitionS3Location/),
  );
});
