import { type Check, memberOf, type RowChange, shown, type Watched } from './check.ts';
import { planOfListed } from './definition-order.ts';
import { createPlans, executionOf, isActive, stepNameOf, stepsOf } from './execution-steps.ts';

/** ParallelismConfiguration of an execution, MaxConcurrency of a ForEach step: looked at when a step begins. */
export function checkParallelSteps({ disk }: Watched): Check {
  const plans = createPlans(disk);
  const problemsOf = (change: RowChange): string[] => {
    const execution = executionOf(disk, change.key);
    if (!execution) return [];
    const all = plans(execution);
    const active = stepsOf(disk, execution.key)
      .filter(isActive)
      .flatMap((row) => planOfListed(all, stepNameOf(row.key)) ?? []);
    const working = active.filter(({ plan }) => plan.type !== 'ForEach').length;
    const most = Number(memberOf(execution.document, 'maxParallelSteps') ?? Number.POSITIVE_INFINITY);
    const repeatedBy = planOfListed(all, stepNameOf(change.key))?.plan.repeatedBy;
    const siblings = active.filter(({ plan }) => repeatedBy !== undefined && plan.repeatedBy === repeatedBy).length;
    const siblingsMost = all.get(repeatedBy ?? '')?.maxConcurrency ?? Number.POSITIVE_INFINITY;
    const problems: string[] = [];
    if (working > most) problems.push(`${shown(change.key)} begins as the ${working}th of at most ${most} steps at a time`);
    if (siblings > siblingsMost)
      problems.push(
        `${shown(change.key)} begins as the ${siblings}th of at most ${siblingsMost} children of ${repeatedBy} at a time`,
      );
    return problems;
  };
  return {
    promise: 'no more steps are under way than the execution, or the ForEach step around them, allows',
    onCommit: ({ changes }) =>
      changes.flatMap((change) => {
        const isStep = change.key.kind === 'PipelineExecutionStep';
        return isStep && isActive(change.after) && !isActive(change.before) ? problemsOf(change) : [];
      }),
  };
}
