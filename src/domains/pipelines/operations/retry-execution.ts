import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { checkToken } from '../../../platform/idempotency.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Cursor, Store } from '../../../platform/store/port.ts';
import { listRows, writeOf } from '../../../platform/store/typed-rows.ts';
import { userContext } from '../../../platform/calls/user-context.ts';
import { executionOf, readExecution, readPipeline } from '../names.ts';
import type { PipelinePorts } from '../ports.ts';
import { EXECUTION_RECONCILER, type ExecutionDocument, executionIndex, type StepDocument } from '../resources.ts';
import { executionEvent } from '../transitions.ts';
import { pipelineWrite } from './write-pipelines.ts';

/**
 * Goes on with an execution that failed or was stopped: what succeeded stays, every other step runs again, by the definition and the
 * parameters of its start. Who retries answers for what runs from now on, as if they had started it.
 */
export const retryPipelineExecution = (ports: PipelinePorts) =>
  operation('sagemaker:RetryPipelineExecution', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'sagemaker:RetryPipelineExecution', resources: [executionOf(context, input.PipelineExecutionArn).arn] },
    ],
    handle: (input, context) =>
      decideAndCommit(ports.store, async () => {
        const { key, version, document, index } = await readExecution(ports.store, context, input.PipelineExecutionArn);
        const use = { operation: context.operation, token: input.ClientRequestToken, request: input };
        const token = await checkToken(ports.store, context, use);
        const result = { PipelineExecutionArn: document.arn };
        if (token.outcome === 'repeat') return { result };
        await refuseUnlessRetryable(ports.store, key, document);
        const pipeline = await readPipeline(ports.store, context, document.pipelineName);
        const { failureReason: _past, ...rest } = document;
        const after: ExecutionDocument = {
          ...rest,
          status: 'Executing',
          round: (document.round ?? 0) + 1,
          ...(input.ParallelismConfiguration && { maxParallelSteps: input.ParallelismConfiguration.MaxParallelExecutionSteps }),
          startedBy: context.principal,
          modifiedAtMs: context.nowMs,
          modifiedBy: userContext(context),
        };
        const { expect, write, timers } = token.record(result, context.nowMs);
        return {
          result,
          commit: {
            // the pipeline's row is written so that it cannot be deleted at the same time
            expect: [{ key, version }, { key: pipeline.key, version: pipeline.version }, ...expect],
            write: [
              writeOf(key, after, executionIndex(after, index.parent ?? '')),
              pipelineWrite(context, { ...pipeline.document, lastRunAtMs: context.nowMs }),
              ...write,
            ],
            timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: context.nowMs }, ...timers],
            events: [executionEvent(key, document, after, context.nowMs)],
            ledger: [entryOf(context, context.operation, [document.arn], { status: [document.status, 'Executing'] })],
          },
        };
      }),
  });

async function refuseUnlessRetryable(store: Store, key: ResourceKey, { arn, status }: ExecutionDocument): Promise<void> {
  if (status !== 'Failed' && status !== 'Stopped') {
    const text = `Pipeline execution ${arn} is in status ${status} and cannot be retried`;
    throw new ServiceError('ConflictException', `${text}. Only an execution that is Failed or Stopped can be.`);
  }
  const fail = await failStepOf(store, key);
  if (fail === undefined) return;
  const text = `Pipeline execution ${arn} was ended by its Fail step '${fail}' and cannot be retried`;
  throw new ServiceError('ConflictException', `${text}. Start a new execution.`);
}

/** The Fail step that an execution reached. */
async function failStepOf(store: Store, execution: ResourceKey): Promise<string | undefined> {
  const { account, region, name } = execution;
  let after: Cursor | undefined;
  do {
    const query = { account, region, kind: 'PipelineExecutionStep', parent: name, status: 'Failed', limit: 100, after } as const;
    const page = await listRows<StepDocument>(store, { ...query, sortBy: 'name', order: 'ascending' });
    const found = page.rows.find(({ document }) => document.type === 'Fail');
    if (found) return found.document.stepName;
    after = page.next;
  } while (after);
  return undefined;
}
