import type { Clock } from '../../platform/clock.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { GLOBAL, type ResourceKey } from '../../platform/resource-key.ts';
import type { Cursor, Store } from '../../platform/store/port.ts';
import { UNUSED_LAYER_KEPT_MS } from './operations/layers.ts';
import { LAYER, LAYER_SWEEP, type LayerDocument, parentOf, UPLOAD_EXPIRY } from './resources.ts';

interface Ports {
  readonly store: Store;
  readonly clock: Clock;
}

/** Removes layers of a repository that no image refers to, an hour after they were pushed; their bytes go with the last row. */
export const layerSweep = ({ store, clock }: Ports): Reconciler => ({
  name: LAYER_SWEEP,
  async reconcile(key) {
    const repository = await store.get(key);
    // without the repository nobody can use them any more
    const before = repository ? clock.now() - UNUSED_LAYER_KEPT_MS : Number.POSITIVE_INFINITY;
    const youngestMs = await sweep(store, key, before);
    const dueAtMs = youngestMs === undefined ? null : youngestMs + UNUSED_LAYER_KEPT_MS;
    await store.commit({
      expect: [{ key, version: repository?.version ?? 0 }],
      timers: [{ reconciler: LAYER_SWEEP, key, dueAtMs }],
    });
  },
});

/** When the oldest unused layer that stays was pushed. */
async function sweep(store: Store, { account, region, name }: ResourceKey, beforeMs: number): Promise<number | undefined> {
  let oldestMs: number | undefined;
  let after: Cursor | undefined;
  do {
    const page = await store.list<LayerDocument>({
      account,
      region: GLOBAL,
      kind: LAYER.kind,
      parent: parentOf({ account, region }, name),
      sortBy: 'name',
      order: 'ascending',
      ...(after && { after }),
      limit: 200,
    });
    for (const row of page.rows) {
      if ((await store.referrers(row.key, 1)).length > 0) continue;
      // an image that is put now expects the row as it is: of the two commits one fails
      if (row.index.modifiedAtMs <= beforeMs)
        await store.commit({ expect: [{ key: row.key, version: row.version }], remove: [row.key] });
      else oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, row.index.modifiedAtMs);
    }
    after = page.next;
  } while (after);
  return oldestMs;
}

/** Forgets an upload that nobody went on with: its timer is moved by every part. */
export const uploadExpiry = ({ store }: Ports): Reconciler => ({
  name: UPLOAD_EXPIRY,
  async reconcile(key) {
    const row = await store.get(key);
    await store.commit({
      expect: [{ key, version: row?.version ?? 0 }],
      ...(row && { remove: [key] }),
      timers: [{ reconciler: UPLOAD_EXPIRY, key, dueAtMs: null }],
    });
  },
});
