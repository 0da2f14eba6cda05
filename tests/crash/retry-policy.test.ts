import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AwsClient } from '../harness/aws-client.ts';
import { until } from '../harness/script-job.ts';
import { connectionOf } from './kill-rig.ts';
import { type LiveWork, liveWork, ServerProcess } from './server-process.ts';

const ROLE = 'arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole';
const step = {
  Name: 'Lost',
  Type: 'Processing',
  RetryPolicies: [{ ExceptionType: ['SageMaker.JOB_INTERNAL_ERROR'], IntervalSeconds: 1, MaxAttempts: 1 }],
  Arguments: {
    ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
    AppSpecification: {
      ImageUri: 'python:3.11',
      ContainerEntrypoint: ['python3', '-u', '-c', 'import time; [time.sleep(0.05) for _ in iter(int, 1)]'],
    },
    RoleArn: ROLE,
  },
};

test('a job whose supervisor is killed is made again as its retry policy says, and fails when that is used up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-retry-'));
  const server = new ServerProcess(folder);
  await server.url();
  const aws = new AwsClient(connectionOf(folder));
  const lostStep = async () => {
    const { PipelineExecutionSteps } = await aws.call('sagemaker:ListPipelineExecutionSteps', { PipelineExecutionArn: arn });
    return PipelineExecutionSteps?.[0];
  };
  /** The name of the job of an attempt, once its process is there; that process is killed. */
  const kill = async (attempt: number): Promise<string> => {
    const found = await until('the attempt', lostStep, (now) => now?.AttemptCount === attempt && now.StepStatus === 'Executing');
    const job = found?.Metadata?.ProcessingJob?.Arn?.split('/').at(-1) ?? '';
    const work = await until(
      'its process',
      () => liveWork(folder, 'job').find(({ id }) => id.includes(job.toLowerCase())),
      (one) => one !== undefined,
    );
    process.kill((work as LiveWork).pid, 'SIGKILL');
    return job;
  };
  await aws.call('sagemaker:CreatePipeline', {
    PipelineName: 'lost',
    RoleArn: ROLE,
    PipelineDefinition: JSON.stringify({ Version: '2020-12-01', Steps: [step] }),
  });
  const { PipelineExecutionArn: arn = '' } = await aws.call('sagemaker:StartPipelineExecution', { PipelineName: 'lost' });
  try {
    const first = await kill(1);
    const second = await kill(2);
    assert.notEqual(second, first);
    const failed = await until('the end', lostStep, (now) => now?.StepStatus === 'Failed');
    assert.equal(failed?.AttemptCount, 2);
    assert.match(failed?.FailureReason ?? '', /^InternalServerError: The process that minded the work vanished/);
  } finally {
    await server.end('SIGUSR2');
    rmSync(folder, { recursive: true, force: true });
  }
});
