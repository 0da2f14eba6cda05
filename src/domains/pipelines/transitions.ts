import { type EventInput, eventTime } from '../../platform/events/event.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { ExecutionDocument, StepDocument } from './resources.ts';

export function executionEvent(
  key: ResourceKey,
  before: ExecutionDocument | undefined,
  after: ExecutionDocument,
  nowMs: number,
): EventInput {
  const ended = after.status !== 'Executing' && after.status !== 'Stopping';
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Model Building Pipeline Execution Status Change',
    account: key.account,
    region: key.region,
    timeMs: nowMs,
    resources: [after.pipelineArn, after.arn],
    detail: {
      pipelineArn: after.pipelineArn,
      pipelineExecutionArn: after.arn,
      pipelineExecutionDisplayName: after.displayName,
      pipelineExecutionDescription: after.description,
      previousPipelineExecutionStatus: before?.status,
      currentPipelineExecutionStatus: after.status,
      executionStartTime: eventTime(after.createdAtMs),
      executionEndTime: ended ? eventTime(nowMs) : undefined,
    },
  };
}

/** A change of status that the control loop makes; those that a caller makes carry the caller's entry. */
export function executionEntry(
  key: ResourceKey,
  before: ExecutionDocument,
  after: ExecutionDocument,
  nowMs: number,
): LedgerInput {
  return ownEntry('pipelines', key, {
    timeMs: nowMs,
    action: `slipway:PipelineExecution.${after.status}`,
    resources: [after.arn],
    changes: { status: [before.status, after.status] },
    reason: after.failureReason,
  });
}

export function stepEvent(
  execution: ExecutionDocument,
  key: ResourceKey,
  before: StepDocument | undefined,
  after: StepDocument,
  nowMs: number,
): EventInput {
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Model Building Pipeline Execution Step Status Change',
    account: key.account,
    region: key.region,
    timeMs: nowMs,
    resources: [execution.pipelineArn, execution.arn],
    detail: {
      metadata: after.metadata as JsonObject | undefined,
      stepStartTime: eventTime(after.startedAtMs),
      stepEndTime: after.endedAtMs === undefined ? undefined : eventTime(after.endedAtMs),
      stepName: after.stepName,
      stepType: after.type,
      previousStepStatus: before?.status,
      currentStepStatus: after.status,
      failureReason: after.failureReason,
      ...(after.takenFrom?.by === 'cache' && {
        cacheHitResult: { sourcePipelineExecutionArn: after.takenFrom.executionArn },
      }),
      pipelineArn: execution.pipelineArn,
      pipelineExecutionArn: execution.arn,
    },
  };
}

export function stepEntry(
  execution: ExecutionDocument,
  key: ResourceKey,
  before: StepDocument | undefined,
  after: StepDocument,
  nowMs: number,
): LedgerInput {
  return ownEntry('pipelines', key, {
    timeMs: nowMs,
    action: `slipway:PipelineExecutionStep.${after.status}`,
    resources: [execution.arn],
    changes: { [after.stepName]: [before?.status ?? null, after.status] },
    reason: reasonOf(after),
    ...(after.jobName !== undefined && { origin: { jobName: after.jobName } }),
  });
}

/** Why a step stands as it does: what it failed by, why it is tried again, or whose result it took. */
function reasonOf({ failureReason, retryAtMs, attemptCount, retryReason, takenFrom }: StepDocument): string | undefined {
  if (failureReason !== undefined) return failureReason;
  if (retryAtMs !== undefined) return `Attempt ${attemptCount} follows, since: ${retryReason}`;
  if (!takenFrom) return undefined;
  return `The result of ${takenFrom.executionArn} was taken (${takenFrom.by === 'cache' ? 'step cache' : 'selective execution'}).`;
}
