import { jobStep } from './job.ts';

export const processingStep = jobStep({
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
});
