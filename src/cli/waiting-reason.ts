import { callJson } from './client.ts';
import type { Connection } from './connection.ts';
import type { StepSummary } from './execution-watch.ts';

/** Why a step's job has not started yet, in the server's words; undefined when it has, or when there is no job. */
export async function waitingReasonOf(connection: Connection, step: StepSummary): Promise<string | undefined> {
  const { TrainingJob, ProcessingJob } = step.Metadata ?? {};
  if (step.EndTime) return undefined;
  if (TrainingJob?.Arn) {
    const job = await callJson(connection, 'sagemaker:DescribeTrainingJob', { TrainingJobName: nameOf(TrainingJob.Arn) });
    return job.TrainingStartTime ? undefined : job.SecondaryStatusTransitions?.at(-1)?.StatusMessage;
  }
  if (ProcessingJob?.Arn) {
    const job = await callJson(connection, 'sagemaker:DescribeProcessingJob', { ProcessingJobName: nameOf(ProcessingJob.Arn) });
    return job.ProcessingStartTime ? undefined : job.ExitMessage;
  }
  return undefined;
}

const nameOf = (arn: string): string => arn.split('/').at(-1) ?? '';
