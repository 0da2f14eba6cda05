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
  steps,
  world,
} from '../../../../tests/pipelines/programs.ts';
import { ROLE } from '../../../../tests/pipelines/world.ts';

const training = {
  Name: 'Train',
  Type: 'Training',
  Arguments: {
    AlgorithmSpecification: { TrainingImage: 'i', TrainingInputMode: 'File' },
    OutputDataConfig: { S3OutputPath: 's3://b/models' },
    ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
    StoppingCondition: { MaxRuntimeInSeconds: 60 },
    RoleArn: ROLE,
  },
};
const cleanup = (S3: object[], extra: object = {}) => ({
  Name: 'Clean',
  Type: 'Cleanup',
  Arguments: { Resources: { S3 } },
  ...extra,
});

test('the output of a training job is deleted, and named objects of a processing job; other objects stay', async () => {
  const at = await world();
  const uris = ['s3://b/Prepare/rows.csv', { 'Std:Join': { On: '/', Values: ['s3://b/Prepare', 'more.csv'] } }];
  await create(at, [processing('Prepare'), training, cleanup([{ StepName: 'Train' }, { StepName: 'Prepare', S3Uris: uris }])]);
  const arn = await start(at);
  const name = at.running().find((running) => running.includes('Train'))!;
  const stays = ['s3://b/models/other/output/model.tar.gz', 's3://b/Prepare/kept.csv'];
  const goes = [`s3://b/models/${name}/output/model.tar.gz`, 's3://b/Prepare/rows.csv', 's3://b/Prepare/more.csv'];
  for (const uri of [...stays, ...goes]) at.objects.set(uri, 'x');
  await endAll(at);
  const { PipelineExecutionStatus, FailureReason } = await describe(at, arn);
  assert.equal(PipelineExecutionStatus, 'Succeeded', FailureReason);
  assert.deepEqual([...at.objects.keys()], stays);
  assert.deepEqual((await steps(at, arn)).at(-1)!.Metadata!.Cleanup, {
    CleanedSteps: ['Train', 'Prepare'],
    FailedSteps: [],
    SkippedSteps: [],
  });
});

test('it runs after a failure if it is to, says what it could not delete, and passes over what did not run', async () => {
  const at = await world();
  const fails = {
    DependsOn: [
      { Step: 'Prepare', Trigger: 'Any' },
      { Step: 'Train', Trigger: 'Any' },
    ],
  };
  const sources = [{ StepName: 'Train' }, { StepName: 'Prepare', S3Uris: ['s3://b/elsewhere/x'] }];
  await create(at, [processing('Prepare'), training, cleanup(sources, fails)]);
  const arn = await start(at);
  const name = at.running().find((running) => running.includes('Train'))!;
  at.objects.set(`s3://b/models/${name}/output/model.tar.gz`, 'x');
  await at.end(name, 'Failed', 'AlgorithmError: no');
  await endAll(at);
  assert.deepEqual([...at.objects.keys()], []);
  const step = (await steps(at, arn)).at(-1)!;
  assert.match(
    step.FailureReason!,
    /'Prepare' was not deleted: s3:\/\/b\/elsewhere\/x does not lie in an output of step 'Prepare' \(s3:\/\/b\/Prepare\)/,
  );
  assert.deepEqual(step.Metadata!.Cleanup!.CleanedSteps, ['Train']);
  assert.deepEqual(await statuses(at, arn), { Prepare: 'Succeeded', Train: 'Failed', Clean: 'Failed' });
});

test('sources that cannot be are refused', async () => {
  const at = await world();
  const refuse = (source: object, text: RegExp) =>
    assert.rejects(create(at, [processing('Prepare'), training, cleanup([source])]), refused('ValidationException', text));
  await refuse({ StepName: 'Tarin' }, /There is no step 'Tarin'.*Did you mean 'Train'/);
  await refuse({ StepName: 'Prepare' }, /'Prepare' is a Processing step without S3Uris/);
  await refuse({ StepName: 'Train', S3Uris: ['s3://b/x'] }, /'Train' is a Training step with S3Uris/);
  await refuse({ StepName: 'Prepare', S3Uris: [] }, /S3Uris must be a list with one URI/);
  await assert.rejects(create(at, [cleanup([])]), refused('ValidationException', /Resources must be/));
});
