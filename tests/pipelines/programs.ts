import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { InputOf } from '../../src/contract/operations.ts';
import type { Principal } from '../../src/platform/authorization/principal.ts';
import { ServiceError } from '../../src/platform/errors/families.ts';
import { ROLE, World } from './world.ts';

export const worlds: World[] = [];
after(async () => {
  for (const world of worlds) await world.close();
});

export async function world(): Promise<World> {
  const made = new World();
  worlds.push(made);
  await made.start();
  return made;
}

export const token = (text: string) => text.padEnd(32, '-');

export const processing = (name: string, extra: object = {}, args: object = {}) => ({
  Name: name,
  Type: 'Processing',
  Arguments: {
    AppSpecification: { ImageUri: 'image' },
    ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } },
    RoleArn: ROLE,
    ProcessingOutputConfig: {
      Outputs: [
        {
          OutputName: 'out',
          S3Output: { S3Uri: `s3://b/${name}`, LocalPath: '/opt/ml/processing/out', S3UploadMode: 'EndOfJob' },
        },
      ],
    },
    ...args,
  },
  ...extra,
});

export async function create(
  at: World,
  steps: object[],
  more: object = {},
  input: Partial<InputOf<'sagemaker:CreatePipeline'>> = {},
): Promise<void> {
  await at.call('sagemaker:CreatePipeline', {
    PipelineName: 'P',
    RoleArn: ROLE,
    PipelineDefinition: JSON.stringify({ Version: '2020-12-01', Steps: steps, ...more }),
    ClientRequestToken: token('c'),
    ...input,
  });
}

export async function start(
  at: World,
  input: Partial<InputOf<'sagemaker:StartPipelineExecution'>> = {},
  principal?: Principal,
): Promise<string> {
  const started = await at.call('sagemaker:StartPipelineExecution', { PipelineName: 'P', ...input }, principal);
  await at.loop.idle();
  return started.PipelineExecutionArn!;
}

export async function endAll(at: World): Promise<void> {
  for (let running = at.running(); running.length > 0; running = at.running()) {
    for (const name of running) await at.end(name);
    await at.loop.idle();
  }
}

export const describe = (at: World, arn: string) => at.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: arn });

export async function steps(at: World, arn: string) {
  const { PipelineExecutionSteps } = await at.call('sagemaker:ListPipelineExecutionSteps', {
    PipelineExecutionArn: arn,
    SortOrder: 'Ascending',
  });
  return PipelineExecutionSteps!;
}

export const statuses = async (at: World, arn: string) =>
  Object.fromEntries((await steps(at, arn)).map(({ StepName, StepStatus }) => [StepName, StepStatus]));

export const refused = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, text);
  return true;
};
