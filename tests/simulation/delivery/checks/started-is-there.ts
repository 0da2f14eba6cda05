import { type Check, textOf, type Watched } from '../../checks/check.ts';
import { deliveryChanges, incarnationOf } from './delivery-rows.ts';

/** Operations that change something of a pipeline whenever they succeed. */
const CHANGES = /^codepipeline:(Create|Update|Start|Stop|Retry|Rollback|Put|Enable|Disable)/;

export function checkStartedIsThere({ disk }: Watched): Check {
  /** Ids of all that were ever made. */
  const made = new Map<string, string>();
  /** Of each action in the ledger, the last commit that has it. */
  const entered = new Map<string, number>();
  return {
    promise:
      'a delivery that a client was told is started is there, and stays for as long as its pipeline; what was acknowledged is in the ledger',
    onCommit(seen) {
      for (const { entry } of seen.ledger) if (entry.outcome === 'done') entered.set(entry.action, disk.commits);
      return deliveryChanges(seen).flatMap(({ key, before, after }) => {
        if (after) made.set(after.executionId, key.name);
        if (after || !before) return [];
        const pipeline = disk.rows.get({ ...key, kind: 'CodePipeline', name: before.pipelineName });
        const isThere = pipeline && `${before.pipelineName}@${String(pipeline.document['createdAtMs'])}` === incarnationOf(key);
        return isThere ? [`${key.name} went, and its pipeline is there`] : [];
      });
    },
    onAnswer({ operation, input, output, askedAt }) {
      if (!CHANGES.test(operation)) return [];
      const id = textOf(output, 'pipelineExecutionId');
      if (id !== undefined && !made.has(id)) return [`${operation} answered ${id}, which never was there`];
      const isRepeatable = textOf(input, 'clientRequestToken') !== undefined;
      return isRepeatable || (entered.get(operation) ?? -1) >= askedAt
        ? []
        : [`${operation} was acknowledged and is not in the ledger`];
    },
  };
}
