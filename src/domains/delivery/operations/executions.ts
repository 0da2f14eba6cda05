import type { SourceRevisionOverride, TriggerType } from '../../../contract/generated/codepipeline.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { requestDigest } from '../../../platform/idempotency.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { Place } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { uuidOf } from '../names.ts';
import type { DeliveryPorts } from '../ports.ts';
import {
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionKey,
  executionWrite,
  incarnationOf,
  pipelineArn,
  type PipelineDocument,
} from '../resources.ts';
import { readPipeline } from '../rows.ts';
import { merged, resolveVariables, startParts } from '../start-execution.ts';
import { changeEvent } from '../transitions.ts';

interface FoundExecution {
  readonly pipeline: Read<PipelineDocument>;
  readonly execution: Read<ExecutionDocument>;
}

/** Throws PipelineNotFoundException or PipelineExecutionNotFoundException. */
export async function findExecution(
  store: Pick<Store, 'get'>,
  place: Place,
  pipelineName: string,
  executionId: string,
): Promise<FoundExecution> {
  const pipeline = await readPipeline(store, place, pipelineName);
  const key = executionKey(place, incarnationOf(pipeline.document), executionId);
  const execution = await readRow<ExecutionDocument>(store, key);
  if (!execution) {
    const text = `Pipeline '${pipelineName}' does not have an execution with id '${executionId}'`;
    throw new ServiceError('PipelineExecutionNotFoundException', text, {}, 'absent');
  }
  return { pipeline, execution };
}

export const startPipelineExecution = (ports: DeliveryPorts) =>
  operation('codepipeline:StartPipelineExecution', {
    effect: 'change',
    needs: ({ name }, context) => [{ action: 'codepipeline:StartPipelineExecution', resources: [pipelineArn(context, name)] }],
    handle: (input, context) =>
      decideAndCommit(ports.store, async () => {
        const pipeline = await readPipeline(ports.store, context, input.name);
        const executionId = uuidOf(incarnationOf(pipeline.document), input.clientRequestToken ?? context.requestId);
        const key = executionKey(context, incarnationOf(pipeline.document), executionId);
        const { clientRequestToken: _token, ...request } = input;
        const digest = requestDigest(request);
        const existing = await readRow<ExecutionDocument>(ports.store, key);
        if (existing) return { result: { pipelineExecutionId: repeated(existing.document, digest) } };
        checkOverrides(pipeline.document, input.sourceRevisions ?? []);
        const parts = await startParts(
          ports.store,
          context,
          pipeline,
          {
            executionId,
            trigger: triggerOf(context),
            variables: resolveVariables(pipeline.document.declaration, input.variables),
            overrides: input.sourceRevisions,
            requestDigest: digest,
            restricted: context.principal.sessionPolicy !== undefined,
          },
          context.nowMs,
        );
        const entry = entryOf(context, context.operation, [pipeline.document.arn], { executionId: [null, executionId] });
        return { commit: merged(parts, { ledger: [entry] }), result: { pipelineExecutionId: executionId } };
      }),
  });

function repeated({ requestDigest: known, executionId, pipelineName }: ExecutionDocument, digest: string): string {
  if (known === digest) return executionId;
  const text = `The clientRequestToken was already used to start execution ${executionId} of ${pipelineName} with other parameters`;
  throw new ServiceError('ConflictException', `${text}. Use a new token for a new execution.`);
}

/** A rule's target comes as a session for EventBridge, on behalf of the rule. */
function triggerOf({ principal }: OperationContext): { type: TriggerType; detail: string } {
  if (principal.service === 'events.amazonaws.com')
    return { type: 'CloudWatchEvent', detail: principal.onBehalfOf ?? principal.arn };
  return { type: 'StartPipelineExecution', detail: principal.arn };
}

const REVISION_TYPES: Readonly<Record<string, readonly string[]>> = {
  CodeCommit: ['COMMIT_ID'],
  CodeStarSourceConnection: ['COMMIT_ID'],
  GitHub: ['COMMIT_ID'],
  S3: ['S3_OBJECT_VERSION_ID', 'S3_OBJECT_KEY'],
};

function checkOverrides({ declaration, name }: PipelineDocument, overrides: readonly SourceRevisionOverride[]): void {
  for (const { actionName, revisionType } of overrides) {
    const action = declaration.stages[0]?.actions.find((one) => one.name === actionName);
    if (!action) throw new ServiceError('ValidationException', `The pipeline ${name} has no source action ${actionName}.`);
    const { provider } = action.actionTypeId;
    if (!REVISION_TYPES[provider]?.includes(revisionType)) {
      throw new ServiceError(
        'ValidationException',
        `The source action ${actionName} (${provider}) takes no revision of type ${revisionType}.`,
      );
    }
    if (revisionType === 'S3_OBJECT_KEY' && action.configuration?.['AllowOverrideForS3ObjectKey'] !== 'true') {
      const text = `The source action ${actionName} does not allow another object key: set AllowOverrideForS3ObjectKey to "true".`;
      throw new ServiceError('ValidationException', text);
    }
  }
}

export const stopPipelineExecution = (ports: DeliveryPorts) =>
  operation('codepipeline:StopPipelineExecution', {
    effect: 'change',
    needs: ({ pipelineName }, context) => [
      { action: 'codepipeline:StopPipelineExecution', resources: [pipelineArn(context, pipelineName)] },
    ],
    handle: ({ pipelineName, pipelineExecutionId, abandon = false, reason }, context) =>
      decideAndCommit(ports.store, async (count) => {
        const { pipeline, execution } = await findExecution(ports.store, context, pipelineName, pipelineExecutionId);
        const { key, version, document } = execution;
        const stop = { abandon, ...(reason !== undefined && { reason }) };
        const result = { pipelineExecutionId };
        if (count > 0 && document.stop && document.stop.abandon === abandon && document.stop.reason === reason) return { result };
        refuseStop(document, abandon);
        const after: ExecutionDocument = {
          ...document,
          status: 'Stopping',
          stop,
          ...(reason !== undefined && { statusSummary: reason }),
          modifiedAtMs: context.nowMs,
        };
        const change = { of: 'pipeline', state: 'STOPPING' } as const;
        const { declaration } = pipeline.document;
        return {
          result,
          commit: {
            expect: [{ key, version }],
            write: [executionWrite(key, after)],
            timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: context.nowMs }],
            ...(document.status !== 'Stopping' && { events: [changeEvent(context, after, declaration, change, context.nowMs)] }),
            ledger: [
              entryOf(context, context.operation, [document.pipelineArn], {
                executionId: [null, pipelineExecutionId],
                status: [document.status, 'Stopping'],
                abandon: [null, abandon],
              }),
            ],
          },
        };
      }),
  });

function refuseStop({ status, stop, executionId, pipelineName }: ExecutionDocument, abandon: boolean): void {
  if (status === 'InProgress' || (status === 'Stopping' && abandon && !stop?.abandon)) return;
  if (status === 'Stopping') {
    throw new ServiceError(
      'DuplicatedStopRequestException',
      `The pipeline execution ${executionId} of ${pipelineName} is already in a Stopping state. Choose to stop and abandon to end it now.`,
    );
  }
  throw new ServiceError(
    'PipelineExecutionNotStoppableException',
    `The pipeline execution ${executionId} of ${pipelineName} is in status ${status}; only one that is InProgress can be stopped.`,
  );
}
