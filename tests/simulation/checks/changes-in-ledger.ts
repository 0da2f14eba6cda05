import type { LedgerEntry } from '../../../src/platform/ledger/entry.ts';
import { type Check, type RowChange, type SeenCommit, shown, textOf, type Watched } from './check.ts';
import { executionOf, stepNameOf } from './execution-steps.ts';
import { transitionOf } from './statuses.ts';

/** Kinds that come and go by calls of clients: member with the ARN, actions that make and that remove one. */
const MADE_BY_CALLS: { readonly [kind: string]: { readonly arn: string; readonly made: string; readonly removed: string } } = {
  Pipeline: { arn: 'arn', made: 'sagemaker:CreatePipeline', removed: 'sagemaker:DeletePipeline' },
  ModelPackageGroup: {
    arn: 'ModelPackageGroupArn',
    made: 'sagemaker:CreateModelPackageGroup',
    removed: 'sagemaker:DeleteModelPackageGroup',
  },
  ModelPackage: { arn: 'ModelPackageArn', made: 'sagemaker:CreateModelPackage', removed: 'sagemaker:DeleteModelPackage' },
  Model: { arn: 'ModelArn', made: 'sagemaker:CreateModel', removed: 'sagemaker:DeleteModel' },
  EndpointConfig: { arn: 'EndpointConfigArn', made: 'sagemaker:CreateEndpointConfig', removed: 'sagemaker:DeleteEndpointConfig' },
  Function: { arn: 'FunctionArn', made: 'lambda:CreateFunction', removed: 'lambda:DeleteFunction' },
};

/** What leads to a status, by calls; what the control loop does is named after the kind and the status. */
const LED_TO: { readonly [kind: string]: { readonly [transition: string]: readonly string[] } } = {
  PipelineExecution: {
    'absent → Executing': ['sagemaker:StartPipelineExecution'],
    'Executing → Stopping': ['sagemaker:StopPipelineExecution'],
    'Failed → Executing': ['sagemaker:RetryPipelineExecution'],
    'Stopped → Executing': ['sagemaker:RetryPipelineExecution'],
  },
  TrainingJob: {
    'absent → InProgress': ['sagemaker:CreateTrainingJob'],
    'InProgress → Stopping': ['sagemaker:StopTrainingJob'],
  },
  ProcessingJob: {
    'absent → InProgress': ['sagemaker:CreateProcessingJob'],
    'InProgress → Stopping': ['sagemaker:StopProcessingJob'],
  },
  TransformJob: {
    'absent → InProgress': ['sagemaker:CreateTransformJob'],
    'InProgress → Stopping': ['sagemaker:StopTransformJob'],
  },
  Endpoint: {
    'absent → Creating': ['sagemaker:CreateEndpoint'],
    'InService → Updating': ['sagemaker:UpdateEndpoint', 'sagemaker:UpdateEndpointWeightsAndCapacities'],
    'Deleting → absent': ['slipway:Endpoint.Deleted'],
  },
};

export function checkChangesInLedger({ disk }: Watched): Check {
  const statusProblems = (change: RowChange, { ledger }: SeenCommit): string[] => {
    const transition = transitionOf(change);
    if (!transition) return [];
    const { kind, from, to, rules } = transition;
    if (kind === 'PipelineExecutionStep') return to === 'absent' ? [] : stepProblems(change, from, to, ledger);
    if (!LED_TO[kind] || (to === 'absent' && kind !== 'Endpoint')) return [];
    const arn = textOf(change.after?.document ?? change.before?.document, rules.arn) ?? '';
    const byCall = kind === 'Endpoint' && to === 'Deleting' ? ['sagemaker:DeleteEndpoint'] : LED_TO[kind][`${from} → ${to}`];
    const named = ledger.filter(({ entry }) => entry.outcome === 'done' && entry.resources.includes(arn));
    // a training job's loop tells its secondary status
    const isIts = (action: string) =>
      byCall ? byCall.includes(action) : action.startsWith(kind === 'TrainingJob' ? `slipway:${kind}.` : `slipway:${kind}.${to}`);
    if (named.some(({ entry }) => isIts(entry.action))) return [];
    return [`${shown(change.key)} went from ${from} to ${to} with ledger entries [${actions(ledger)}]`];
  };
  const stepProblems = (change: RowChange, from: string, to: string, ledger: readonly LedgerEntry[]): string[] => {
    const arn = textOf(executionOf(disk, change.key)?.document, 'arn') ?? '';
    const step = stepNameOf(change.key);
    const found = ledger.some(
      ({ entry }) =>
        entry.action === `slipway:PipelineExecutionStep.${to}` &&
        entry.resources.includes(arn) &&
        JSON.stringify(entry.changes?.[step]) === JSON.stringify([from === 'absent' ? null : from, to]),
    );
    return found ? [] : [`${shown(change.key)} went from ${from} to ${to} with ledger entries [${actions(ledger)}]`];
  };
  const presenceProblems = ({ key, before, after }: RowChange, { ledger }: SeenCommit): string[] => {
    const made = MADE_BY_CALLS[key.kind];
    if (!made || Boolean(before) === Boolean(after)) return [];
    const action = after ? made.made : made.removed;
    const arn = textOf((after ?? before)?.document, made.arn) ?? '';
    const found = ledger.some(({ entry }) => entry.action === action && entry.resources.includes(arn));
    return found ? [] : [`${shown(key)} ${after ? 'came' : 'went'} without ${action} in the ledger: [${actions(ledger)}]`];
  };
  const approvalProblems = ({ key, before, after }: RowChange, { ledger }: SeenCommit): string[] => {
    if (key.kind !== 'ModelPackage' || !before || !after) return [];
    const [old, now] = [before, after].map(({ document }) => textOf(document, 'ModelApprovalStatus') ?? null);
    if (old === now) return [];
    const arn = textOf(after.document, 'ModelPackageArn') ?? '';
    const found = ledger.some(
      ({ entry }) =>
        entry.action === 'sagemaker:UpdateModelPackage' &&
        entry.resources.includes(arn) &&
        JSON.stringify(entry.changes?.['ModelApprovalStatus']) === JSON.stringify([old, now]),
    );
    return found ? [] : [`${shown(key)} went from ${old} to ${now} without its entry in the ledger: [${actions(ledger)}]`];
  };
  return {
    promise: 'every change has its ledger entry in the same commit, with the action, the resource, and from what to what',
    onCommit: (seen) =>
      seen.changes.flatMap((change) => [
        ...statusProblems(change, seen),
        ...presenceProblems(change, seen),
        ...approvalProblems(change, seen),
      ]),
  };
}

const actions = (ledger: readonly LedgerEntry[]): string =>
  ledger.map(({ entry }) => `${entry.action} ${entry.resources.join(' ')}`).join(', ');
