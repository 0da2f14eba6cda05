import type { PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import type { EventInput } from '../../platform/events/event.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { Change } from './decide-execution.ts';
import { type ActionRecord, type ArtifactRecord, actionArn, type ExecutionDocument, stageArn } from './resources.ts';
import { declarationOf } from './rows.ts';

const DETAIL_TYPES = { pipeline: 'Pipeline', stage: 'Stage', action: 'Action' } as const;

const ACTION_STATES: Readonly<Record<ActionRecord['status'], string>> = {
  InProgress: 'STARTED',
  Succeeded: 'SUCCEEDED',
  Failed: 'FAILED',
  Abandoned: 'ABANDONED',
};

/** As AWS tells EventBridge; the members are those of the user guide's examples. */
export function changeEvent(
  place: Place,
  execution: ExecutionDocument,
  structure: PipelineDeclaration,
  change: Change,
  timeMs: number,
): EventInput {
  return {
    source: 'aws.codepipeline',
    detailType: `CodePipeline ${DETAIL_TYPES[change.of]} Execution State Change`,
    account: place.account,
    region: place.region,
    timeMs,
    resources: [execution.pipelineArn],
    detail: {
      pipeline: execution.pipelineName,
      'execution-id': execution.executionId,
      'start-time': new Date(startOf(execution, change)).toISOString(),
      version: execution.version,
      'pipeline-execution-attempt': execution.attempt,
      ...detailOf(place, execution, structure, change),
    } as JsonObject,
  };
}

function startOf(execution: ExecutionDocument, change: Change): number {
  if (change.of === 'action') return change.action.startedAtMs;
  if (change.of === 'pipeline') return execution.createdAtMs;
  return execution.stages.find(({ name }) => name === change.stage)?.startedAtMs ?? execution.createdAtMs;
}

function detailOf(place: Place, execution: ExecutionDocument, structure: PipelineDeclaration, change: Change): object {
  if (change.of === 'pipeline') {
    const { type, detail } = execution.trigger;
    const trigger = { 'trigger-type': type, 'trigger-detail': detail };
    return { state: change.state, ...(change.state === 'STARTED' && { 'execution-trigger': trigger }) };
  }
  if (change.of === 'stage') return { stage: change.stage, state: change.state };
  return actionDetail(place, structure, change.action);
}

function actionDetail({ region }: Place, structure: PipelineDeclaration, action: ActionRecord): object {
  const declared = declarationOf(structure, action);
  const { status, externalExecutionId, externalExecutionUrl, summary, error } = action;
  return {
    'action-execution-id': action.id,
    stage: action.stage,
    action: action.name,
    state: ACTION_STATES[status],
    region,
    ...(declared && { type: declared.actionTypeId }),
    'input-artifacts': (action.inputs ?? []).map(artifactDetail),
    ...(status === 'Succeeded' && { 'output-artifacts': (action.outputs ?? []).map(artifactDetail) }),
    ...((status === 'Failed' || status === 'Succeeded') && {
      'execution-result': {
        ...(externalExecutionUrl !== undefined && { 'external-execution-url': externalExecutionUrl }),
        ...(summary !== undefined && { 'external-execution-summary': summary }),
        ...(externalExecutionId !== undefined && { 'external-execution-id': externalExecutionId }),
        ...(error && { 'error-code': error.code, 'error-message': error.message }),
      },
    }),
  };
}

const artifactDetail = ({ name, bucket, key }: ArtifactRecord) => ({ name, s3location: { bucket, key } });

/** What the control loop did; a change that a caller made carries the caller's entry. */
export function changeEntry(
  place: Place,
  execution: Pick<ExecutionDocument, 'pipelineArn' | 'executionId'>,
  change: Change,
  timeMs: number,
): LedgerInput {
  const arn = execution.pipelineArn;
  const of = { executionId: [null, execution.executionId] as const };
  if (change.of === 'pipeline') {
    const action = `slipway:CodePipelineExecution.${change.state}`;
    return ownEntry('delivery', place, { timeMs, action, resources: [arn], changes: of });
  }
  if (change.of === 'stage') {
    const action = `slipway:CodePipelineStage.${change.state}`;
    const reason = change.failed?.map(({ name, error }) => `${name}: ${error?.message ?? 'failed'}`).join(' ');
    return ownEntry('delivery', place, { timeMs, action, resources: [stageArn(arn, change.stage)], changes: of, reason });
  }
  const { stage, name, status, error, externalExecutionId } = change.action;
  return ownEntry('delivery', place, {
    timeMs,
    action: `slipway:CodePipelineAction.${ACTION_STATES[status]}`,
    resources: [actionArn(arn, stage, name)],
    changes: of,
    reason: error?.message,
    ...(externalExecutionId !== undefined && { origin: { externalExecutionId } }),
  });
}
