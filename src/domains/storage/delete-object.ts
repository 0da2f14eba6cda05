import { accepted } from '../../platform/errors/rejection.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Row, Store } from '../../platform/store/port.ts';
import { checkWriteConditions } from './decide-preconditions.ts';
import { type KeyState, planDelete, planDeleteVersion } from './decide-versions.ts';
import { findVersion, isCurrent, newestVersions, type ObjectPlace, readKeyState } from './key-state.ts';
import { notificationsOf, type Told } from './notifications.ts';
import { objectArn, objectKey, type ObjectDocument } from './resources.ts';
import type { StoragePorts } from './ports.ts';

export interface DeleteOutcome {
  /** Of the version that is gone, or of the marker made. */
  readonly versionId?: string;
  /** A marker was made, or one was deleted. */
  readonly deleteMarker: boolean;
}

/** Deletes one key, or one version of it. What is absent is as deleted as what was present. */
export async function deleteOne(
  { store, ids }: Pick<StoragePorts, 'store' | 'ids'>,
  context: OperationContext,
  place: ObjectPlace,
  { versionId, ifMatch }: { readonly versionId?: string; readonly ifMatch?: string },
): Promise<DeleteOutcome> {
  const markerId = ids.alphanumeric(32);
  return decideAndCommit<DeleteOutcome>(store, async (count) => {
    const state = await readKeyState(store, context.account, place);
    if (versionId !== undefined) return deleteVersion(store, context, state, place, versionId);
    accepted(checkWriteConditions({ IfMatch: ifMatch }, state.object?.document.eTag));
    // The commit before was answered "unknown" and did take effect.
    if (count > 0 && state.newest?.document.versionId === markerId) {
      return { result: { versionId: markerId, deleteMarker: true } };
    }
    const { marker, ...change } = planDelete(state, markerId, context.nowMs);
    const result = { ...(marker !== undefined && { versionId: marker }), deleteMarker: marker !== undefined };
    if (change.write.length + change.remove.length === 0) return { result };
    const event = marker === undefined ? 'ObjectRemoved:Delete' : 'ObjectRemoved:DeleteMarkerCreated';
    const told = removalTold(context, state, event, markerId, marker);
    return { commit: { ...change, ...merged(change.write, told), ledger: [removalEntry(context, state, place)] }, result };
  });
}

async function deleteVersion(store: Store, context: OperationContext, state: KeyState, place: ObjectPlace, versionId: string) {
  const found = isCurrent(state, versionId) ? 'current' : await findVersion(store, context.account, place, versionId);
  if (!found) return { result: { versionId, deleteMarker: false } };
  const [, second] = await newestVersions(store, context.account, place, 2);
  const change = planDeleteVersion(state, found, second);
  const deleteMarker = found !== 'current' && found.document.object === undefined;
  const told = removalTold(context, state, 'ObjectRemoved:Delete', `${versionId}/${context.requestId}`, versionId);
  const blob = found === 'current' ? state.object?.document.blob : found.document.object?.blob;
  const ledger = entryOf(context, 's3:DeleteObjectVersion', [objectArn(place.bucket, place.key)], {
    versionId: [versionId, null],
    digest: [blob?.digest ?? null, null],
  });
  return { commit: { ...change, ...merged(change.write, told), ledger: [ledger] }, result: { versionId, deleteMarker } };
}

const merged = (write: KeyStateWrites, told: Told) => ({
  write: [...write, ...told.write],
  timers: told.timers,
  events: told.events,
});
type KeyStateWrites = ReturnType<typeof planDelete>['write'];

const removalTold = (
  context: OperationContext,
  state: KeyState,
  event: string,
  changeId: string,
  versionId: string | undefined,
): Told =>
  notificationsOf(context, state.bucket.document, {
    event,
    key: state.key,
    changeId,
    eTag: state.object?.document.eTag,
    versionId,
  });

const removalEntry = (context: OperationContext, { object }: KeyState, { bucket, key }: ObjectPlace) =>
  entryOf(context, 's3:DeleteObject', [objectArn(bucket, key)], {
    digest: [object?.document.blob.digest ?? null, null],
    sizeBytes: [object?.document.blob.sizeBytes ?? null, null],
  });

/** Many keys of a bucket without versions that tells nobody: one commit, hence all or nothing when the server dies. */
export async function deletePlain(
  store: Store,
  context: OperationContext,
  bucket: string,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return;
  await decideAndCommit(store, async () => {
    const rows = await store.getMany<ObjectDocument>(keys.map((key) => objectKey(context.account, bucket, key)));
    const present = rows.filter((row): row is Row<ObjectDocument> => row !== undefined);
    if (present.length === 0) return { result: undefined };
    return {
      commit: {
        expect: present.map(({ key, version }) => ({ key, version })),
        remove: present.map(({ key }) => key),
        ledger: present.map(({ key, document }) =>
          entryOf(context, 's3:DeleteObject', [`arn:aws:s3:::${key.name}`], {
            digest: [document.blob.digest, null],
            sizeBytes: [document.blob.sizeBytes, null],
          }),
        ),
      },
      result: undefined,
    };
  });
}
