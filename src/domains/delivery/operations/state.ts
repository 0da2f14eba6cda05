import type { ActionState, StageDeclaration, StageExecution, StageState } from '../../../contract/generated/codepipeline.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { stageLine } from '../decide-line.ts';
import type { DeliveryPorts } from '../ports.ts';
import {
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionKey,
  incarnationOf,
  isUnsettled,
  type LineDocument,
  pipelineArn,
  type PipelineDocument,
  stageArn,
} from '../resources.ts';
import { readLine, readPipeline } from '../rows.ts';
import { lineParts, merged } from '../start-execution.ts';
import { executionsOf } from './read-executions.ts';
import { checkStage } from './retry.ts';

const PARALLEL_MAX = 50;

export const getPipelineState = ({ store }: DeliveryPorts) =>
  operation('codepipeline:GetPipelineState', {
    effect: 'read',
    needs: ({ name }, context) => [{ action: 'codepipeline:GetPipelineState', resources: [pipelineArn(context, name)] }],
    async handle({ name }, context) {
      const { document } = await readPipeline(store, context, name);
      const line = (await readLine(store, context, incarnationOf(document))).document;
      const newest = await parallelOf(store, context, document);
      const known = new Map(newest.map((execution) => [execution.executionId, execution]));
      const stageStates = [];
      for (const [index, stage] of document.declaration.stages.entries()) {
        stageStates.push(await stageState(store, context, document, line, stage, index, known));
      }
      return {
        pipelineName: name,
        pipelineVersion: document.version,
        stageStates,
        created: document.createdAtMs,
        updated: document.updatedAtMs,
      };
    },
  });

/**
 * Those in mode PARALLEL, whom no line knows: all that run, also from before the pipeline's mode was changed, and of the others the newest
 * while it is PARALLEL.
 */
async function parallelOf(store: Store, context: OperationContext, pipeline: PipelineDocument): Promise<ExecutionDocument[]> {
  const running = await executionsOf(store, context, pipeline, PARALLEL_MAX, { unsettled: true });
  const isParallel = pipeline.declaration.executionMode === 'PARALLEL';
  const newest = isParallel ? await executionsOf(store, context, pipeline, PARALLEL_MAX) : { rows: [] };
  return [...running.rows, ...newest.rows].map(({ document }) => document).filter(({ mode }) => mode === 'PARALLEL');
}

async function stageState(
  store: Pick<Store, 'get'>,
  context: OperationContext,
  pipeline: PipelineDocument,
  line: LineDocument,
  stage: StageDeclaration,
  index: number,
  known: Map<string, ExecutionDocument>,
): Promise<StageState> {
  const read = async (id: string): Promise<ExecutionDocument | undefined> => {
    const found =
      known.get(id) ?? (await readRow<ExecutionDocument>(store, executionKey(context, incarnationOf(pipeline), id)))?.document;
    if (found) known.set(id, found);
    return found;
  };
  const { latest, waiting } = stageLine(line, stage.name);
  const parallel = [...known.values()].filter(({ mode }) => mode === 'PARALLEL');
  const inLine = latest === undefined ? undefined : await read(latest);
  const inStage = newestIn(inLine ? [...parallel, inLine] : parallel, stage.name);
  const inbound = [
    ...(await Promise.all(waiting.map(({ executionId }) => read(executionId)))).flatMap((one) => one ?? []),
    ...parallel.filter((one) => isUnsettled(one) && one.place === 'waiting' && one.stage === index),
  ].map(inboundOf);
  const record = inStage?.stages.find(({ name }) => name === stage.name);
  const retries = record && (record.autoRetries > 0 || record.manualRetries > 0) ? record : undefined;
  return {
    stageName: stage.name,
    ...(inbound[0] && { inboundExecution: inbound[0] }),
    inboundExecutions: inbound,
    inboundTransitionState: transitionOf(line, stage.name),
    actionStates: stage.actions.map(({ name }) => actionState(name, stage.name, inStage)),
    ...(inStage &&
      record?.status && {
        latestExecution: { pipelineExecutionId: inStage.executionId, status: record.status, type: inStage.type },
      }),
    ...(retries && {
      retryStageMetadata: {
        ...(retries.autoRetries > 0 && { autoStageRetryAttempt: retries.autoRetries }),
        ...(retries.manualRetries > 0 && { manualStageRetryAttempt: retries.manualRetries }),
        latestRetryTrigger: retries.latestRetryTrigger,
      },
    }),
  };
}

/** The newest that is in the stage now, so that requests for approval come up one after the other; else the newest that was. */
function newestIn(executions: readonly ExecutionDocument[], stage: string): ExecutionDocument | undefined {
  const statusIn = ({ stages }: ExecutionDocument) => stages.find(({ name }) => name === stage)?.status;
  const there = executions.filter(({ stages }) => stages.some(({ name }) => name === stage)).sort((a, b) => b.number - a.number);
  return there.find((one) => statusIn(one) === 'InProgress') ?? there[0];
}

const inboundOf = ({ executionId, type, status }: ExecutionDocument): StageExecution => ({
  pipelineExecutionId: executionId,
  status: status === 'Stopping' ? 'Stopping' : 'InProgress',
  type,
});

function transitionOf({ transitions }: LineDocument, stage: string): StageState['inboundTransitionState'] {
  const stored = Object.hasOwn(transitions, stage) ? transitions[stage] : undefined;
  if (!stored) return { enabled: true };
  const { enabled, by, atMs, reason } = stored;
  return { enabled, lastChangedBy: by, lastChangedAt: atMs, ...(!enabled && reason !== undefined && { disabledReason: reason }) };
}

function actionState(actionName: string, stage: string, execution: ExecutionDocument | undefined): ActionState {
  const action = execution?.actions.find((one) => one.stage === stage && one.name === actionName);
  if (!action) return { actionName };
  const { revision, token, summary, externalExecutionId, externalExecutionUrl, error, percentComplete, updatedBy } = action;
  return {
    actionName,
    ...(revision && {
      currentRevision: {
        revisionId: revision.revisionId,
        revisionChangeId: revision.revisionId,
        created: revision.createdAtMs ?? action.startedAtMs,
      },
    }),
    latestExecution: {
      actionExecutionId: action.id,
      status: action.status,
      lastStatusChange: action.updatedAtMs,
      ...(summary !== undefined && { summary }),
      ...(token !== undefined && action.status === 'InProgress' && { token }),
      ...(updatedBy !== undefined && { lastUpdatedBy: updatedBy }),
      ...(externalExecutionId !== undefined && { externalExecutionId }),
      ...(externalExecutionUrl !== undefined && { externalExecutionUrl }),
      ...(percentComplete !== undefined && { percentComplete }),
      ...(error && { errorDetails: error }),
    },
  };
}

const changeTransition = (
  ports: DeliveryPorts,
  name: 'codepipeline:EnableStageTransition' | 'codepipeline:DisableStageTransition',
) =>
  operation(name, {
    effect: 'change',
    needs: ({ pipelineName, stageName }: { pipelineName: string; stageName: string }, context) => [
      { action: name, resources: [stageArn(pipelineArn(context, pipelineName), stageName)] },
    ],
    handle: (
      {
        pipelineName,
        stageName: named,
        ...given
      }: { pipelineName: string; stageName: string; transitionType: string; reason?: string },
      context,
    ) =>
      decideAndCommit(ports.store, async () => {
        const pipeline = await readPipeline(ports.store, context, pipelineName);
        const stageName = stageBehind(pipeline.document, named, given.transitionType);
        const incarnation = incarnationOf(pipeline.document);
        const line = await readLine(ports.store, context, incarnation);
        const enabled = name === 'codepipeline:EnableStageTransition';
        const { transitions } = line.document;
        const before = Object.hasOwn(transitions, stageName) ? transitions[stageName] : undefined;
        const reason = 'reason' in given ? given.reason : undefined;
        const after = { enabled, by: context.principal.arn, atMs: context.nowMs, ...(reason !== undefined && { reason }) };
        const waiting = enabled ? await waitingBefore(ports.store, context, pipeline.document, line.document, stageName) : [];
        return {
          result: {},
          commit: merged(
            lineParts(line, { ...line.document, transitions: { ...transitions, [stageName]: after } }, context.nowMs),
            {
              expect: [{ key: pipeline.key, version: pipeline.version }],
              timers: waiting.map((id) => ({
                reconciler: EXECUTION_RECONCILER,
                key: executionKey(context, incarnation, id),
                dueAtMs: context.nowMs,
              })),
              ledger: [
                entryOf(context, name, [stageArn(pipeline.document.arn, stageName)], {
                  transition: [before?.enabled ?? true, enabled],
                  ...(reason !== undefined && { reason: [null, reason] }),
                }),
              ],
            },
          ),
        };
      }),
  });

/** The stage whose entry is meant: what leaves a stage enters the next. */
function stageBehind(pipeline: PipelineDocument, named: string, transitionType: string): string {
  checkStage(pipeline, named);
  if (transitionType === 'Inbound') return named;
  const { stages } = pipeline.declaration;
  const next = stages[stages.findIndex(({ name }) => name === named) + 1];
  if (next) return next.name;
  throw new ServiceError('ValidationException', `Nothing follows the stage ${named}: it has no outbound transition.`);
}

/** Who stands before the stage and may go on; of parallel ones all that stand before any. */
async function waitingBefore(
  store: Store,
  context: OperationContext,
  pipeline: PipelineDocument,
  line: LineDocument,
  stage: string,
): Promise<string[]> {
  const first = stageLine(line, stage).waiting.slice(0, 1);
  const running = await executionsOf(store, context, pipeline, PARALLEL_MAX, { unsettled: true });
  const parallel = running.rows
    .map(({ document }) => document)
    .filter(({ mode, place }) => mode === 'PARALLEL' && place === 'waiting');
  return [...first, ...parallel].map(({ executionId }) => executionId);
}

export const enableStageTransition = (ports: DeliveryPorts) => changeTransition(ports, 'codepipeline:EnableStageTransition');
export const disableStageTransition = (ports: DeliveryPorts) => changeTransition(ports, 'codepipeline:DisableStageTransition');
