import { BackendError } from '../../platform/errors/families.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import type { DeliveryPorts } from './ports.ts';
import { EXECUTION_KIND, EXECUTION_RECONCILER, JOB_KIND, REMAINS_RECONCILER, SOURCE_KIND, VERSION_KIND } from './resources.ts';

const PAGE = 200;

/**
 * Removes what a deleted pipeline leaves: watched sources, executions with their jobs, versions, in bounded commits. Nothing reaches them any
 * more, since they belong to an incarnation that is gone; the ledger keeps what happened.
 */
export const remainsReconciler = ({ store }: Pick<DeliveryPorts, 'store'>): Reconciler => ({
  name: REMAINS_RECONCILER,
  async reconcile(key) {
    await removeAll(store, key, { kind: SOURCE_KIND, namePrefix: `${key.name}/` });
    await removeAll(store, key, { kind: EXECUTION_KIND, parent: key.name }, (execution) =>
      removeAll(store, execution, { kind: JOB_KIND, parent: execution.name }),
    );
    await removeAll(store, key, { kind: VERSION_KIND, parent: key.name });
    const row = await store.get(key);
    await commit(store, {
      expect: [{ key, version: row?.version ?? 0 }],
      remove: row ? [key] : [],
      timers: [{ reconciler: REMAINS_RECONCILER, key, dueAtMs: null }],
    });
  },
});

async function removeAll(
  store: Store,
  { account, region }: ResourceKey,
  what: { readonly kind: string; readonly parent?: string; readonly namePrefix?: string },
  before?: (key: ResourceKey) => Promise<void>,
): Promise<void> {
  for (;;) {
    const { rows } = await store.list({ account, region, ...what, sortBy: 'name', order: 'ascending', limit: PAGE });
    if (rows.length === 0) return;
    for (const { key } of rows) await before?.(key);
    await commit(store, {
      expect: rows.map(({ key, version }) => ({ key, version })),
      remove: rows.map(({ key }) => key),
      ...(what.kind === EXECUTION_KIND && {
        timers: rows.map(({ key }) => ({ reconciler: EXECUTION_RECONCILER, key, dueAtMs: null })),
      }),
    });
  }
}

async function commit(store: Store, changes: Commit): Promise<void> {
  const { outcome } = await store.commit(changes);
  // an execution was just moved on, or it is the store's trouble: the next look decides anew
  if (outcome !== 'done') {
    throw new BackendError('storage', `Rows of a deleted delivery pipeline could not be removed: ${outcome}.`, {
      retryable: true,
    });
  }
}
