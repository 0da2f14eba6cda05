import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { Clock } from '../../platform/clock.ts';
import { GLOBAL, type ResourceKey } from '../../platform/resource-key.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Row, Store } from '../../platform/store/port.ts';
import {
  BUCKET_DELETION,
  bucketArn,
  OBJECT,
  OBJECT_VERSION,
  UPLOAD,
  UPLOAD_CLEANUP,
  type BucketDocument,
  type UploadDocument,
} from './resources.ts';

/**
 * Ends a deletion that DeleteBucket began: the mark on the bucket keeps writers out, so what the look into it finds stays
 * true until the commit. Dying in between leaves the mark and its timer, and the next start decides again.
 */
export async function finishBucketDeletion(store: Store, key: ResourceKey, nowMs: number): Promise<'deleted' | 'not-empty'> {
  return decideAndCommit<'deleted' | 'not-empty'>(store, async () => {
    const row = await store.get<BucketDocument>(key);
    if (!row?.document.deletion) return { result: row ? 'not-empty' : 'deleted' };
    const { deletion, ...document } = row.document;
    const expect = [{ key, version: row.version }];
    const timers = [{ reconciler: BUCKET_DELETION, key, dueAtMs: null }];
    const holds = await holdsObjects(store, key.account, key.name);
    if (holds) {
      return { commit: { expect, write: [{ key, document, index: row.index }], timers }, result: 'not-empty' };
    }
    await abortUploads(store, key, nowMs);
    return {
      commit: {
        expect,
        remove: [key],
        timers,
        ledger: [
          {
            timeMs: nowMs,
            account: key.account,
            region: deletion.region,
            actor: deletion.actor,
            action: 's3:DeleteBucket',
            outcome: 'done',
            resources: [bucketArn(key.name)],
            changes: { region: [document.region, null] },
            requestId: deletion.requestId,
          },
        ],
      },
      result: 'deleted',
    };
  });
}

/** Versions hold a bucket as objects do. */
export async function holdsObjects(store: Store, account: string, bucket: string): Promise<boolean> {
  for (const { kind } of [OBJECT, OBJECT_VERSION]) {
    const page = await store.list({
      account,
      region: GLOBAL,
      kind,
      namePrefix: `${bucket}/`,
      sortBy: 'name',
      order: 'ascending',
      limit: 1,
    });
    if (page.rows.length > 0) return true;
  }
  return false;
}

/** Uploads begun and never completed do not hold a bucket; their parts go by the uploads' own cleanup. */
async function abortUploads(store: Store, bucket: ResourceKey, nowMs: number): Promise<void> {
  for (;;) {
    const page = await store.list<UploadDocument>({
      account: bucket.account,
      region: GLOBAL,
      kind: UPLOAD.kind,
      status: 'Open',
      namePrefix: `${bucket.name}/`,
      sortBy: 'name',
      order: 'ascending',
      limit: 100,
    });
    if (page.rows.length === 0) return;
    for (const row of page.rows) await abortUpload(store, row, nowMs);
  }
}

async function abortUpload(store: Store, row: Row<UploadDocument>, nowMs: number): Promise<void> {
  // A conflict means that a client ended it first; the next page shows.
  await store.commit({
    expect: [{ key: row.key, version: row.version }],
    write: [{ key: row.key, document: row.document, index: { ...row.index, status: 'Aborted', modifiedAtMs: nowMs } }],
    timers: [{ reconciler: UPLOAD_CLEANUP, key: row.key, dueAtMs: nowMs }],
  });
}

export const bucketDeletionReconciler = ({ store, clock }: { store: Store; clock: Clock }): Reconciler => ({
  name: BUCKET_DELETION,
  async reconcile(key) {
    await finishBucketDeletion(store, key, clock.now());
  },
});
