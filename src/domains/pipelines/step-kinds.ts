import type { OperationName } from '../../contract/operations.ts';
import type { PipelineExecutionStepMetadata } from '../../contract/generated/sagemaker.ts';
import type { StepType } from '../../../sdk/definition/index.ts';

/** How a step becomes a job: which operations, and where its name, ARN and status stand. */
export interface JobKind {
  readonly create: OperationName;
  readonly describe: OperationName;
  readonly stop: OperationName;
  readonly nameMember: string;
  readonly arnMember: string;
  readonly statusMember: string;
  /** `training-job` in its ARN. */
  readonly arnType: string;
  readonly noun: string;
  readonly stateChange: string;
  metadata(arn: string): PipelineExecutionStepMetadata;
}

export const JOB_KINDS: { readonly [T in StepType]?: JobKind } = {
  Processing: {
    create: 'sagemaker:CreateProcessingJob',
    describe: 'sagemaker:DescribeProcessingJob',
    stop: 'sagemaker:StopProcessingJob',
    nameMember: 'ProcessingJobName',
    arnMember: 'ProcessingJobArn',
    statusMember: 'ProcessingJobStatus',
    arnType: 'processing-job',
    noun: 'processing job',
    stateChange: 'SageMaker Processing Job State Change',
    metadata: (Arn) => ({ ProcessingJob: { Arn } }),
  },
  Training: {
    create: 'sagemaker:CreateTrainingJob',
    describe: 'sagemaker:DescribeTrainingJob',
    stop: 'sagemaker:StopTrainingJob',
    nameMember: 'TrainingJobName',
    arnMember: 'TrainingJobArn',
    statusMember: 'TrainingJobStatus',
    arnType: 'training-job',
    noun: 'training job',
    stateChange: 'SageMaker Training Job State Change',
    metadata: (Arn) => ({ TrainingJob: { Arn } }),
  },
};

/** The member of a step's arguments that would name what it makes. */
export const NAME_MEMBERS: { readonly [T in StepType]?: string } = {
  Processing: 'ProcessingJobName',
  Training: 'TrainingJobName',
  Model: 'ModelName',
};
