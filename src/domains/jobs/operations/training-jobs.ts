import type { CreateTrainingJobRequest } from '../../../contract/generated/sagemaker.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { listQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import { checkTrainingRequest } from '../decide-training-request.ts';
import { describeTrainingJob, summarizeTrainingJob } from '../describe-jobs.ts';
import type { JobsPorts } from '../ports.ts';
import { TRAINING_JOB, type TrainingJobDocument } from '../resources.ts';
import { TRAINING_KIND as KIND } from '../training-kind.ts';
import { withTransition } from '../transitions.ts';
import { createJob, createNeeds, deleteJob, jobNeed, newRecord, requireJob, stopJob } from './job-operations.ts';

export function trainingJobOperations(ports: JobsPorts): AnyOperation[] {
  return [createTrainingJob(ports), describe(ports), listTrainingJobs(ports), stopTrainingJob(ports), deleteTrainingJob(ports)];
}

const createTrainingJob = (ports: JobsPorts) =>
  operation('sagemaker:CreateTrainingJob', {
    effect: 'change',
    needs: (input, context) => createNeeds(KIND, ports, input.TrainingJobName, input.RoleArn, context),
    async handle(input, context) {
      refuse(checkTrainingRequest(input, ports.settings.sandbox));
      const document = newTrainingJob(input, context);
      await createJob(KIND, ports, document, input.Tags, context);
      return { TrainingJobArn: document.arn };
    },
  });

function newTrainingJob({ Tags: _tags, ...request }: CreateTrainingJobRequest, context: OperationContext): TrainingJobDocument {
  return {
    ...newRecord(KIND, request.TrainingJobName, context),
    request,
    secondaryStatus: 'Starting',
    transitions: withTransition([], 'Starting', context.nowMs, 'Starting the training job'),
  };
}

const describe = (ports: JobsPorts) =>
  operation('sagemaker:DescribeTrainingJob', {
    effect: 'read',
    needs: ({ TrainingJobName }, context) => [jobNeed(KIND, 'sagemaker:DescribeTrainingJob', TrainingJobName, context)],
    async handle({ TrainingJobName }, context) {
      return describeTrainingJob((await requireJob(KIND, ports, TrainingJobName, context)).document);
    },
  });

const listTrainingJobs = (ports: JobsPorts) =>
  operation('sagemaker:ListTrainingJobs', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListTrainingJobs', resources: ['*'] }],
    async handle(input, context) {
      // no job here has a warm pool or a training plan
      if (input.WarmPoolStatusEquals !== undefined || input.TrainingPlanArnEquals !== undefined)
        return { TrainingJobSummaries: [] };
      const { rows, next } = await listRows<TrainingJobDocument>(ports.store, listQuery(TRAINING_JOB.kind, context, input));
      return {
        TrainingJobSummaries: rows.map(({ document }) => summarizeTrainingJob(document)),
        NextToken: encodePageToken(next),
      };
    },
  });

const stopTrainingJob = (ports: JobsPorts) =>
  operation('sagemaker:StopTrainingJob', {
    effect: 'change',
    needs: ({ TrainingJobName }, context) => [jobNeed(KIND, 'sagemaker:StopTrainingJob', TrainingJobName, context)],
    async handle({ TrainingJobName }, context) {
      await stopJob(KIND, ports, TrainingJobName, context);
      return {};
    },
  });

const deleteTrainingJob = (ports: JobsPorts) =>
  operation('sagemaker:DeleteTrainingJob', {
    effect: 'change',
    needs: ({ TrainingJobName }, context) => [jobNeed(KIND, 'sagemaker:DeleteTrainingJob', TrainingJobName, context)],
    async handle({ TrainingJobName }, context) {
      await deleteJob(KIND, ports, TrainingJobName, context);
      return {};
    },
  });
