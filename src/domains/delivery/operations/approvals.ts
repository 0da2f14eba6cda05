import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { stageLine } from '../decide-line.ts';
import type { DeliveryPorts } from '../ports.ts';
import {
  type ActionRecord,
  actionArn,
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionKey,
  executionWrite,
  incarnationOf,
  isOpen,
  pipelineArn,
  type PipelineDocument,
} from '../resources.ts';
import { readLine, readPipeline, readStructure } from '../rows.ts';
import { changeEvent } from '../transitions.ts';
import { executionsOf } from './read-executions.ts';
import { checkStage } from './retry.ts';

const PARALLEL_MAX = 50;

/** A person's decision. The answer's commit ends the action; the pipeline goes on from there. */
export const putApprovalResult = (ports: DeliveryPorts) =>
  operation('codepipeline:PutApprovalResult', {
    effect: 'change',
    needs: ({ pipelineName, stageName, actionName }, context) => [
      {
        action: 'codepipeline:PutApprovalResult',
        resources: [actionArn(pipelineArn(context, pipelineName), stageName, actionName)],
      },
    ],
    handle: ({ pipelineName, stageName, actionName, result: { status, summary }, token }, context) =>
      decideAndCommit(ports.store, async (count) => {
        const { document: pipeline } = await readPipeline(ports.store, context, pipelineName);
        const found = await findRequest(ports.store, context, pipeline, stageName, actionName, token);
        if (!found) {
          // an execution keeps to its structure: it may ask in a stage that the pipeline has no more
          checkAction(pipeline, stageName, actionName);
          throw new ServiceError(
            'InvalidApprovalTokenException',
            `The approval token ${token} is not that of an approval request of ${actionName}.`,
          );
        }
        const { execution, action } = found;
        const wanted = status === 'Approved' ? 'Succeeded' : 'Failed';
        const isOwn = action.updatedBy === context.principal.arn && action.updatedAtMs === context.nowMs;
        if (count > 0 && action.status === wanted && isOwn) return { result: { approvedAt: context.nowMs } };
        if (!isOpen(action, context.nowMs)) {
          throw new ServiceError(
            'ApprovalAlreadyCompletedException',
            `The approval action ${actionName} has already been ${action.status === 'Succeeded' ? 'approved' : 'rejected'} or has ended.`,
          );
        }
        const after = answered(action, wanted, summary, context);
        const document: ExecutionDocument = {
          ...execution.document,
          actions: execution.document.actions.map((one) => (one.id === action.id ? after : one)),
          modifiedAtMs: context.nowMs,
        };
        const change = { of: 'action', action: after } as const;
        const structure = await readStructure(ports.store, execution.key, document.version);
        return {
          result: { approvedAt: context.nowMs },
          commit: {
            expect: [{ key: execution.key, version: execution.version }],
            write: [executionWrite(execution.key, document)],
            timers: [{ reconciler: EXECUTION_RECONCILER, key: execution.key, dueAtMs: context.nowMs }],
            events: [changeEvent(context, document, structure ?? pipeline.declaration, change, context.nowMs)],
            ledger: [
              entryOf(context, context.operation, [actionArn(pipeline.arn, stageName, actionName)], {
                executionId: [null, document.executionId],
                result: ['InProgress', status],
                summary: [null, summary],
              }),
            ],
          },
        };
      }),
  });

function answered(
  action: ActionRecord,
  status: 'Succeeded' | 'Failed',
  summary: string,
  context: OperationContext,
): ActionRecord {
  return {
    ...action,
    status,
    summary,
    updatedBy: context.principal.arn,
    updatedAtMs: context.nowMs,
    ...(status === 'Failed' && { error: { code: 'JobFailed', message: `Rejected by ${context.principal.arn}: ${summary}` } }),
  };
}

export function checkAction(pipeline: PipelineDocument, stageName: string, actionName: string): void {
  checkStage(pipeline, stageName);
  const stage = pipeline.declaration.stages.find(({ name }) => name === stageName);
  if (stage?.actions.some(({ name }) => name === actionName)) return;
  const text = `Pipeline '${pipeline.name}' does not have an action with name '${actionName}' in stage '${stageName}'`;
  throw new ServiceError('ActionNotFoundException', text, {}, 'absent');
}

interface FoundRequest {
  readonly execution: Read<ExecutionDocument>;
  readonly action: ActionRecord;
}

/** The request that has the token: of the execution in the stage, or of any that run in parallel. */
async function findRequest(
  store: Store,
  context: OperationContext,
  pipeline: PipelineDocument,
  stage: string,
  actionName: string,
  token: string,
): Promise<FoundRequest | undefined> {
  const incarnation = incarnationOf(pipeline);
  const { latest } = stageLine((await readLine(store, context, incarnation)).document, stage);
  const first =
    latest === undefined ? undefined : await readRow<ExecutionDocument>(store, executionKey(context, incarnation, latest));
  const inFirst = first && requestIn(first, stage, actionName, token);
  if (inFirst) return inFirst;
  const running = await executionsOf(store, context, pipeline, PARALLEL_MAX, { unsettled: true });
  const newest = await executionsOf(store, context, pipeline, PARALLEL_MAX);
  for (const row of [...running.rows, ...newest.rows]) {
    const found = requestIn(row, stage, actionName, token);
    if (found) return found;
  }
  return undefined;
}

function requestIn(execution: Read<ExecutionDocument>, stage: string, name: string, token: string): FoundRequest | undefined {
  const { actions, earlier } = execution.document;
  const action = [...actions, ...earlier].find((one) => one.stage === stage && one.name === name && one.token === token);
  return action && { execution, action };
}
