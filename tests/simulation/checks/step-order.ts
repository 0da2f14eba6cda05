import type { Row } from '../../../src/platform/store/port.ts';
import { type Check, listOf, memberOf, type RowChange, shown, textOf, type Watched } from './check.ts';
import { type Need, planOfListed, type StepPlan } from './definition-order.ts';
import { createPlans, executionOf, isActive, siblingOf, stepNameOf } from './execution-steps.ts';
import { transitionOf } from './statuses.ts';

/** Looked at when a step begins, or ends without having begun. */
export function checkStepOrder({ disk }: Watched): Check {
  const plans = createPlans(disk);
  const problemsOf = (change: RowChange, changes: readonly RowChange[]): string[] => {
    const execution = executionOf(disk, change.key);
    if (!execution) return [`${shown(change.key)} belongs to no execution`];
    const all = plans(execution);
    const found = planOfListed(all, stepNameOf(change.key));
    if (!found) return [`${shown(change.key)} is no step of its definition`];
    const { plan, item } = found;
    const selected = listOf(execution.document, 'selective', 'steps');
    const isTaken = (name: string) => selected.length > 0 && !selected.includes(name);
    // what a selective execution takes over was ordered in its source
    if (isTaken(plan.repeatedBy ?? plan.name)) return [];
    const row = (name: string) => siblingOf(disk, change.key, name);
    const problems: string[] = [];
    for (const need of plan.needs) {
      if (isTaken(need.step)) continue;
      const inSameBody = plan.repeatedBy !== undefined && all.get(need.step)?.repeatedBy === plan.repeatedBy;
      const other = row(inSameBody ? `${need.step}-${item}` : need.step);
      if (!isMet(need, other)) problems.push(`${shown(change.key)} begins, but ${need.step} is ${statusOf(other)}`);
    }
    return [...problems, ...branchProblems(change, plan, row), ...bodyProblems(change, plan, row, changes)];
  };
  return {
    promise: 'no step begins before what it depends on has ended as it has to, or on a branch that was not taken',
    onCommit: ({ changes }) =>
      changes.flatMap((change) => {
        const transition = transitionOf(change);
        if (transition?.kind !== 'PipelineExecutionStep' || transition.to === 'absent') return [];
        const begins = transition.from === 'absent' || transition.rules.settled.has(transition.from);
        return begins ? problemsOf(change, changes) : [];
      }),
  };
}

const statusOf = (row: Row | undefined): string => textOf(row?.document, 'status') ?? 'not there';

function isMet({ trigger }: Need, other: Row | undefined): boolean {
  const status = statusOf(other);
  const wasStopped = status === 'Stopped' || (status === 'Failed' && memberOf(other?.document, 'wasStopped') === true);
  if (trigger === 'Completed') return status === 'Succeeded';
  if (trigger === 'Failed') return status === 'Failed';
  if (trigger === 'Stopped') return wasStopped;
  return ['Succeeded', 'Failed', 'Stopped'].includes(status);
}

function branchProblems({ key }: RowChange, { branch }: StepPlan, row: (name: string) => Row | undefined): string[] {
  if (!branch) return [];
  const condition = row(branch.condition);
  const outcome = textOf(condition?.document, 'metadata', 'Condition', 'Outcome');
  if (statusOf(condition) === 'Succeeded' && outcome === branch.outcome) return [];
  return [
    `${shown(key)} begins on the ${branch.outcome} branch of ${branch.condition}, which is ${statusOf(condition)} with ${outcome}`,
  ];
}

function bodyProblems(
  { key }: RowChange,
  { repeatedBy }: StepPlan,
  row: (name: string) => Row | undefined,
  changes: readonly RowChange[],
): string[] {
  if (repeatedBy === undefined) return [];
  const around = row(repeatedBy);
  // it may end with its last child
  const before = changes.find(({ after }) => after !== undefined && after === around)?.before;
  if (isActive(around) || isActive(before)) return [];
  return [`${shown(key)} begins, but ${repeatedBy}, which repeats it, is ${statusOf(around)}`];
}
