import type {
  DebugRuleConfiguration,
  DebugRuleEvaluationStatus,
  DescribeProcessingJobResponse,
  DescribeTrainingJobResponse,
  ProcessingJobSummary,
  TrainingJobSummary,
} from '../../contract/generated/sagemaker.ts';
import { artifactUris, trainingRuntimeSeconds } from './plan-training.ts';
import { processingRuntimeSeconds } from './plan-processing.ts';
import type { ProcessingJobDocument, TrainingJobDocument } from './resources.ts';

/** The describe documents: property paths of pipelines are paths over them. Pure. */

export function describeTrainingJob(job: TrainingJobDocument): DescribeTrainingJobResponse {
  const { request, startedAtMs, endedAtMs } = job;
  const seconds =
    startedAtMs !== undefined && endedAtMs !== undefined ? Math.max(1, Math.round((endedAtMs - startedAtMs) / 1000)) : undefined;
  const { TrainingJobName: _name, OutputDataConfig, ResourceConfig, StoppingCondition, ...kept } = request;
  return {
    ...kept,
    TrainingJobName: job.name,
    TrainingJobArn: job.arn,
    ModelArtifacts: { S3ModelArtifacts: job.modelArtifacts ?? artifactUris(job).model },
    TrainingJobStatus: job.status,
    SecondaryStatus: job.secondaryStatus,
    ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
    HyperParameters: request.HyperParameters ?? {},
    OutputDataConfig: { KmsKeyId: '', CompressionType: 'GZIP', ...OutputDataConfig },
    ResourceConfig: ResourceConfig ?? {},
    StoppingCondition: { ...StoppingCondition, MaxRuntimeInSeconds: trainingRuntimeSeconds(request) },
    CreationTime: job.createdAtMs,
    LastModifiedTime: job.modifiedAtMs,
    ...(startedAtMs !== undefined && { TrainingStartTime: startedAtMs }),
    ...(endedAtMs !== undefined && { TrainingEndTime: endedAtMs }),
    SecondaryStatusTransitions: [...job.transitions],
    ...(job.metrics && job.metrics.length > 0 && { FinalMetricDataList: [...job.metrics] }),
    EnableNetworkIsolation: request.EnableNetworkIsolation ?? false,
    EnableInterContainerTrafficEncryption: request.EnableInterContainerTrafficEncryption ?? false,
    EnableManagedSpotTraining: request.EnableManagedSpotTraining ?? false,
    ...(seconds !== undefined && { TrainingTimeInSeconds: seconds, BillableTimeInSeconds: seconds }),
    ...(request.DebugRuleConfigurations && {
      DebugRuleEvaluationStatuses: request.DebugRuleConfigurations.map(unevaluated),
    }),
    ProfilingStatus: 'Disabled',
  };
}

/** Rules of the debugger run in images of their own, which are not here: said instead of passed over. */
const unevaluated = ({ RuleConfigurationName }: DebugRuleConfiguration): DebugRuleEvaluationStatus => ({
  RuleConfigurationName,
  RuleEvaluationStatus: 'Error',
  StatusDetails: 'Rules of SageMaker Debugger are not implemented yet: this one was not evaluated.',
});

export const summarizeTrainingJob = (job: TrainingJobDocument): TrainingJobSummary => ({
  TrainingJobName: job.name,
  TrainingJobArn: job.arn,
  CreationTime: job.createdAtMs,
  ...(job.endedAtMs !== undefined && { TrainingEndTime: job.endedAtMs }),
  LastModifiedTime: job.modifiedAtMs,
  TrainingJobStatus: job.status,
  SecondaryStatus: job.secondaryStatus,
});

/** What the job said at its end; before its start, why it waits: processing jobs have no other member for that. */
function exitMessageOf(job: ProcessingJobDocument): string | undefined {
  const isWaiting = job.status === 'InProgress' && job.startedAtMs === undefined;
  return job.exitMessage ?? (isWaiting ? job.waitingReason : undefined);
}

export function describeProcessingJob(job: ProcessingJobDocument): DescribeProcessingJobResponse {
  const { ProcessingJobName: _name, StoppingCondition: _stopping, ...kept } = job.request;
  const exitMessage = exitMessageOf(job);
  return {
    ...kept,
    ProcessingInputs: job.request.ProcessingInputs ?? [],
    ProcessingJobName: job.name,
    ProcessingJobArn: job.arn,
    ProcessingJobStatus: job.status,
    StoppingCondition: { MaxRuntimeInSeconds: processingRuntimeSeconds(job.request) },
    ...(exitMessage !== undefined && { ExitMessage: exitMessage }),
    ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
    ...(job.startedAtMs !== undefined && { ProcessingStartTime: job.startedAtMs }),
    ...(job.endedAtMs !== undefined && { ProcessingEndTime: job.endedAtMs }),
    CreationTime: job.createdAtMs,
    LastModifiedTime: job.modifiedAtMs,
  };
}

export const summarizeProcessingJob = (job: ProcessingJobDocument): ProcessingJobSummary => ({
  ProcessingJobName: job.name,
  ProcessingJobArn: job.arn,
  CreationTime: job.createdAtMs,
  ...(job.endedAtMs !== undefined && { ProcessingEndTime: job.endedAtMs }),
  LastModifiedTime: job.modifiedAtMs,
  ProcessingJobStatus: job.status,
  ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
  ...(job.exitMessage !== undefined && { ExitMessage: job.exitMessage }),
});
