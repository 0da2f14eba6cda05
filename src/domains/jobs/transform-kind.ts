import { containerBlobs } from '../../platform/serving/pinned-container.ts';
import type { DescribeTransformJobResponse, TransformJobSummary } from '../../contract/generated/sagemaker.ts';
import type { JobRecordKind } from './job-kind.ts';
import { transformWorks } from './plan-transform.ts';
import { isSettled, TRANSFORM_JOB, type TransformJobDocument } from './resources.ts';

export const TRANSFORM_KIND: JobRecordKind<TransformJobDocument> = {
  declaration: TRANSFORM_JOB,
  noun: 'TransformJob',
  words: 'transform job',
  reconciler: 'transform-job',
  eventType: 'SageMaker Transform Job State Change',
  describe: describeTransformJob,
  stopping: (job, atMs) => ({ ...job, status: 'Stopping', modifiedAtMs: atMs }),
  workIds: (job) => transformWorks(job).map(({ workId }) => workId),
  blobs: (job) => (isSettled(job.status) ? [] : transformBlobs(job)),
};

/** All that the works of an unsettled job are, or may be, started from. */
const transformBlobs = ({ model, files = [] }: TransformJobDocument): string[] => {
  return [...new Set([...model.containers.flatMap(containerBlobs), ...files.map(({ digest }) => digest)])];
};

export function describeTransformJob(job: TransformJobDocument): DescribeTransformJobResponse {
  const { request, startedAtMs, endedAtMs, failureReason } = job;
  const { TransformInput, TransformOutput } = request;
  return {
    ...request,
    TransformJobName: job.name,
    TransformJobArn: job.arn,
    TransformJobStatus: job.status,
    ...(failureReason !== undefined && { FailureReason: failureReason }),
    TransformInput: { CompressionType: 'None', SplitType: 'None', ...TransformInput },
    TransformOutput: { AssembleWith: 'None', KmsKeyId: '', ...TransformOutput },
    DataProcessing: { InputFilter: '$', OutputFilter: '$', JoinSource: 'None', ...request.DataProcessing },
    CreationTime: job.createdAtMs,
    ...(startedAtMs !== undefined && { TransformStartTime: startedAtMs }),
    ...(endedAtMs !== undefined && { TransformEndTime: endedAtMs }),
  };
}

export const summarizeTransformJob = (job: TransformJobDocument): TransformJobSummary => ({
  TransformJobName: job.name,
  TransformJobArn: job.arn,
  CreationTime: job.createdAtMs,
  ...(job.endedAtMs !== undefined && { TransformEndTime: job.endedAtMs }),
  LastModifiedTime: job.modifiedAtMs,
  TransformJobStatus: job.status,
  ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
});
