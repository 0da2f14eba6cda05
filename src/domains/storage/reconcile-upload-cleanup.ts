import type { Clock } from '../../platform/clock.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { removeRows } from '../../platform/reconcile/remove-rows.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import { UPLOAD_CLEANUP, UPLOAD_PART, type UploadDocument } from './resources.ts';

const PARTS_PER_COMMIT = 500;
/** How long a completed upload remembers its outcome, for a client that asks again. */
const COMPLETION_KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Takes an ended upload's parts away, which frees their blobs, then the upload. Its row stayed so that no part could be
 * added after the end; a part's commit expects the row as it was while open.
 */
export const uploadCleanupReconciler = ({ store, clock }: { store: Store; clock: Clock }): Reconciler => ({
  name: UPLOAD_CLEANUP,
  async reconcile(key) {
    const row = await store.get<UploadDocument>(key);
    if (!row) {
      await store.commit({ expect: [{ key, version: 0 }], timers: [{ reconciler: UPLOAD_CLEANUP, key, dueAtMs: null }] });
      return;
    }
    if (row.index.status === 'Open') return;
    const parts = { account: key.account, region: GLOBAL, kind: UPLOAD_PART.kind, namePrefix: `${row.document.uploadId}/` };
    await removeRows(store, { ...parts, limit: PARTS_PER_COMMIT });
    const keepUntilMs = (row.document.completion?.completedAtMs ?? Number.NEGATIVE_INFINITY) + COMPLETION_KEPT_MS;
    const isKept = keepUntilMs > clock.now();
    await store.commit({
      expect: [{ key, version: row.version }],
      ...(!isKept && { remove: [key] }),
      timers: [{ reconciler: UPLOAD_CLEANUP, key, dueAtMs: isKept ? keepUntilMs : null }],
    });
  },
});
