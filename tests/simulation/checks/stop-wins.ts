import { type Check, type SeenAnswer, type SeenCommit, shown, textOf, type Watched } from './check.ts';
import { executionOf } from './execution-steps.ts';
import { STATUSES, statusOf, transitionOf } from './statuses.ts';

/** Which operation stops what, and by which member of its input. */
const STOPS: { readonly [operation: string]: { readonly kind: string; readonly member: string } } = {
  'sagemaker:StopPipelineExecution': { kind: 'PipelineExecution', member: 'PipelineExecutionArn' },
  'sagemaker:StopTrainingJob': { kind: 'TrainingJob', member: 'TrainingJobName' },
  'sagemaker:StopProcessingJob': { kind: 'ProcessingJob', member: 'ProcessingJobName' },
  'sagemaker:StopTransformJob': { kind: 'TransformJob', member: 'TransformJobName' },
};

export function checkStopWins({ disk }: Watched): Check {
  const retried = new Set<string>();
  const beginnings = ({ changes }: SeenCommit): string[] => {
    const problems: string[] = [];
    for (const change of changes) {
      const transition = transitionOf(change);
      if (!transition) continue;
      const { kind, from, to, rules } = transition;
      if (kind === 'PipelineExecution' && from !== 'absent' && to === 'Executing') retried.add(change.key.name);
      if (kind !== 'PipelineExecutionStep' || to === 'absent') continue;
      const begins = from === 'absent' || rules.settled.has(from) || to === 'Starting';
      const execution = executionOf(disk, change.key);
      // the last steps and the end of their execution may share a commit
      const before = changes.find(({ after }) => after !== undefined && after === execution)?.before ?? execution;
      const status = textOf(before?.document, 'status');
      if (begins && status !== 'Executing')
        problems.push(`${shown(change.key)} goes from ${from} to ${to} though its execution is ${status}`);
    }
    return problems;
  };
  const acknowledgement = ({ operation, input }: SeenAnswer): string[] => {
    const stop = STOPS[operation];
    const named = stop && textOf(input, stop.member);
    const rules = stop && STATUSES[stop.kind];
    if (!rules || named === undefined) return [];
    const row = [...disk.rows.all(stop.kind)].find(
      ({ key, document }) => key.name === named || textOf(document, 'arn') === named,
    );
    if (!row || retried.has(row.key.name)) return [];
    const status = statusOf(rules, row.document);
    const runsOn = status === 'Executing' || status === 'InProgress';
    return runsOn ? [`${shown(row.key)} is ${status} after its stop was acknowledged`] : [];
  };
  return {
    promise: 'what is being stopped begins nothing new, and what was acknowledged to stop is stopping or has ended',
    onCommit: beginnings,
    onAnswer: acknowledgement,
  };
}
