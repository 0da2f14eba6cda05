import { accepted } from '../../platform/errors/rejection.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import type { ObjectRows } from './bucket-access.ts';
import { checkWriteConditions, type WriteConditions } from './decide-preconditions.ts';
import { type KeyState, planPut } from './decide-versions.ts';
import { type ObjectPlace, readKeyState } from './key-state.ts';
import { notificationsOf } from './notifications.ts';
import { objectArn, type ObjectDocument } from './resources.ts';

/** What a write needs besides its bytes. */
export interface ObjectWrite {
  readonly place: ObjectPlace;
  readonly document: ObjectDocument;
  /** `ObjectCreated:Put` and the like, for who is to be told. */
  readonly event: string;
  readonly conditions?: WriteConditions;
}

/**
 * Makes an object visible in one commit; of several writers of a key the one that commits last wins. The bytes are in the
 * blob store already: dying before the commit leaves a blob that nothing names. `known` saves the first read. Gives the object's version id
 * where the bucket keeps versions.
 */
export async function writeObject(
  store: Store,
  context: OperationContext,
  written: ObjectWrite,
  known?: ObjectRows,
): Promise<string | undefined> {
  return decideAndCommit<string | undefined>(store, async (count) => {
    const state = await readKeyState(store, context.account, written.place, count === 0 ? known : undefined);
    const versionId = newVersionId(state, written.document);
    // The commit before was answered "unknown" and did take effect.
    if (state.object?.document.writeId === written.document.writeId) return { result: versionId };
    return { commit: objectCommit(context, state, written), result: versionId };
  });
}

/** Of a version that is written: its own random write id serves. */
export const newVersionId = ({ bucket }: KeyState, { writeId }: ObjectDocument): string | undefined =>
  bucket.document.versioning === 'Enabled' ? writeId : undefined;

/** The commit that puts `document` under its key. Throws when a condition of the request does not hold. */
export function objectCommit(
  context: OperationContext,
  state: KeyState,
  { place, document, event, conditions }: ObjectWrite,
): Commit & { readonly write: NonNullable<Commit['write']>; readonly ledger: LedgerInput[] } {
  accepted(checkWriteConditions(conditions ?? {}, state.object?.document.eTag));
  const versionId = newVersionId(state, document);
  const { versionId: _ofSource, ...rest } = document;
  const change = planPut(state, { ...rest, ...(versionId !== undefined && { versionId }) }, context.nowMs);
  const told = notificationsOf(context, state.bucket.document, {
    event,
    key: place.key,
    changeId: document.writeId,
    sizeBytes: document.blob.sizeBytes,
    eTag: document.eTag,
    versionId,
  });
  const old = state.object?.document.blob;
  return {
    expect: change.expect,
    write: [...change.write, ...told.write],
    remove: change.remove,
    timers: told.timers,
    events: told.events,
    ledger: [
      entryOf(context, 's3:PutObject', [objectArn(place.bucket, place.key)], {
        digest: [old?.digest ?? null, document.blob.digest],
        sizeBytes: [old?.sizeBytes ?? null, document.blob.sizeBytes],
        ...(versionId !== undefined && { versionId: [state.object?.document.versionId ?? null, versionId] }),
      }),
    ],
  };
}
