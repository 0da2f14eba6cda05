import { keyText, type ResourceKey } from '../../../src/platform/resource-key.ts';
import { type Check, shown } from './check.ts';

/** Of these the newest result stands, or the name is never used again: there is nothing that could be lost. */
const MAY_BE_BLIND = new Set(['PipelineStepCache', 'FunctionEnvironment']);

/** Rules of state 1 and 2 in ARCHITECTURE.md. */
export const checkNothingOverwritten = (): Check => ({
  promise: 'who writes or removes a row that is there, or clears a timer, says which version of it that was decided on',
  onCommit({ commit, changes }) {
    const expected = new Set(commit.expect.map(({ key }) => keyText(key)));
    const isBlind = (key: ResourceKey) => !expected.has(keyText(key)) && !MAY_BE_BLIND.has(key.kind);
    // the tags of a resource go with it, whatever they are: who changes them expects the resource
    const goesAlong = ({ key, after }: (typeof changes)[number]) => key.kind === 'Tags' && after === undefined;
    const blind = changes.filter((change) => change.before !== undefined && isBlind(change.key) && !goesAlong(change));
    const cleared = (commit.timers ?? []).filter(({ key, dueAtMs }) => dueAtMs === null && isBlind(key));
    return [
      ...blind.map(({ key, after }) => `${shown(key)} was ${after ? 'written over' : 'removed'} without its version in expect`),
      ...cleared.map(
        ({ key, reconciler }) => `the timer ${reconciler} of ${shown(key)} was cleared without its version in expect`,
      ),
    ];
  },
});
