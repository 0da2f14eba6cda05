import type { OperationContext } from '../../platform/calls/operation.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Row, Store, Write } from '../../platform/store/port.ts';
import { activeBucket, readObjectRows, type ObjectRows } from './bucket-access.ts';
import { objectArn, objectKey, type ObjectDocument } from './resources.ts';

/**
 * Makes an object visible in one commit; of several writers of a key the one that commits last wins. The bytes are in the
 * blob store already: dying before the commit leaves a blob that nothing names. `known` saves the first read.
 */
export async function writeObject(
  store: Store,
  context: OperationContext,
  place: { readonly bucket: string; readonly key: string },
  document: ObjectDocument,
  known?: ObjectRows,
): Promise<void> {
  await decideAndCommit(store, async (count) => {
    const rows = count === 0 && known ? known : await readObjectRows(store, context.account, place.bucket, place.key);
    // The commit before was answered "unknown" and did take effect.
    if (rows.object?.document.writeId === document.writeId) return { result: undefined };
    const bucket = activeBucket(rows.bucket, place.bucket);
    const { expect, write, ledger } = objectChange(context, place, document, rows.object);
    return {
      commit: { expect: [{ key: bucket.key, version: bucket.version }, expect], write: [write], ledger: [ledger] },
      result: undefined,
    };
  });
}

/** The parts of a commit that put `document` under its key. */
export function objectChange(
  context: OperationContext,
  { bucket, key }: { readonly bucket: string; readonly key: string },
  document: ObjectDocument,
  before: Row<ObjectDocument> | undefined,
): { expect: { key: Write['key']; version: number }; write: Write; ledger: LedgerInput } {
  const rowKey = objectKey(context.account, bucket, key);
  const old = before?.document.blob;
  return {
    expect: { key: rowKey, version: before?.version ?? 0 },
    write: {
      key: rowKey,
      document,
      // No parent: the name starts with the bucket, and three more indexes would cost every small object their upkeep.
      index: { createdAtMs: before?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs },
      blobs: [document.blob.digest],
    },
    ledger: entryOf(context, 's3:PutObject', [objectArn(bucket, key)], {
      digest: [old?.digest ?? null, document.blob.digest],
      sizeBytes: [old?.sizeBytes ?? null, document.blob.sizeBytes],
    }),
  };
}
