import { type Check, shown, textOf } from './check.ts';
import { transitionOf } from './statuses.ts';

/** `reached` hears of every transition, for the table of what the runs have seen. */
export const checkStatusTransitions = (reached: (kind: string, transition: string) => void = () => {}): Check => ({
  promise: 'a status changes only into one that may follow it; what has ended stays as it ended',
  onCommit: ({ changes }) =>
    changes.flatMap((change) => {
      const transition = transitionOf(change);
      if (!transition) return [];
      const { kind, rules, from, to } = transition;
      reached(kind, `${from} → ${to}`);
      const type = textOf(change.after?.document, 'type');
      if (kind === 'PipelineExecutionStep' && type !== undefined && rules.settled.has(to)) reached('step', `${type} ${to}`);
      if (change.before?.document['retryAtMs'] !== undefined && to === 'Stopping')
        reached(kind, 'its next attempt waits → Stopping');
      return rules.next[from]?.includes(to) ? [] : [`${shown(change.key)} went from ${from} to ${to}`];
    }),
});
