import { jobStep } from './job.ts';

export const trainingStep = jobStep({
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
});
