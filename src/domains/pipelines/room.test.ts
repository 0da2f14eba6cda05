import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { InputOf } from '../../contract/operations.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import {
  create,
  describe,
  endAll,
  processing,
  refused,
  start,
  statuses,
  steps,
  token,
  world,
  worlds,
} from '../../../tests/pipelines/programs.ts';
import { ACCOUNT, Crash, REGION, ROLE } from '../../../tests/pipelines/world.ts';

const golden = (name: string) =>
  readFileSync(new URL(`../../../tests/goldens/definitions/python/newest/${name}.json`, import.meta.url), 'utf8');

test('the corrected program of seed 002 runs: jobs with resolved arguments, the condition, the registered version', async () => {
  const at = await world();
  await at.call('sagemaker:CreatePipeline', {
    PipelineName: 'MyMLPipeline',
    RoleArn: ROLE,
    PipelineDefinition: golden('seed-002'),
  });
  const arn = await start(at, {
    PipelineName: 'MyMLPipeline',
    PipelineParameters: [{ Name: 'ProcessingInstanceCount', Value: '2' }],
  });
  assert.match(arn, new RegExp(`^arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/MyMLPipeline/execution/[a-z0-9]{12}$`));
  const id = arn.split('/').at(-1)!;
  const [first] = at.running();
  assert.match(first!, new RegExp(`^pipelines-${id}-DataProcessing-[a-z0-9]{10}$`));
  const job = at.jobs.get(first!)!.input as unknown as InputOf<'sagemaker:CreateProcessingJob'>;
  assert.equal(job.ProcessingResources.ClusterConfig.InstanceCount, 2);
  const train = `s3://sagemaker-us-east-1-123456789012/MyMLPipeline/${id}/DataProcessing/output/train`;
  assert.equal(job.ProcessingOutputConfig!.Outputs![0]!.S3Output!.S3Uri, train);
  assert.deepEqual(job.Tags, [
    { Key: 'sagemaker:pipeline-execution-arn', Value: arn },
    { Key: 'sagemaker:pipeline-step-name', Value: 'DataProcessing' },
  ]);
  await at.end(first!);
  await at.loop.idle();
  const [second] = at.running();
  const training = at.jobs.get(second!)!.input as unknown as InputOf<'sagemaker:CreateTrainingJob'>;
  assert.equal(training.InputDataConfig![0]!.DataSource!.S3DataSource!.S3Uri, train);
  await at.end(second!);
  await at.loop.idle();
  at.objects.set(
    `s3://sagemaker-us-east-1-123456789012/MyMLPipeline/${id}/ModelEvaluation/output/evaluation/evaluation.json`,
    '{"metrics":{"accuracy":{"value":0.93}}}',
  );
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  assert.equal(at.packages.length, 1);
  const { input } = at.packages[0]!;
  assert.equal(input.InferenceSpecification!.Containers![0]!.ModelDataUrl, `s3://models/${second}/output/model.tar.gz`);
  assert.ok(at.groups.has('my-ml-group'), 'the group is made when it is not there');
  const listed = await steps(at, arn);
  assert.deepEqual(
    listed.map(({ StepName }) => StepName),
    ['DataProcessing', 'ModelTraining', 'ModelEvaluation', 'CheckAccuracy', 'RegisterModel-RegisterModel'],
  );
  assert.deepEqual(
    listed.map(({ Metadata }) => Metadata),
    [
      { ProcessingJob: { Arn: `arn:aws:sagemaker:${REGION}:${ACCOUNT}:processing-job/${first}` } },
      { TrainingJob: { Arn: `arn:aws:sagemaker:${REGION}:${ACCOUNT}:training-job/${second}` } },
      { ProcessingJob: { Arn: listed[2]!.Metadata!.ProcessingJob!.Arn } },
      { Condition: { Outcome: 'True' } },
      { RegisterModel: { Arn: at.packages[0]!.arn } },
    ],
  );
  for (const step of listed) assert.ok(step.StartTime && step.EndTime && step.StepStatus === 'Succeeded', JSON.stringify(step));
  const { PipelineParameters } = await at.call('sagemaker:ListPipelineParametersForExecution', { PipelineExecutionArn: arn });
  assert.deepEqual(PipelineParameters, [
    { Name: 'ProcessingInstanceCount', Value: '2' },
    { Name: 'InputData', Value: 's3://sagemaker-us-east-1-123456789012/my-input-data/' },
  ]);
  const definition = await at.call('sagemaker:DescribePipelineDefinitionForExecution', { PipelineExecutionArn: arn });
  assert.equal(definition.PipelineDefinition, golden('seed-002'));
  const events = await at.store.events({ afterSequence: 0, limit: 100 });
  const told = events.filter(({ detailType }) => detailType === 'SageMaker Model Building Pipeline Execution Status Change');
  assert.deepEqual(
    told.map(({ detail }) => [detail.previousPipelineExecutionStatus, detail.currentPipelineExecutionStatus]),
    [
      [undefined, 'Executing'],
      ['Executing', 'Succeeded'],
    ],
  );
  const entries = await at.store.ledger({ afterSequence: 0, limit: 100 });
  const trained = entries
    .filter(({ entry }) => entry.changes && 'ModelTraining' in entry.changes)
    .map(({ entry }) => entry.action);
  assert.deepEqual(trained, [
    'slipway:PipelineExecutionStep.Starting',
    'slipway:PipelineExecutionStep.Executing',
    'slipway:PipelineExecutionStep.Succeeded',
  ]);
  assert.deepEqual(await at.store.timers({ limit: 10 }), [], 'nothing is left to do');
});

test('a low accuracy takes the other branch: nothing is registered, and the branch not taken is not listed', async () => {
  const at = await world();
  await at.call('sagemaker:CreatePipeline', { PipelineName: 'P', RoleArn: ROLE, PipelineDefinition: golden('seed-002') });
  const arn = await start(at);
  const id = arn.split('/').at(-1)!;
  at.objects.set(
    `s3://sagemaker-us-east-1-123456789012/MyMLPipeline/${id}/ModelEvaluation/output/evaluation/evaluation.json`,
    '{"metrics":{"accuracy":{"value":0.79}}}',
  );
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  assert.equal(at.packages.length, 0);
  const listed = await steps(at, arn);
  assert.deepEqual(listed.at(-1)!.Metadata, { Condition: { Outcome: 'False' } });
  assert.equal(listed.length, 4);
});

test('a missing report, bad JSON or a missing path fails the step that reads it, and says so', async () => {
  const at = await world();
  const get = { 'Std:JsonGet': { PropertyFile: { Get: 'Steps.A.PropertyFiles.F' }, Path: 'm.v' } };
  const condition = {
    Name: 'C',
    Type: 'Condition',
    Arguments: { Conditions: [{ Type: 'GreaterThan', LeftValue: get, RightValue: 1 }], IfSteps: [], ElseSteps: [] },
  };
  await create(at, [
    processing('A', { PropertyFiles: [{ PropertyFileName: 'F', OutputName: 'out', FilePath: 'f.json' }] }),
    condition,
  ]);
  for (const [text, reason] of [
    [undefined, /The file s3:\/\/b\/A\/f\.json does not exist/],
    ['{', /s3:\/\/b\/A\/f\.json is not valid JSON/],
    ['{"m":{}}', /nothing at the path 'm\.v': there is no 'v'/],
    ['{"m":{"v":"x"}}', /cannot compare "x" \(a string\) and 1/],
  ] as const) {
    at.objects.clear();
    if (text !== undefined) at.objects.set('s3://b/A/f.json', text);
    const arn = await start(at);
    await endAll(at);
    assert.deepEqual(await statuses(at, arn), { A: 'Succeeded', C: 'Failed' });
    const { FailureReason } = (await steps(at, arn)).at(-1)!;
    assert.match(FailureReason!, reason);
    const execution = await describe(at, arn);
    assert.equal(execution.PipelineExecutionStatus, 'Failed');
    assert.match(execution.FailureReason!, /^Step failure: One or multiple steps failed\. Step 'C': /);
  }
});

test("a failed job fails its step with the job's reason; a request that is refused, with the refusal", async () => {
  const at = await world();
  await create(at, [processing('A'), processing('B', { DependsOn: ['A'] }), processing('C', {}, { RoleArn: 'no role' })]);
  const arn = await start(at);
  await at.end(at.running()[0]!, 'Failed', 'AlgorithmError: ZeroDivisionError, exit code: 1');
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { A: 'Failed', C: 'Failed' });
  const [a, c] = await steps(at, arn);
  assert.equal(a!.FailureReason, 'AlgorithmError: ZeroDivisionError, exit code: 1');
  assert.match(c!.FailureReason!, /^ClientError: Failed to invoke sagemaker:CreateProcessingJob\. Error Details: .*roleArn/i);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Failed');
});

test('only the word of the room that was asked tells that something is there or absent, not the text of its refusal', async () => {
  const at = await world();
  await create(at, [processing('A')]);
  at.fault = (point) => {
    if (point !== 'before sagemaker:CreateProcessingJob') return;
    throw new ServiceError('ValidationException', 'The output prefix already exists and its owner does not exist.');
  };
  const refusedStart = await start(at);
  assert.match((await steps(at, refusedStart))[0]!.FailureReason!, /Error Details: The output prefix already exists/);
  at.fault = () => {};
  const arn = await start(at);
  at.fault = (point) => {
    if (point !== 'before sagemaker:DescribeProcessingJob') return;
    throw new ServiceError('ValidationException', 'The key of the job was not found.');
  };
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  const [step] = await steps(at, arn);
  assert.deepEqual([step!.StepStatus, step!.FailureReason], ['Failed', 'ClientError: The key of the job was not found.']);
});

test('parallel branches run side by side, within the limit', async () => {
  const at = await world();
  await create(
    at,
    ['A', 'B', 'C', 'D'].map((name) => processing(name)),
    {},
    { ParallelismConfiguration: { MaxParallelExecutionSteps: 3 } },
  );
  const arn = await start(at);
  assert.equal(at.running().length, 3);
  await at.end(at.running()[0]!);
  await at.loop.idle();
  assert.equal(at.running().length, 3);
  await endAll(at);
  const second = await start(at, { ParallelismConfiguration: { MaxParallelExecutionSteps: 1 } });
  assert.equal(at.running().length, 1);
  await at.call('sagemaker:UpdatePipelineExecution', {
    PipelineExecutionArn: second,
    ParallelismConfiguration: { MaxParallelExecutionSteps: 4 },
  });
  await at.loop.idle();
  assert.equal(at.running().length, 4);
  await endAll(at);
  for (const one of [arn, second]) assert.equal((await describe(at, one)).PipelineExecutionStatus, 'Succeeded');
});

test('a stop stops running jobs, starts nothing more and ends Stopped', async () => {
  const at = await world();
  await create(at, [processing('A'), processing('B'), processing('C', { DependsOn: ['A'] })]);
  const arn = await start(at);
  await at.end(at.running()[0]!);
  await at.loop.idle();
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { A: 'Succeeded', B: 'Stopped', C: 'Stopped' });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopped');
  assert.deepEqual(
    [...at.jobs.values()].map(({ status }) => status),
    ['Completed', 'Stopped', 'Stopped'],
  );
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  const finished = await start(at);
  await endAll(at);
  await assert.rejects(
    at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: finished }),
    refused('ConflictException', /in status Succeeded and cannot be stopped/),
  );
});

test('what was made before the server died and stop arrived counts as made; what was not is made no more', async () => {
  const register = { Name: 'R', Type: 'RegisterModel', Arguments: { ModelPackageGroupName: 'g' } };
  const model = { Name: 'M', Type: 'Model', Arguments: { PrimaryContainer: { Image: 'i' }, ExecutionRoleArn: ROLE } };
  for (const [step, operation] of [
    [register, 'sagemaker:CreateModelPackage'],
    [model, 'sagemaker:CreateModel'],
  ] as const) {
    for (const moment of ['before', 'after']) {
      const at = await world();
      await create(at, [step]);
      let dead = false;
      at.fault = (point) => {
        dead ||= point === `${moment} ${operation}`;
        if (dead) throw new Crash(point);
      };
      const arn = await start(at);
      at.fault = (point) => {
        if (point.includes('sagemaker:')) throw new Crash(point); // not back yet: the stop comes before any look
      };
      await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
      at.fault = () => {};
      await at.restart();
      await at.loop.idle();
      const made = moment === 'after';
      assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopped');
      const [listed] = await steps(at, arn);
      assert.equal(listed!.StepStatus, made ? 'Succeeded' : 'Stopped', `${moment} ${operation}`);
      assert.equal(at.packages.length + at.models.size, made ? 1 : 0);
      const { RegisterModel, Model } = listed!.Metadata!;
      assert.equal((RegisterModel ?? Model)?.Arn !== undefined, made);
    }
  }
});

test('a job that ends before its start is recorded is seen also when that record meets another change', async () => {
  const at = await world();
  await create(at, [processing('A')]);
  let moment = 'start';
  at.fault = async (point) => {
    if (moment === 'start' && point === 'after sagemaker:CreateProcessingJob') {
      moment = 'ended';
      await at.end(at.running()[0]!);
      moment = 'record';
    } else if (moment === 'record' && point === 'before commit') {
      moment = 'changed';
      const { PipelineExecutionSummaries } = await at.call('sagemaker:ListPipelineExecutions', { PipelineName: 'P' });
      const PipelineExecutionArn = PipelineExecutionSummaries![0]!.PipelineExecutionArn!;
      await at.call('sagemaker:UpdatePipelineExecution', { PipelineExecutionArn, PipelineExecutionDisplayName: 'other' });
    }
  };
  const arn = await start(at);
  await at.loop.idle();
  assert.equal(moment, 'changed');
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
});

test('a job that somebody else stops fails its step', async () => {
  const at = await world();
  await create(at, [processing('A')]);
  const arn = await start(at);
  await at.call('sagemaker:StopProcessingJob', { ProcessingJobName: at.running()[0]! });
  await at.loop.idle();
  const [step] = await steps(at, arn);
  assert.deepEqual([step!.StepStatus, step!.FailureReason], ['Failed', 'The processing job was stopped before it was complete.']);
});

test('the program with every executed step type runs', async () => {
  const at = await world();
  await at.call('sagemaker:CreatePipeline', {
    PipelineName: 'Everything',
    RoleArn: ROLE,
    PipelineDefinition: golden('every-executed-step'),
  });
  const run = async (report: string) => {
    const arn = await start(at, { PipelineName: 'Everything', PipelineParameters: [{ Name: 'Owner', Value: 'me' }] });
    at.objects.set(
      `s3://sagemaker-us-east-1-123456789012/Everything/${arn.split('/').at(-1)}/Evaluate/output/evaluation/evaluation.json`,
      report,
    );
    await endAll(at);
    return arn;
  };
  const good = await run('{"metrics":{"accuracy":{"values":[0.9]}}}');
  assert.deepEqual(await statuses(at, good), {
    Preprocess: 'Succeeded',
    Train: 'Succeeded',
    Evaluate: 'Succeeded',
    Outer: 'Succeeded',
    Inner: 'Succeeded',
    'Risk-CreateModel': 'Succeeded',
  });
  const [name] = at.models.keys();
  assert.match(name!, /^pipelines-[a-z0-9]{12}-Risk-CreateModel-[a-z0-9]{10}$/);
  const trained = [...at.jobs.values()].find(({ type }) => type === 'TrainingJob')!
    .input as unknown as InputOf<'sagemaker:CreateTrainingJob'>;
  assert.deepEqual(
    [trained.HyperParameters!['max_depth'], trained.HyperParameters!['eta'], trained.HyperParameters!['verbose']],
    ['5', '0.3', 'true'],
  );
  const bad = await run('{"metrics":{"accuracy":{"values":[0.1]}}}');
  const listed = await steps(at, bad);
  assert.deepEqual(listed.at(-1)!.Metadata, { Fail: { ErrorMessage: 'accuracy of Everything is below 0.3' } });
  assert.equal(
    (await describe(at, bad)).FailureReason,
    "Step failure: One or multiple steps failed. Step 'TooWeak': accuracy of Everything is below 0.3",
  );
});

test('killed at every commit and at every call, before and after: the end is the same, and nothing is done twice', async () => {
  const report = 's3://b/B/f.json';
  const get = { 'Std:JsonGet': { PropertyFile: { Get: 'Steps.B.PropertyFiles.F' }, Path: 'v' } };
  const program = [
    processing('A'),
    processing('B', { DependsOn: ['A'], PropertyFiles: [{ PropertyFileName: 'F', OutputName: 'out', FilePath: 'f.json' }] }),
    {
      Name: 'C',
      Type: 'Condition',
      Arguments: {
        Conditions: [{ Type: 'GreaterThan', LeftValue: get, RightValue: 0.5 }],
        IfSteps: [
          { Name: 'M', Type: 'Model', Arguments: { PrimaryContainer: { Image: 'i' }, ExecutionRoleArn: ROLE } },
          {
            Name: 'R',
            Type: 'RegisterModel',
            Arguments: { ModelPackageGroupName: 'g', ModelPackageDescription: { Get: 'Steps.M.ModelName' } },
          },
        ],
        ElseSteps: [processing('X')],
      },
    },
    processing('D', { DependsOn: ['C'] }),
  ];
  let points = 0;
  for (let countdown = 1; ; countdown++) {
    const at = await world();
    at.objects.set(report, '{"v":0.6}');
    await create(at, program);
    let left = countdown;
    let dead = false;
    at.fault = (point) => {
      if (dead) throw new Crash(point);
      left -= 1;
      dead = left === 0;
      if (dead) throw new Crash(point);
    };
    const arn = await start(at, { ClientRequestToken: token('t') }).catch((error: unknown) => {
      assert.ok(error instanceof Crash, String(error));
      return undefined;
    });
    const survived = !dead;
    for (let rounds = 0; rounds < 20; rounds++) {
      if (dead) {
        at.fault = () => {};
        dead = false;
        await at.restart();
        await at.loop.idle();
      }
      if (arn === undefined && rounds === 0) await start(at, { ClientRequestToken: token('t') });
      for (const name of at.running()) await at.end(name).catch((error: unknown) => assert.ok(error instanceof Crash));
      await at.loop.idle();
    }
    const { PipelineExecutionSummaries } = await at.call('sagemaker:ListPipelineExecutions', { PipelineName: 'P' });
    assert.deepEqual(
      PipelineExecutionSummaries!.map((one) => one.PipelineExecutionStatus),
      ['Succeeded'],
      `countdown ${countdown}`,
    );
    assert.deepEqual(await statuses(at, PipelineExecutionSummaries![0]!.PipelineExecutionArn!), {
      A: 'Succeeded',
      B: 'Succeeded',
      C: 'Succeeded',
      M: 'Succeeded',
      R: 'Succeeded',
      D: 'Succeeded',
    });
    assert.deepEqual([at.jobs.size, at.models.size, at.packages.length], [3, 1, 1], `countdown ${countdown}`);
    points = countdown;
    worlds.splice(worlds.indexOf(at), 1);
    await at.close();
    if (survived && left > 0) break;
  }
  assert.ok(points > 40, `${points} points`);
});
