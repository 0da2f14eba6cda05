import { type Check, memberOf, type RowChange, shown, type Watched } from './check.ts';
import { planOfListed } from './definition-order.ts';
import { createPlans, executionOf, stepNameOf } from './execution-steps.ts';
import { isSettled } from './statuses.ts';
import { REQUEST } from './step-effects-once.ts';

/** RetryPolicies of a step: how many attempts, and how long between them at least. */
export function checkRetryPolicies({ disk, nowMs }: Watched): Check {
  const plans = createPlans(disk);
  const earliestMs = new Map<string, number>();
  const onRow = ({ key, before, after }: RowChange): string[] => {
    const attempt = Number(memberOf(after?.document, 'attemptCount') ?? 0);
    if (key.kind !== 'PipelineExecutionStep' || attempt <= Number(memberOf(before?.document, 'attemptCount') ?? 1)) return [];
    const execution = executionOf(disk, key);
    const retries = execution && planOfListed(plans(execution), stepNameOf(key))?.plan.retries;
    // it was decided on a while before it is written
    const atMs = memberOf(after?.document, 'retryAtMs');
    earliestMs.set(
      key.name.toLowerCase(),
      Math.min(nowMs() + (retries?.waitMsMin ?? 0), typeof atMs === 'number' ? atMs : Infinity),
    );
    const most = retries?.attemptsMax ?? 1;
    return attempt <= most ? [] : [`${shown(key)} has attempt ${attempt}, its policies allow ${most}`];
  };
  return {
    promise: 'a step is tried again as often as its retry policies say, and not before their time',
    onCommit: ({ changes, ledger }) => [
      ...changes.flatMap((change) => {
        // when it begins anew in a retried execution, it has no attempts behind it
        if (isSettled(change.key.kind, change.before?.document)) earliestMs.delete(change.key.name.toLowerCase());
        return onRow(change);
      }),
      ...ledger.flatMap(({ entry }) => {
        const [, , , execution = '', step = ''] = REQUEST.exec(entry.requestId ?? '') ?? [];
        const earliest = earliestMs.get(`${execution}/${step}`.toLowerCase()) ?? 0;
        return /^sagemaker:Create/.test(entry.action) && nowMs() < earliest
          ? [`${entry.action} for ${step} at ${nowMs()}, its next attempt begins at ${earliest}`]
          : [];
      }),
    ],
  };
}
