import { isDeepStrictEqual } from 'node:util';
import { type Check, type SeenAnswer, textOf, type Watched } from '../../checks/check.ts';
import {
  attemptsOf,
  begunIn,
  type DeliveryChange,
  deliveries,
  deliveryChanges,
  enteredIn,
  isOver,
  shortOf,
} from './delivery-rows.ts';

const RETRY = 'codepipeline:RetryStageExecution';

function lost({ before, after }: DeliveryChange): string[] {
  if (!before || !after) return [];
  return attemptsOf(before).flatMap(({ id, name, status }) => {
    const now = attemptsOf(after).find((one) => one.id === id)?.status;
    if (now === status || (status === 'InProgress' && now !== undefined)) return [];
    return [`${shortOf(after)}: ${name} was ${status}, and is ${now ?? 'not there any more'}`];
  });
}

/** What is being stopped, has ended or was superseded. */
export function checkNothingBehindTheEnd({ disk }: Watched): Check {
  const retried = new Set<string>();
  const acknowledged = ({ operation, input }: SeenAnswer): string[] => {
    const id = textOf(input, 'pipelineExecutionId') ?? '';
    if (operation !== 'codepipeline:StopPipelineExecution' || retried.has(id)) return [];
    return deliveries(disk).flatMap(([, execution]) =>
      execution.executionId === id && execution.status === 'InProgress'
        ? [`${shortOf(execution)} is InProgress after its stop was acknowledged`]
        : [],
    );
  };
  return {
    promise:
      'what is being stopped begins nothing more, and what has ended stays as it ended until a retry repeats what did not succeed',
    onCommit: (seen) =>
      deliveryChanges(seen).flatMap((change) => {
        const { before, after } = change;
        if (!before || !after) return [];
        const problems = lost(change);
        const isRetry = seen.ledger.some(({ entry }) => entry.action === RETRY);
        if (before.status !== 'InProgress' && after.status === 'InProgress') {
          retried.add(after.executionId);
          // what failed in a stage that was skipped for it stays so
          const stage = after.stages[after.stage]?.name;
          const kept = after.actions
            .filter((one) => one.stage === stage && (one.status === 'Failed' || one.status === 'Abandoned'))
            .map(({ name }) => name);
          if (kept.length > 0) problems.push(`${shortOf(after)} is retried and does not repeat ${kept.join()}`);
          if (!isRetry || !isOver(before)) problems.push(`${shortOf(after)} goes on though it was ${before.status}`);
        } else if (before.status !== 'InProgress') {
          const begun = [...begunIn(change).map(({ name }) => name), ...enteredIn(change)];
          if (begun.length > 0) problems.push(`${shortOf(after)} is ${before.status} and begins ${begun.join()}`);
          if (isOver(before) && !isDeepStrictEqual(before, after))
            problems.push(`${shortOf(after)} had ended ${before.status} and changes`);
        }
        return problems;
      }),
    onAnswer: acknowledged,
  };
}
