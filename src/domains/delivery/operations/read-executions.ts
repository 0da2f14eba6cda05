import type {
  ActionExecutionDetail,
  ListActionExecutionsInput,
  PipelineExecutionSummary,
  SourceRevision,
} from '../../../contract/generated/codepipeline.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import type { Store } from '../../../platform/store/port.ts';
import { listRows, type Read } from '../../../platform/store/typed-rows.ts';
import type { DeliveryPorts } from '../ports.ts';
import {
  type ActionRecord,
  type ArtifactRecord,
  EXECUTION_KIND,
  type ExecutionDocument,
  incarnationOf,
  pipelineArn,
  type PipelineDocument,
} from '../resources.ts';
import { declarationOf, readPipeline, readStructure } from '../rows.ts';
import { findExecution } from './executions.ts';
import { checkStage } from './retry.ts';

const PAGE = 100;

export const getPipelineExecution = ({ store }: DeliveryPorts) =>
  operation('codepipeline:GetPipelineExecution', {
    effect: 'read',
    needs: ({ pipelineName }, context) => [
      { action: 'codepipeline:GetPipelineExecution', resources: [pipelineArn(context, pipelineName)] },
    ],
    async handle({ pipelineName, pipelineExecutionId }, context) {
      const { document } = (await findExecution(store, context, pipelineName, pipelineExecutionId)).execution;
      return {
        pipelineExecution: {
          ...commonOf(document),
          pipelineName,
          pipelineVersion: document.version,
          artifactRevisions: revisionsOf(document).map(({ revision, action }) => ({
            name: revision.name,
            revisionId: revision.revisionId,
            revisionSummary: revision.revisionSummary,
            revisionUrl: revision.revisionUrl,
            created: revision.createdAtMs ?? action.startedAtMs,
          })),
          ...(document.variables.length > 0 && {
            variables: document.variables.map(({ name, value }) => ({ name, resolvedValue: value })),
          }),
        },
      };
    },
  });

const commonOf = (document: ExecutionDocument) => ({
  pipelineExecutionId: document.executionId,
  status: document.status,
  ...(document.statusSummary !== undefined && { statusSummary: document.statusSummary }),
  trigger: { triggerType: document.trigger.type, triggerDetail: document.trigger.detail },
  executionMode: document.mode,
  executionType: document.type,
  ...(document.rollbackTarget !== undefined && {
    rollbackMetadata: { rollbackTargetPipelineExecutionId: document.rollbackTarget },
  }),
});

const revisionsOf = ({ inherited, actions }: ExecutionDocument) =>
  [...inherited, ...actions].flatMap((action) => (action.revision ? [{ action, revision: action.revision }] : []));

export const listPipelineExecutions = ({ store }: DeliveryPorts) =>
  operation('codepipeline:ListPipelineExecutions', {
    effect: 'read',
    needs: ({ pipelineName }, context) => [
      { action: 'codepipeline:ListPipelineExecutions', resources: [pipelineArn(context, pipelineName)] },
    ],
    async handle({ pipelineName, maxResults, nextToken, filter }, context) {
      const { document: pipeline } = await readPipeline(store, context, pipelineName);
      const stage = filter?.succeededInStage?.stageName;
      if (stage !== undefined) checkStage(pipeline, stage);
      const page = await executionsOf(store, context, pipeline, maxResults ?? PAGE, { nextToken });
      const rows = page.rows.filter(
        ({ document: { stages } }) =>
          stage === undefined || stages.some(({ name, status }) => name === stage && status === 'Succeeded'),
      );
      return {
        pipelineExecutionSummaries: rows.map(({ document }) => summaryOf(document)),
        ...(page.next && { nextToken: encodePageToken(page.next) }),
      };
    },
  });

/** Newest first; with `unsettled` only those that have not ended. */
export const executionsOf = (
  store: Pick<Store, 'list'>,
  context: Pick<OperationContext, 'account' | 'region'>,
  pipeline: PipelineDocument,
  limit: number,
  { nextToken, unsettled }: { readonly nextToken?: string; readonly unsettled?: true } = {},
) =>
  listRows<ExecutionDocument>(store, {
    ...placeOf(context),
    kind: EXECUTION_KIND,
    parent: incarnationOf(pipeline),
    ...(unsettled && { facet: 'unsettled' }),
    sortBy: 'ordinal',
    order: 'descending',
    after: decodePageToken(nextToken, 'InvalidNextTokenException'),
    limit,
  });

const summaryOf = (document: ExecutionDocument): PipelineExecutionSummary => ({
  ...commonOf(document),
  startTime: document.createdAtMs,
  lastUpdateTime: document.modifiedAtMs,
  sourceRevisions: revisionsOf(document).map(
    ({ action, revision }): SourceRevision => ({
      actionName: action.name,
      revisionId: revision.revisionId,
      ...(revision.revisionSummary !== undefined && { revisionSummary: revision.revisionSummary }),
      ...(revision.revisionUrl !== undefined && { revisionUrl: revision.revisionUrl }),
    }),
  ),
  ...(document.stop && { stopTrigger: { reason: document.stop.reason } }),
});

export const listActionExecutions = ({ store }: DeliveryPorts) =>
  operation('codepipeline:ListActionExecutions', {
    effect: 'read',
    needs: ({ pipelineName }, context) => [
      { action: 'codepipeline:ListActionExecutions', resources: [pipelineArn(context, pipelineName)] },
    ],
    async handle(input, context) {
      const { executions, skip, next } = await executionsToShow(store, input, context);
      const limit = input.maxResults ?? PAGE;
      const details: ActionExecutionDetail[] = [];
      for (const execution of executions) details.push(...(await detailsOf(store, execution)));
      const shown = details.slice(skip, skip + limit);
      const more = details.length > skip + limit ? encodePageToken({ sort: skip + limit, name: firstId(executions) }) : next;
      return { actionExecutionDetails: shown, ...(more !== undefined && { nextToken: more }) };
    },
  });

const firstId = (executions: readonly Read<ExecutionDocument>[]): string => executions[0]?.document.executionId ?? '';

interface Shown {
  readonly executions: readonly Read<ExecutionDocument>[];
  /** Actions of the first of them that a page before has shown. */
  readonly skip: number;
  readonly next?: string;
}

/** One execution a page where all are asked for: its actions may fill several. */
async function executionsToShow(store: Store, input: ListActionExecutionsInput, context: OperationContext): Promise<Shown> {
  const { pipelineName, filter, nextToken } = input;
  const one = filter?.pipelineExecutionId ?? filter?.latestInPipelineExecution?.pipelineExecutionId;
  const cursor = decodePageToken(nextToken, 'InvalidNextTokenException');
  if (one !== undefined) {
    const { execution } = await findExecution(store, context, pipelineName, one);
    return { executions: [execution], skip: cursor && typeof cursor.sort === 'number' ? cursor.sort : 0 };
  }
  const { document: pipeline } = await readPipeline(store, context, pipelineName);
  if (cursor && /^[0-9a-f-]{36}$/.test(cursor.name)) {
    const { execution } = await findExecution(store, context, pipelineName, cursor.name);
    const behind = encodePageToken({ sort: execution.document.number, name: execution.key.name });
    return { executions: [execution], skip: Number(cursor.sort), next: behind };
  }
  const page = await executionsOf(store, context, pipeline, 1, { nextToken });
  return { executions: page.rows, skip: 0, ...(page.next && { next: encodePageToken(page.next) ?? '' }) };
}

/** Newest first, attempts that were repeated among them. */
async function detailsOf(store: Store, { key, document }: Read<ExecutionDocument>): Promise<ActionExecutionDetail[]> {
  const structure = await readStructure(store, key, document.version);
  if (!structure)
    throw new ServiceError('PipelineExecutionNotFoundException', `The execution ${document.executionId} is being removed.`);
  const actions = [...document.earlier, ...document.actions].reverse().sort((a, b) => b.startedAtMs - a.startedAtMs);
  return actions.map((action) => {
    const declared = declarationOf(structure, action);
    return {
      pipelineExecutionId: document.executionId,
      actionExecutionId: action.id,
      pipelineVersion: document.version,
      stageName: action.stage,
      actionName: action.name,
      startTime: action.startedAtMs,
      lastUpdateTime: action.updatedAtMs,
      ...(action.updatedBy !== undefined && { updatedBy: action.updatedBy }),
      status: action.status,
      input: {
        actionTypeId: declared?.actionTypeId,
        configuration: declared?.configuration ?? {},
        resolvedConfiguration: action.configuration ?? {},
        roleArn: declared?.roleArn,
        region: key.region,
        inputArtifacts: (action.inputs ?? []).map(artifactOf),
        namespace: declared?.namespace,
      },
      output: outputOf(action),
    };
  });
}

const artifactOf = ({ name, bucket, key }: ArtifactRecord) => ({ name, s3location: { bucket, key } });

function outputOf(action: ActionRecord): ActionExecutionDetail['output'] {
  const { status, outputs = [], externalExecutionId, externalExecutionUrl, summary, error, outputVariables } = action;
  return {
    outputArtifacts: status === 'Succeeded' ? outputs.map(artifactOf) : [],
    executionResult: {
      ...(externalExecutionId !== undefined && { externalExecutionId }),
      ...(summary !== undefined && { externalExecutionSummary: summary }),
      ...(externalExecutionUrl !== undefined && { externalExecutionUrl }),
      ...(error && { errorDetails: error }),
    },
    outputVariables: outputVariables ?? {},
  };
}
