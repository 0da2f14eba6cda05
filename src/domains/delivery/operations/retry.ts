import type { PipelineDeclaration } from '../../../contract/generated/codepipeline.ts';
import type { ErrorCode } from '../../../platform/errors/catalogue.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { operation } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { retried } from '../decide-execution.ts';
import { reenter, stageLine } from '../decide-line.ts';
import { uuidOf } from '../names.ts';
import type { DeliveryPorts } from '../ports.ts';
import {
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionKey,
  executionWrite,
  incarnationOf,
  type LineDocument,
  pipelineArn,
  type PipelineDocument,
  stageArn,
} from '../resources.ts';
import { readLine, readPipeline } from '../rows.ts';
import { lineParts, merged, rollbackOf } from '../start-execution.ts';
import { changeEvent } from '../transitions.ts';
import { findExecution } from './executions.ts';

export function checkStage({ declaration, name }: PipelineDocument, stage: string): void {
  if (declaration.stages.some((one) => one.name === stage)) return;
  throw new ServiceError('StageNotFoundException', `Pipeline '${name}' does not have a stage with name '${stage}'`, {}, 'absent');
}

export const retryStageExecution = (ports: DeliveryPorts) =>
  operation('codepipeline:RetryStageExecution', {
    effect: 'change',
    needs: ({ pipelineName, stageName }, context) => [
      {
        action: 'codepipeline:RetryStageExecution',
        resources: [stageArn(pipelineArn(context, pipelineName), stageName)],
      },
    ],
    handle: ({ pipelineName, stageName, pipelineExecutionId, retryMode }, context) =>
      decideAndCommit(ports.store, async (count) => {
        const { pipeline, execution } = await findExecution(ports.store, context, pipelineName, pipelineExecutionId);
        checkStage(pipeline.document, stageName);
        const { key, document } = execution;
        const result = { pipelineExecutionId };
        if (count > 0 && isRetriedBy(document, stageName, context.nowMs)) return { result };
        const line = await readLine(ports.store, context, incarnationOf(pipeline.document));
        const lineAfter = checkRetry(pipeline.document, line.document, document, stageName);
        const after: ExecutionDocument = {
          ...retried(document, stageName, retryMode, 'ManualStageRetry'),
          ...(context.principal.sessionPolicy && { restricted: true }),
          modifiedAtMs: context.nowMs,
        };
        const { declaration } = pipeline.document;
        const changes = [
          { of: 'pipeline', state: 'RESUMED' },
          { of: 'stage', stage: stageName, state: 'RESUMED' },
        ] as const;
        const parts = merged(lineAfter === line.document ? {} : lineParts(line, lineAfter, context.nowMs), {
          expect: [pipeline, execution].map((read) => ({ key: read.key, version: read.version })),
          write: [executionWrite(key, after)],
          timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: context.nowMs }],
          events: changes.map((change) => changeEvent(context, after, declaration, change, context.nowMs)),
          ledger: [
            entryOf(context, context.operation, [stageArn(document.pipelineArn, stageName)], {
              executionId: [null, pipelineExecutionId],
              status: [document.status, after.status],
              retryMode: [null, retryMode],
            }),
          ],
        });
        return { commit: parts, result };
      }),
  });

const isRetriedBy = ({ stages, modifiedAtMs, status }: ExecutionDocument, stage: string, nowMs: number): boolean =>
  status === 'InProgress' &&
  modifiedAtMs === nowMs &&
  stages.some((record) => record.name === stage && record.latestRetryTrigger === 'ManualStageRetry');

/** The line with the stage taken for the execution again; throws what keeps it from being retried. */
function checkRetry(pipeline: PipelineDocument, line: LineDocument, execution: ExecutionDocument, stage: string): LineDocument {
  const { executionId, version, mode, stages } = execution;
  const record = stages.find(({ name }) => name === stage);
  const isThere = pipeline.declaration.stages[execution.stage]?.name === stage && execution.place === 'inside';
  if (!record || !isThere || (execution.status !== 'Failed' && execution.status !== 'Stopped') || record.status === 'Succeeded') {
    throw notRetryable(
      'StageNotRetryableException',
      `Stage ${stage} of execution ${executionId} cannot be retried: only a stage that failed or was stopped can, and it is in status ${record?.status ?? 'not started'}`,
    );
  }
  if (version !== pipeline.version) {
    throw notRetryable(
      'StageNotRetryableException',
      `Stage ${stage} of execution ${executionId} cannot be retried: the pipeline was changed since (it ran version ${version}, now it is ${pipeline.version})`,
    );
  }
  if (mode === 'PARALLEL') return line;
  const after = reenter(line, stage, executionId);
  if (after) return after;
  throw notRetryable(
    'NotLatestPipelineExecutionException',
    `Stage ${stage} of execution ${executionId} cannot be retried: execution ${stageLine(line, stage).latest} was in the stage after it`,
  );
}

const notRetryable = (code: ErrorCode, message: string): ServiceError => new ServiceError(code, `${message}.`);

export const rollbackStage = (ports: DeliveryPorts) =>
  operation('codepipeline:RollbackStage', {
    effect: 'change',
    needs: ({ pipelineName, stageName }, context) => [
      { action: 'codepipeline:RollbackStage', resources: [stageArn(pipelineArn(context, pipelineName), stageName)] },
    ],
    handle: ({ pipelineName, stageName, targetPipelineExecutionId }, context) =>
      decideAndCommit(ports.store, async () => {
        const pipeline = await readPipeline(ports.store, context, pipelineName);
        checkStage(pipeline.document, stageName);
        const { execution: target } = await findExecution(ports.store, context, pipelineName, targetPipelineExecutionId);
        const incarnation = incarnationOf(pipeline.document);
        const executionId = uuidOf('rollback', incarnation, context.requestId);
        const result = { pipelineExecutionId: executionId };
        if (await readRow(ports.store, executionKey(context, incarnation, executionId))) return { result };
        const line = await readLine(ports.store, context, incarnation);
        checkRollback(pipeline.document, line.document, target.document, stageName);
        const trigger = { type: 'ManualRollback' as const, detail: context.principal.arn };
        const restricted = context.principal.sessionPolicy !== undefined;
        const request = { executionId, stage: stageName, trigger, restricted };
        const rollback = rollbackOf(target, pipeline.document.declaration, line.document, request, context.nowMs);
        const entry = entryOf(context, context.operation, [stageArn(pipeline.document.arn, stageName)], {
          executionId: [null, executionId],
          targetPipelineExecutionId: [null, targetPipelineExecutionId],
        });
        return {
          result,
          commit: merged(rollback.parts, lineParts(line, rollback.line, context.nowMs), {
            expect: [{ key: pipeline.key, version: pipeline.version }],
            ledger: [entry],
          }),
        };
      }),
  });

function checkRollback(
  { declaration, version }: PipelineDocument,
  line: LineDocument,
  target: ExecutionDocument,
  stage: string,
): void {
  const { holder } = stageLine(line, stage);
  const reason = holder === undefined ? unable(declaration, version, target, stage) : `execution ${holder} is in the stage`;
  if (reason === undefined) return;
  throw new ServiceError(
    'UnableToRollbackStageException',
    `Unable to roll back stage ${stage} to execution ${target.executionId}: ${reason}.`,
  );
}

function unable(declaration: PipelineDeclaration, version: number, target: ExecutionDocument, stage: string): string | undefined {
  if (declaration.pipelineType !== 'V2') return 'only pipelines of type V2 can roll back';
  if (declaration.executionMode === 'PARALLEL') return 'executions in PARALLEL mode cannot be rolled back';
  if (declaration.stages[0]?.name === stage) return 'a source stage cannot be rolled back';
  if (target.version !== version)
    return `the pipeline was changed since (it ran version ${target.version}, now it is ${version})`;
  if (target.type === 'ROLLBACK') return 'it is itself a rollback';
  const status = target.stages.find(({ name }) => name === stage)?.status;
  return status === 'Succeeded' ? undefined : `it did not succeed in the stage (${status ?? 'it never came there'})`;
}
