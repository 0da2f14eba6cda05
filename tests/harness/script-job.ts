import { setTimeout as delay } from 'node:timers/promises';
import type { CreateProcessingJobRequest, DescribeProcessingJobResponse } from '../../src/contract/generated/sagemaker.ts';
import type { AwsClient } from './aws-client.ts';

export const ACCOUNT = '123456789012';
export const BUCKET = `sagemaker-us-east-1-${ACCOUNT}`;
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/SageMakerPipelineExecutionRole`;
const CODE_FOLDER = '/opt/ml/processing/code';

export interface ScriptOptions {
  readonly args?: readonly string[];
  readonly inputs?: CreateProcessingJobRequest['ProcessingInputs'];
  /** Output names; each is the folder of its name under /opt/ml/processing, written to `outputs/<job>/<name>`. */
  readonly outputs?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly maxRuntimeSeconds?: number;
  readonly instanceType?: 'ml.t3.medium' | 'ml.m5.large';
  readonly roleArn?: string;
}

/** Creates a processing job of the plain Python image that runs `script`. */
export async function startScript(aws: AwsClient, name: string, script: string, options: ScriptOptions = {}): Promise<void> {
  await aws.put(BUCKET, `scripts/${name}.py`, script);
  const outputs = (options.outputs ?? []).map((output) => ({
    OutputName: output,
    S3Output: {
      S3Uri: `s3://${BUCKET}/outputs/${name}/${output}`,
      LocalPath: `/opt/ml/processing/${output}`,
      S3UploadMode: 'EndOfJob' as const,
    },
  }));
  await aws.call('sagemaker:CreateProcessingJob', {
    ProcessingJobName: name,
    RoleArn: options.roleArn ?? ROLE,
    AppSpecification: {
      ImageUri: 'python:3.11',
      ContainerEntrypoint: ['python3', `${CODE_FOLDER}/${name}.py`],
      ...(options.args && { ContainerArguments: [...options.args] }),
    },
    ProcessingResources: {
      ClusterConfig: { InstanceCount: 1, InstanceType: options.instanceType ?? 'ml.m5.large', VolumeSizeInGB: 1 },
    },
    ProcessingInputs: [
      {
        InputName: 'code',
        S3Input: {
          S3Uri: `s3://${BUCKET}/scripts/${name}.py`,
          LocalPath: CODE_FOLDER,
          S3DataType: 'S3Prefix',
          S3InputMode: 'File',
        },
      },
      ...(options.inputs ?? []),
    ],
    ...(outputs.length > 0 && { ProcessingOutputConfig: { Outputs: outputs } }),
    ...(options.environment && { Environment: { ...options.environment } }),
    ...(options.maxRuntimeSeconds && { StoppingCondition: { MaxRuntimeInSeconds: options.maxRuntimeSeconds } }),
  });
}

/** Waits until the job has ended, however. */
export function endOfScript(aws: AwsClient, name: string): Promise<DescribeProcessingJobResponse> {
  return until(
    `the end of job ${name}`,
    () => aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: name }),
    ({ ProcessingJobStatus }) => !['InProgress', 'Stopping'].includes(ProcessingJobStatus ?? ''),
  );
}

/** Waits until the job's log has a line, and returns the log so far. */
export function lineOfScript(aws: AwsClient, name: string, line: string): Promise<string[]> {
  return until(
    `the line "${line}" of job ${name}`,
    () => logOfScript(aws, name),
    (lines) => lines.includes(line),
  );
}

/** Lines of a processing job's log, without our own. */
export async function logOfScript(aws: AwsClient, name: string): Promise<string[]> {
  const logGroupName = '/aws/sagemaker/ProcessingJobs';
  try {
    const { logStreams = [] } = await aws.call('logs:DescribeLogStreams', { logGroupName, logStreamNamePrefix: `${name}/` });
    const logStreamName = logStreams[0]?.logStreamName;
    if (logStreamName === undefined) return [];
    const { events = [] } = await aws.call('logs:GetLogEvents', { logGroupName, logStreamName, startFromHead: true });
    return events.map(({ message = '' }) => message).filter((line) => !line.startsWith('slipway: '));
  } catch (error) {
    if ((error as { code?: string }).code === 'ResourceNotFoundException') return []; // no job has written a log yet
    throw error;
  }
}

const LOOK_MS = 25;
const PATIENCE_MS = 120_000;

/** Looks until what is seen is what is waited for; fails when that takes too long. */
export async function until<T>(what: string, look: () => Promise<T> | T, reached: (seen: T) => boolean): Promise<T> {
  const latestMs = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (reached(seen)) return seen;
    if (Date.now() > latestMs) throw new Error(`Waited in vain for ${what}; last seen: ${JSON.stringify(seen)?.slice(0, 500)}`);
    await delay(LOOK_MS);
  }
}
