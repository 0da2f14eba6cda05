import type { Clock } from '../../platform/clock.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { type AlongWith, removeRows, removeWithTimer } from '../../platform/reconcile/remove-rows.ts';
import { keyText } from '../../platform/resource-key.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { type DefinitionDocument, definitionKey, REMAINS_RECONCILER, type VersionDocument } from './resources.ts';

const PAGE = 200;
/** Each may have a definition of its own to look at. */
const VERSIONS_PAGE = 50;

/**
 * Removes what a deleted pipeline leaves: its executions with their steps, the results kept of them, then its versions, with each definition that no version of
 * another pipeline has, in bounded commits. Nothing reaches them any more, since they belong to an incarnation that is gone; the ledger
 * keeps what happened. An execution's definition is always that of a version of its pipeline, so executions go before versions.
 */
export const remainsReconciler = ({ store }: { store: Store; clock: Clock }): Reconciler => ({
  name: REMAINS_RECONCILER,
  async reconcile(key) {
    const { account, region, name } = key;
    const children = (kind: string, parent: string) => ({ account, region, kind, parent, limit: PAGE });
    await removeRows(store, children('PipelineExecution', name), async (executions) => {
      for (const execution of executions) await removeRows(store, children('PipelineExecutionStep', execution.key.name));
      return {};
    });
    await removeRows(store, children('PipelineStepCache', name));
    const versions = { ...children('PipelineVersion', name), limit: VERSIONS_PAGE };
    await removeRows<VersionDocument>(store, versions, (rows) => definitionsOf(store, key, rows));
    await removeWithTimer(store, REMAINS_RECONCILER, key);
  },
});

/**
 * A definition goes in the commit that removes the last version with it: after that nothing would tell that it is there. One that others
 * still have is written, unchanged, so that of two pipelines which go at the same time one sees that it is the last.
 */
async function definitionsOf(store: Store, place: Place, versions: readonly Read<VersionDocument>[]): Promise<AlongWith> {
  const going = new Set(versions.map(({ key }) => keyText(key)));
  const unused: Read<DefinitionDocument>[] = [];
  const used: Read<DefinitionDocument>[] = [];
  for (const digest of new Set(versions.map(({ document }) => document.definitionDigest))) {
    // first the row, then who refers to it: a version that joins in between writes the row, and the commit meets a conflict
    const row = await readRow<DefinitionDocument>(store, definitionKey(place, digest));
    if (!row?.document.referred) continue;
    const referrers = await store.referrers(row.key, VERSIONS_PAGE + 1);
    (referrers.every((referrer) => going.has(keyText(referrer))) ? unused : used).push(row);
  }
  return {
    expect: [...unused, ...used].map(({ key, version }) => ({ key, version })),
    remove: unused.map(({ key }) => key),
    write: used.map(({ key, document, index }) => writeOf(key, document, index)),
  };
}
