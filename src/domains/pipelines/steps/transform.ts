import { jobStep } from './job.ts';

export const transformStep = jobStep({
  create: 'sagemaker:CreateTransformJob',
  describe: 'sagemaker:DescribeTransformJob',
  stop: 'sagemaker:StopTransformJob',
  nameMember: 'TransformJobName',
  arnMember: 'TransformJobArn',
  statusMember: 'TransformJobStatus',
  arnType: 'transform-job',
  noun: 'transform job',
  stateChange: 'SageMaker Transform Job State Change',
  metadata: (Arn) => ({ TransformJob: { Arn } }),
});
