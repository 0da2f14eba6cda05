import type { ActionRecord, ExecutionDocument } from '../../../../src/domains/delivery/resources.ts';
import type { PipelineDeclaration, StageDeclaration } from '../../../../src/contract/generated/codepipeline.ts';
import type { Check, Watched } from '../../checks/check.ts';
import { actionIn, attemptsOf, begunIn, deliveryChanges, enteredIn, shortOf, structureOf } from './delivery-rows.ts';

const orderOf = ({ runOrder }: { readonly runOrder?: number }): number => runOrder ?? 1;

/** Actions of a stage that are not through, as far as these attempts at them say. */
const missingIn = (
  attempts: readonly ActionRecord[],
  { name, actions: declared }: StageDeclaration,
  below = Infinity,
): string[] =>
  declared
    .filter((one) => orderOf(one) < below)
    .map((one) => one.name)
    .filter((one) => !attempts.some((record) => record.stage === name && record.name === one && record.status === 'Succeeded'));

/** A stage whose failure is to be passed over counts as one that succeeded. */
const isPassedOver = ({ stages }: ExecutionDocument, { name, onFailure }: StageDeclaration): boolean =>
  onFailure?.result === 'SKIP' && stages.some((one) => one.name === name && one.status === 'Skipped');

/** What has to be through before a stage of this execution. */
function inFront({ type, stage }: ExecutionDocument, { stages }: PipelineDeclaration, name: string): readonly StageDeclaration[] {
  const at = stages.findIndex((one) => one.name === name);
  return type === 'ROLLBACK' ? (at === stage ? [] : stages) : stages.slice(0, at);
}

export const checkStagesInOrder = ({ disk }: Watched): Check => ({
  promise: 'no stage is entered before the one in front of it is through, no action begins before those of lower order succeeded',
  onCommit: (seen) =>
    deliveryChanges(seen).flatMap((change) => {
      const { key, after } = change;
      const structure = after && structureOf(disk, key, after);
      if (!after || !structure) return [];
      const early = (name: string) =>
        inFront(after, structure, name).flatMap((stage) => {
          const missing = isPassedOver(after, stage) ? [] : missingIn(after.actions, stage);
          return missing.length === 0
            ? []
            : [`${shortOf(after)} comes to ${name}, but ${missing.join()} of ${stage.name} did not succeed`];
        });
      const begun = begunIn(change).flatMap((action) => {
        const stage = structure.stages.find(({ name }) => name === action.stage);
        const declared = actionIn(structure, action);
        if (!stage || !declared)
          return [`${shortOf(after)} begins ${action.stage}/${action.name}, which its structure does not have`];
        // one that failed at once may have been put aside for the retry already, with those in front of it
        const isAside = after.earlier.some(({ id }) => id === action.id);
        const missing = missingIn(isAside ? attemptsOf(after) : after.actions, stage, orderOf(declared));
        return missing.length === 0
          ? []
          : [`${shortOf(after)} begins ${action.name}, but ${missing.join()} before it did not succeed`];
      });
      return [...enteredIn(change).flatMap(early), ...begunIn(change).flatMap(({ stage }) => early(stage)), ...begun];
    }),
});
