import { type Check, memberOf, shown } from './check.ts';
import { executionNameOf } from './execution-steps.ts';
import { transitionOf } from './statuses.ts';

/** Only RetryPipelineExecution lets a step that failed or was stopped begin again; only its retry policy one that runs. */
export function checkStepsStayEnded(): Check {
  const endedSinceRetry = new Map<string, Set<string>>();
  const endedOf = (execution: string) => {
    const ended = endedSinceRetry.get(execution) ?? new Set<string>();
    endedSinceRetry.set(execution, ended);
    return ended;
  };
  return {
    promise: 'a step begins anew only with a new attempt, and an ended one only when its execution was retried',
    onCommit({ changes }) {
      const problems: string[] = [];
      for (const change of changes) {
        const transition = transitionOf(change);
        if (!transition) continue;
        const { kind, from, to, rules } = transition;
        if (kind === 'PipelineExecution' && to === 'Executing') endedSinceRetry.delete(change.key.name);
        if (kind !== 'PipelineExecutionStep') continue;
        const ended = endedOf(executionNameOf(change.key));
        if (ended.has(change.key.name) && to !== 'absent')
          problems.push(`${shown(change.key)} had ended ${from} and is ${to}, without a retry of its execution`);
        if (rules.settled.has(to)) ended.add(change.key.name);
        const attempts = ({ document }: { document: unknown }) => Number(memberOf(document, 'attemptCount'));
        if (from === 'Executing' && to === 'Starting' && change.before && change.after) {
          if (attempts(change.after) !== attempts(change.before) + 1)
            problems.push(
              `${shown(change.key)} starts again with attempt ${attempts(change.after)} after ${attempts(change.before)}`,
            );
        }
      }
      return problems;
    },
  };
}
