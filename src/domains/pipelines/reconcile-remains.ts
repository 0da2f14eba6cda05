import type { Clock } from '../../platform/clock.ts';
import { BackendError } from '../../platform/errors/families.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Store, TimerChange } from '../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
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
    await removeChildren(store, key, 'PipelineExecution', key.name, async (execution) => {
      await removeChildren(store, execution, 'PipelineExecutionStep', execution.name);
    });
    await removeChildren(store, key, 'PipelineStepCache', key.name);
    await removeVersions(store, key);
    const row = await store.get(key);
    await commit(store, row ? [{ key, version: row.version }] : [], {
      absent: row ? [] : [key],
      timers: [{ reconciler: REMAINS_RECONCILER, key, dueAtMs: null }],
    });
  },
});

interface Seen {
  readonly key: ResourceKey;
  readonly version: number;
}

async function removeChildren(
  store: Store,
  place: Pick<ResourceKey, 'account' | 'region'>,
  kind: string,
  parent: string,
  before?: (key: ResourceKey) => Promise<void>,
): Promise<void> {
  for (;;) {
    const rows = await childrenOf(store, place, kind, parent, PAGE);
    if (rows.length === 0) return;
    for (const { key } of rows) await before?.(key);
    await commit(store, rows);
  }
}

async function childrenOf<D extends object>(
  store: Store,
  { account, region }: Pick<ResourceKey, 'account' | 'region'>,
  kind: string,
  parent: string,
  limit: number,
): Promise<Read<D>[]> {
  return (await listRows<D>(store, { account, region, kind, parent, sortBy: 'name', order: 'ascending', limit })).rows;
}

/**
 * A definition goes in the commit that removes the last version with it: after that nothing would tell that it is there. One that others
 * still have is written, unchanged, so that of two pipelines which go at the same time one sees that it is the last.
 */
async function removeVersions(store: Store, remains: ResourceKey): Promise<void> {
  for (;;) {
    const versions = await childrenOf<VersionDocument>(store, remains, 'PipelineVersion', remains.name, VERSIONS_PAGE);
    if (versions.length === 0) return;
    const going = new Set(versions.map(({ key }) => keyText(key)));
    const unused: Read<DefinitionDocument>[] = [];
    const used: Read<DefinitionDocument>[] = [];
    for (const digest of new Set(versions.map(({ document }) => document.definitionDigest))) {
      // first the row, then who refers to it: a version that joins in between writes the row, and the commit meets a conflict
      const row = await readRow<DefinitionDocument>(store, definitionKey(remains, digest));
      if (!row?.document.referred) continue;
      const referrers = await store.referrers(row.key, VERSIONS_PAGE + 1);
      (referrers.every((referrer) => going.has(keyText(referrer))) ? unused : used).push(row);
    }
    await commit(store, [...versions, ...unused], { kept: used });
  }
}

interface More {
  readonly kept?: readonly Read<DefinitionDocument>[];
  readonly absent?: readonly ResourceKey[];
  readonly timers?: readonly TimerChange[];
}

async function commit(store: Store, rows: readonly Seen[], { kept = [], absent = [], timers }: More = {}): Promise<void> {
  const { outcome } = await store.commit({
    expect: [...[...rows, ...kept].map(({ key, version }) => ({ key, version })), ...absent.map((key) => ({ key, version: 0 }))],
    remove: rows.map(({ key }) => key),
    write: kept.map(({ key, document, index }) => writeOf(key, document, index)),
    ...(timers && { timers }),
  });
  // another pipeline took up or let go of one of the definitions, or it is the store's trouble: the next look decides anew
  if (outcome !== 'done')
    throw new BackendError('storage', `Rows of a deleted pipeline could not be removed: ${outcome}.`, { retryable: true });
}
