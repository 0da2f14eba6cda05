import type { CreateProcessingJobRequest } from '../../../contract/generated/sagemaker.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { listQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import { checkProcessingRequest } from '../decide-processing-request.ts';
import { describeProcessingJob, summarizeProcessingJob } from '../describe-jobs.ts';
import type { JobsPorts } from '../ports.ts';
import { PROCESSING_KIND as KIND } from '../processing-kind.ts';
import { PROCESSING_JOB, type ProcessingJobDocument } from '../resources.ts';
import { createJob, createNeeds, deleteJob, jobNeed, newRecord, requireJob, stopJob } from './job-operations.ts';

export function processingJobOperations(ports: JobsPorts): AnyOperation[] {
  return [
    createProcessingJob(ports),
    describe(ports),
    listProcessingJobs(ports),
    stopProcessingJob(ports),
    deleteProcessingJob(ports),
  ];
}

const createProcessingJob = (ports: JobsPorts) =>
  operation('sagemaker:CreateProcessingJob', {
    effect: 'change',
    needs: (input, context) => createNeeds(KIND, ports, input.ProcessingJobName, input.RoleArn, context),
    async handle(input, context) {
      refuse(checkProcessingRequest(input, ports.settings.sandbox));
      const document = newProcessingJob(input, context);
      await createJob(KIND, ports, document, input.Tags, context);
      return { ProcessingJobArn: document.arn };
    },
  });

function newProcessingJob(
  { Tags: _tags, ...request }: CreateProcessingJobRequest,
  context: OperationContext,
): ProcessingJobDocument {
  return {
    ...newRecord(KIND, request.ProcessingJobName, context),
    request,
  };
}

const describe = (ports: JobsPorts) =>
  operation('sagemaker:DescribeProcessingJob', {
    effect: 'read',
    needs: ({ ProcessingJobName }, context) => [jobNeed(KIND, 'sagemaker:DescribeProcessingJob', ProcessingJobName, context)],
    async handle({ ProcessingJobName }, context) {
      return describeProcessingJob((await requireJob(KIND, ports, ProcessingJobName, context)).document);
    },
  });

const listProcessingJobs = (ports: JobsPorts) =>
  operation('sagemaker:ListProcessingJobs', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListProcessingJobs', resources: ['*'] }],
    async handle(input, context) {
      const { rows, next } = await listRows<ProcessingJobDocument>(ports.store, listQuery(PROCESSING_JOB.kind, context, input));
      return {
        ProcessingJobSummaries: rows.map(({ document }) => summarizeProcessingJob(document)),
        NextToken: encodePageToken(next),
      };
    },
  });

const stopProcessingJob = (ports: JobsPorts) =>
  operation('sagemaker:StopProcessingJob', {
    effect: 'change',
    needs: ({ ProcessingJobName }, context) => [jobNeed(KIND, 'sagemaker:StopProcessingJob', ProcessingJobName, context)],
    async handle({ ProcessingJobName }, context) {
      await stopJob(KIND, ports, ProcessingJobName, context);
      return {};
    },
  });

const deleteProcessingJob = (ports: JobsPorts) =>
  operation('sagemaker:DeleteProcessingJob', {
    effect: 'change',
    needs: ({ ProcessingJobName }, context) => [jobNeed(KIND, 'sagemaker:DeleteProcessingJob', ProcessingJobName, context)],
    async handle({ ProcessingJobName }, context) {
      await deleteJob(KIND, ports, ProcessingJobName, context);
      return {};
    },
  });
