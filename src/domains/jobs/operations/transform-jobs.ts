import type { CreateTransformJobRequest } from '../../../contract/generated/sagemaker.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { listQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import { checkTransformRequest } from '../decide-transform-request.ts';
import { pinTransformModel } from '../pin-transform-model.ts';
import type { JobsPorts } from '../ports.ts';
import { TRANSFORM_JOB, type TransformJobDocument, type TransformModel } from '../resources.ts';
import { describeTransformJob, summarizeTransformJob, TRANSFORM_KIND as KIND } from '../transform-kind.ts';
import { createJob, jobNeed, newRecord, requireJob, stopJob } from './job-operations.ts';

export function transformJobOperations(ports: JobsPorts): AnyOperation[] {
  return [createTransformJob(ports), describe(ports), listTransformJobs(ports), stopTransformJob(ports)];
}

const createTransformJob = (ports: JobsPorts) =>
  operation('sagemaker:CreateTransformJob', {
    effect: 'change',
    // the role is the model's: whoever made the model passed it
    needs: ({ TransformJobName }, context) => [jobNeed(KIND, 'sagemaker:CreateTransformJob', TransformJobName, context)],
    async handle(input, context) {
      refuse(checkTransformRequest(input));
      const document = newTransformJob(input, await pinTransformModel(ports, context, input.ModelName), context);
      await createJob(KIND, ports, document, input.Tags, context);
      return { TransformJobArn: document.arn };
    },
  });

function newTransformJob(
  { Tags: _tags, ...request }: CreateTransformJobRequest,
  model: TransformModel,
  context: OperationContext,
): TransformJobDocument {
  return {
    ...newRecord(KIND, request.TransformJobName, context),
    request,
    model,
  };
}

const describe = (ports: JobsPorts) =>
  operation('sagemaker:DescribeTransformJob', {
    effect: 'read',
    needs: ({ TransformJobName }, context) => [jobNeed(KIND, 'sagemaker:DescribeTransformJob', TransformJobName, context)],
    async handle({ TransformJobName }, context) {
      return describeTransformJob((await requireJob(KIND, ports, TransformJobName, context)).document);
    },
  });

const listTransformJobs = (ports: JobsPorts) =>
  operation('sagemaker:ListTransformJobs', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListTransformJobs', resources: ['*'] }],
    async handle(input, context) {
      const { rows, next } = await listRows<TransformJobDocument>(ports.store, listQuery(TRANSFORM_JOB.kind, context, input));
      return {
        TransformJobSummaries: rows.map(({ document }) => summarizeTransformJob(document)),
        NextToken: encodePageToken(next),
      };
    },
  });

const stopTransformJob = (ports: JobsPorts) =>
  operation('sagemaker:StopTransformJob', {
    effect: 'change',
    needs: ({ TransformJobName }, context) => [jobNeed(KIND, 'sagemaker:StopTransformJob', TransformJobName, context)],
    async handle({ TransformJobName }, context) {
      await stopJob(KIND, ports, TransformJobName, context);
      return {};
    },
  });
