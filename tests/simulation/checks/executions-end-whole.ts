import { type Check, type RowChange, shown, textOf, type Watched } from './check.ts';
import { isActive, stepsOf } from './execution-steps.ts';
import { transitionOf } from './statuses.ts';

/** How an execution ended follows from how its steps did. */
export function checkExecutionsEndWhole({ disk }: Watched): Check {
  const problemsOf = ({ key }: RowChange, to: string): string[] => {
    const steps = stepsOf(disk, key);
    // what an earlier round left and this one did not need stands as it ended
    const round = disk.rows.get(key)?.document['round'] ?? 0;
    const now = steps.filter(
      (step) => (step.document['round'] ?? 0) === round || textOf(step.document, 'status') === 'Succeeded',
    );
    const statuses = now.map((step) => textOf(step.document, 'status') ?? '');
    const problems = steps
      .filter(isActive)
      .map((step) => `${shown(key)} is ${to}, but ${shown(step.key)} is ${textOf(step.document, 'status')}`);
    const failed = statuses.includes('Failed');
    if (to === 'Succeeded' && (failed || statuses.includes('Stopped')))
      problems.push(`${shown(key)} is Succeeded with steps ${statuses.join(', ')}`);
    // a stopped execution whose function ran out of time is Failed by that
    if ((to === 'Failed' || to === 'CompletedWithFailures') && !failed)
      problems.push(`${shown(key)} is ${to} with steps ${statuses.join(', ')}`);
    return problems;
  };
  return {
    promise: 'an execution ends when its steps have, and as they did',
    onCommit: ({ changes }) =>
      changes.flatMap((change) => {
        const transition = transitionOf(change);
        const ends =
          transition?.kind === 'PipelineExecution' && transition.to !== 'absent' && transition.rules.settled.has(transition.to);
        return ends ? problemsOf(change, transition.to) : [];
      }),
  };
}
