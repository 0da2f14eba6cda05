import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { pageQuery } from '../../../platform/resources/list-query.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import type { Store } from '../../../platform/store/port.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import type { Definitions } from '../definitions.ts';
import { executionOf, pipelineArn, readExecution, readPipeline } from '../names.ts';
import { type ExecutionDocument, incarnationOf, type StepDocument } from '../resources.ts';
import { aliasesLacking, PAGE_SIZE, parallelismOf } from './read-pipelines.ts';

export const describePipelineExecution = (store: Store) =>
  operation('sagemaker:DescribePipelineExecution', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'sagemaker:DescribePipelineExecution', resources: [executionOf(context, input.PipelineExecutionArn).arn] },
    ],
    async handle(input, context) {
      const { document } = await readExecution(store, context, input.PipelineExecutionArn);
      return {
        PipelineArn: document.pipelineArn,
        PipelineExecutionArn: document.arn,
        PipelineExecutionDisplayName: document.displayName,
        PipelineExecutionStatus: document.status,
        PipelineExecutionDescription: document.description,
        FailureReason: document.failureReason,
        CreationTime: document.createdAtMs,
        LastModifiedTime: document.modifiedAtMs,
        CreatedBy: document.createdBy,
        LastModifiedBy: document.modifiedBy,
        ParallelismConfiguration: parallelismOf(document),
        PipelineVersionId: document.versionId,
        RoleArn: document.roleArn,
        SelectiveExecutionConfig: document.selective && {
          SourcePipelineExecutionArn: document.selective.sourceArn,
          SelectedSteps: document.selective.steps.map((StepName) => ({ StepName })),
        },
      };
    },
  });

export const listPipelineExecutions = (store: Store) =>
  operation('sagemaker:ListPipelineExecutions', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'sagemaker:ListPipelineExecutions', resources: [pipelineArn(context, input.PipelineName)] },
    ],
    async handle(input, context) {
      if (input.PipelineVersionAlias !== undefined) throw aliasesLacking();
      const { document: pipeline } = await readPipeline(store, context, input.PipelineName);
      const { rows, next } = await listRows<ExecutionDocument>(store, {
        account: context.account,
        region: context.region,
        kind: 'PipelineExecution',
        parent: incarnationOf(pipeline),
        createdAfterMs: input.CreatedAfter,
        createdBeforeMs: input.CreatedBefore,
        sortBy: input.SortBy === 'PipelineExecutionArn' ? 'name' : 'created',
        ...pageQuery(input, PAGE_SIZE),
      });
      const PipelineExecutionSummaries = rows.map(({ document }) => ({
        PipelineExecutionArn: document.arn,
        StartTime: document.createdAtMs,
        PipelineExecutionStatus: document.status,
        PipelineExecutionDescription: document.description,
        PipelineExecutionDisplayName: document.displayName,
        PipelineExecutionFailureReason: document.failureReason,
      }));
      return { PipelineExecutionSummaries, NextToken: encodePageToken(next) };
    },
  });

/** Only steps that were started: what the branch not taken holds never becomes one. */
export const listPipelineExecutionSteps = (store: Store) =>
  operation('sagemaker:ListPipelineExecutionSteps', {
    effect: 'read',
    needs: ({ PipelineExecutionArn: arn }, context) => [
      { action: 'sagemaker:ListPipelineExecutionSteps', resources: arn === undefined ? ['*'] : [executionOf(context, arn).arn] },
    ],
    async handle(input, context) {
      if (input.PipelineExecutionArn === undefined) {
        throw new ServiceError('ValidationException', 'PipelineExecutionArn has to be given.');
      }
      const { key } = await readExecution(store, context, input.PipelineExecutionArn);
      const { rows, next } = await listRows<StepDocument>(store, {
        account: key.account,
        region: key.region,
        kind: 'PipelineExecutionStep',
        parent: key.name,
        sortBy: 'ordinal',
        ...pageQuery(input, PAGE_SIZE),
      });
      return { PipelineExecutionSteps: rows.map(({ document }) => summarize(document)), NextToken: encodePageToken(next) };
    },
  });

const summarize = (document: StepDocument) => ({
  StepName: document.stepName,
  StepDisplayName: document.displayName,
  StepDescription: document.description,
  StartTime: document.startedAtMs,
  EndTime: document.endedAtMs,
  StepStatus: document.status,
  FailureReason: document.failureReason,
  Metadata: document.metadata ?? {},
  AttemptCount: document.attemptCount,
  CacheHitResult: takenFrom(document, 'cache'),
  SelectiveExecutionResult: takenFrom(document, 'selection'),
});

const takenFrom = ({ takenFrom: from }: StepDocument, by: 'cache' | 'selection') =>
  from?.by === by ? { SourcePipelineExecutionArn: from.executionArn } : undefined;

export const listPipelineParametersForExecution = (store: Store) =>
  operation('sagemaker:ListPipelineParametersForExecution', {
    effect: 'read',
    needs: (input, context) => [
      {
        action: 'sagemaker:ListPipelineParametersForExecution',
        resources: [executionOf(context, input.PipelineExecutionArn).arn],
      },
    ],
    async handle(input, context) {
      const { document } = await readExecution(store, context, input.PipelineExecutionArn);
      const start = Number(decodePageToken(input.NextToken)?.sort ?? 0);
      const end = start + (input.MaxResults ?? PAGE_SIZE);
      const hasMore = end < document.parameters.length;
      return {
        PipelineParameters: document.parameters.slice(start, end),
        NextToken: encodePageToken(hasMore ? { sort: end, name: '' } : undefined),
      };
    },
  });

export const describePipelineDefinitionForExecution = (store: Store, definitions: Definitions) =>
  operation('sagemaker:DescribePipelineDefinitionForExecution', {
    effect: 'read',
    needs: (input, context) => [
      {
        action: 'sagemaker:DescribePipelineDefinitionForExecution',
        resources: [executionOf(context, input.PipelineExecutionArn).arn],
      },
    ],
    async handle(input, context) {
      const { document } = await readExecution(store, context, input.PipelineExecutionArn);
      const PipelineDefinition = await definitions.text(context, document.definitionDigest);
      return { PipelineDefinition, CreationTime: document.createdAtMs };
    },
  });
