import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import { bucketArn, bucketKey, type BucketDocument } from './resources.ts';

/** Where SageMaker SDKs put what has no other place: `sagemaker-<region>-<account>`. */
export const defaultBucketName = ({ account, region }: { readonly account: string; readonly region: string }): string =>
  `sagemaker-${region}-${account}`;

/** Creates the default bucket of a region unless it is there; `main` calls it before requests are answered. */
export async function ensureDefaultBucket(
  store: Store,
  place: { readonly account: string; readonly region: string },
  nowMs: number,
): Promise<void> {
  const { account, region } = place;
  const name = defaultBucketName(place);
  const key = bucketKey(account, name);
  const document: BucketDocument = { name, region };
  const commit: Commit = {
    expect: [{ key, version: 0 }],
    write: [{ key, document, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } }],
    ledger: [
      ownEntry('storage', place, {
        timeMs: nowMs,
        action: 's3:CreateBucket',
        resources: [bucketArn(name)],
        changes: { region: [null, region] },
        reason: 'default bucket',
      }),
    ],
  };
  await decideAndCommit(store, async () => ((await store.get(key)) ? { result: undefined } : { commit, result: undefined }));
}
