import type { Clock } from '../../platform/clock.ts';
import { BackendError } from '../../platform/errors/families.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import { listRows } from '../../platform/store/typed-rows.ts';
import { REMAINS_RECONCILER } from './resources.ts';

const PAGE = 200;

/**
 * Removes what a deleted pipeline leaves: its executions with their steps, and its versions, in bounded commits. Nothing reaches them any
 * more, since they belong to an incarnation that is gone; the ledger keeps what happened.
 */
export const remainsReconciler = ({ store }: { store: Store; clock: Clock }): Reconciler => ({
  name: REMAINS_RECONCILER,
  async reconcile(key) {
    await removeChildren(store, key, 'PipelineExecution', key.name, async (execution) => {
      await removeChildren(store, execution, 'PipelineExecutionStep', execution.name);
    });
    await removeChildren(store, key, 'PipelineVersion', key.name);
    const row = await store.get(key);
    await commit(store, row ? [{ key, version: row.version }] : [], [{ reconciler: REMAINS_RECONCILER, key, dueAtMs: null }]);
  },
});

async function removeChildren(
  store: Store,
  place: Pick<ResourceKey, 'account' | 'region'>,
  kind: string,
  parent: string,
  before?: (key: ResourceKey) => Promise<void>,
): Promise<void> {
  const { account, region } = place;
  for (;;) {
    const { rows } = await listRows(store, { account, region, kind, parent, sortBy: 'name', order: 'ascending', limit: PAGE });
    if (rows.length === 0) return;
    for (const { key } of rows) await before?.(key);
    await commit(store, rows);
  }
}

async function commit(
  store: Store,
  rows: readonly { key: ResourceKey; version: number }[],
  timers?: readonly { reconciler: string; key: ResourceKey; dueAtMs: null }[],
): Promise<void> {
  const { outcome } = await store.commit({
    expect: rows.map(({ key, version }) => ({ key, version })),
    remove: rows.map(({ key }) => key),
    ...(timers && { timers }),
  });
  // nobody else writes these rows, so this is the store's trouble
  if (outcome !== 'done')
    throw new BackendError('storage', `Rows of a deleted pipeline could not be removed: ${outcome}.`, { retryable: true });
}
