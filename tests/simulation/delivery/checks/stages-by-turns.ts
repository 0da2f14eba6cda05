import type { ExecutionDocument } from '../../../../src/domains/delivery/resources.ts';
import type { ResourceKey } from '../../../../src/platform/resource-key.ts';
import type { Check, Watched } from '../../checks/check.ts';
import { deliveries, deliveryChanges, enteredIn, incarnationOf, isOver, shortOf, structureOf } from './delivery-rows.ts';

export function checkStagesByTurns({ disk }: Watched): Check {
  /** By pipeline, version and stage: the number of the newest that entered it. */
  const newest = new Map<string, number>();
  const stageOf = (key: ResourceKey, execution: ExecutionDocument): string | undefined =>
    execution.mode === 'PARALLEL' || execution.place !== 'inside' || isOver(execution)
      ? undefined
      : structureOf(disk, key, execution)?.stages[execution.stage]?.name;
  const crowded = (key: ResourceKey, after: ExecutionDocument): string[] => {
    const stage = stageOf(key, after);
    if (stage === undefined) return [];
    return deliveries(disk).flatMap(([other, document]) =>
      other.name !== key.name && incarnationOf(other) === incarnationOf(key) && stageOf(other, document) === stage
        ? [`${shortOf(after)} is in ${stage} together with ${shortOf(document)}`]
        : [],
    );
  };
  return {
    promise:
      'executions that take turns have a stage to themselves, in the order in which they were started; only a newer one supersedes',
    onCommit: (seen) =>
      deliveryChanges(seen).flatMap((change) => {
        const { key, before, after } = change;
        if (!after) return [];
        const problems = crowded(key, after);
        if (after.mode !== 'PARALLEL' && after.type === 'STANDARD')
          for (const stage of enteredIn(change)) {
            const line = `${incarnationOf(key)} ${after.version} ${stage}`;
            const last = newest.get(line) ?? 0;
            if (last > after.number) problems.push(`${shortOf(after)} enters ${stage} after number ${last}`);
            newest.set(line, Math.max(last, after.number));
          }
        if (after.status === 'Superseded' && before?.status !== 'Superseded') {
          const isNewer = deliveries(disk).some(
            ([other, { number }]) => incarnationOf(other) === incarnationOf(key) && number > after.number,
          );
          if (!isNewer || after.mode === 'PARALLEL' || before?.place === 'inside')
            problems.push(
              `${shortOf(after)} is superseded, ${before?.place} in mode ${after.mode}, though nothing newer takes its place`,
            );
        }
        return problems;
      }),
  };
}
