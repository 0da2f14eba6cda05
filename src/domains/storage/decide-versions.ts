import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Row, RowIndex, Write } from '../../platform/store/port.ts';
import {
  type BucketDocument,
  NULL_VERSION,
  type ObjectDocument,
  objectKey,
  type VersionDocument,
  versionIdOf,
  versionKey,
  versionParent,
} from './resources.ts';

/** Everything that stands under a key. Only buckets that have, or had, versioning have more than the object. */
export interface KeyState {
  readonly account: string;
  readonly bucket: Row<BucketDocument>;
  readonly key: string;
  readonly object?: Row<ObjectDocument>;
  /** Of those that are not current. */
  readonly newest?: Row<VersionDocument>;
  /** The one without an id of its own, when it is not current. */
  readonly nullVersion?: Row<VersionDocument>;
}

/** Rows to change in one commit. */
export interface KeyChange {
  readonly expect: readonly { readonly key: ResourceKey; readonly version: number }[];
  readonly write: readonly Write[];
  readonly remove: readonly ResourceKey[];
}

/** Puts `document` under its key; what was current stays as a version where the bucket keeps versions. */
export function planPut(state: KeyState, document: ObjectDocument, nowMs: number): KeyChange {
  const kept = keepCurrent(state);
  const overwritten = overwrittenNull(state);
  return {
    expect: [bucketAsRead(state), objectAsRead(state), ...kept.expect, ...overwritten.expect],
    write: [
      {
        key: objectKey(state.account, state.bucket.document.name, state.key),
        document,
        // No parent: the name starts with the bucket, and three more indexes would cost every small object their upkeep.
        index: { createdAtMs: state.object?.index.createdAtMs ?? nowMs, modifiedAtMs: nowMs },
        blobs: [document.blob.digest],
      },
      ...kept.write,
    ],
    remove: overwritten.remove,
  };
}

/** Deletes what is current. With versioning it becomes a version, and a delete marker stands in its place. */
export function planDelete(state: KeyState, markerId: string, nowMs: number): KeyChange & { readonly marker?: string } {
  const gone = state.object ? [state.object.key] : [];
  if (state.bucket.document.versioning === undefined) return { expect: [objectAsRead(state)], write: [], remove: gone };
  const kept = keepCurrent(state);
  const overwritten = overwrittenNull(state);
  const marker: VersionDocument = {
    bucket: state.bucket.document.name,
    key: state.key,
    order: nextOrder(state) + kept.write.length,
    versionId: state.bucket.document.versioning === 'Enabled' ? markerId : NULL_VERSION,
  };
  const written = newVersion(state.account, marker, { createdAtMs: nowMs, modifiedAtMs: nowMs });
  return {
    expect: [bucketAsRead(state), objectAsRead(state), ...kept.expect, ...overwritten.expect, { key: written.key, version: 0 }],
    write: [...kept.write, written],
    remove: [...gone, ...overwritten.remove],
    marker: marker.versionId,
  };
}

/**
 * Deletes one version for good. When it was current, or the marker over it, the newest of the others becomes current; `second` is the newest
 * behind `state.newest`.
 */
export function planDeleteVersion(
  state: KeyState,
  found: Row<VersionDocument> | 'current',
  second: Row<VersionDocument> | undefined,
): KeyChange {
  const expect = [bucketAsRead(state), objectAsRead(state)];
  if (found === 'current') {
    const promoted = promote(state, state.newest);
    return {
      expect: [...expect, ...promoted.expect],
      write: promoted.write,
      remove: [...(state.object && promoted.write.length === 0 ? [state.object.key] : []), ...promoted.remove],
    };
  }
  const wasNewest = state.newest?.key.name === found.key.name;
  const promoted = state.object === undefined && wasNewest ? promote(state, second) : NOTHING;
  return {
    expect: [...expect, { key: found.key, version: found.version }, ...promoted.expect],
    write: promoted.write,
    remove: [found.key, ...promoted.remove],
  };
}

const NOTHING: KeyChange = { expect: [], write: [], remove: [] };

const bucketAsRead = ({ bucket }: KeyState) => ({ key: bucket.key, version: bucket.version });

const objectAsRead = ({ account, bucket, key, object }: KeyState) => ({
  key: objectKey(account, bucket.document.name, key),
  version: object?.version ?? 0,
});

const nextOrder = ({ newest }: KeyState): number => (newest?.document.order ?? 0) + 1;

/** The current object as a version, where it is not simply written over. */
function keepCurrent(state: KeyState): KeyChange {
  const { object, bucket } = state;
  const { versioning, name } = bucket.document;
  if (!object || versioning === undefined) return NOTHING;
  if (versioning === 'Suspended' && object.document.versionId === undefined) return NOTHING;
  const { document, index } = object;
  const version: VersionDocument = {
    bucket: name,
    key: state.key,
    order: nextOrder(state),
    versionId: versionIdOf(document),
    object: document,
  };
  const write = newVersion(state.account, version, index);
  return { expect: [{ key: write.key, version: 0 }], write: [write], remove: [] };
}

/** While versioning is suspended there is one version without an id; a new one takes its place, wherever it stands. */
function overwrittenNull({ bucket, nullVersion }: KeyState): KeyChange {
  if (bucket.document.versioning !== 'Suspended' || !nullVersion) return NOTHING;
  return { expect: [{ key: nullVersion.key, version: nullVersion.version }], write: [], remove: [nullVersion.key] };
}

/** `parent` finds it by its id. */
function newVersion(account: string, document: VersionDocument, { createdAtMs, modifiedAtMs }: RowIndex): Write {
  return {
    key: versionKey(account, document.bucket, document.key, document.order),
    document,
    index: { parent: versionParent(document.bucket, document.key, document.versionId), createdAtMs, modifiedAtMs },
    blobs: document.object ? [document.object.blob.digest] : [],
  };
}

/** Makes a version current again, with its own times; a delete marker stays what it is. */
function promote(state: KeyState, version: Row<VersionDocument> | undefined): KeyChange {
  const object = version?.document.object;
  if (!version || !object) return NOTHING;
  const { createdAtMs, modifiedAtMs } = version.index;
  const key = objectKey(state.account, state.bucket.document.name, state.key);
  return {
    expect: [{ key: version.key, version: version.version }],
    write: [{ key, document: object, index: { createdAtMs, modifiedAtMs }, blobs: [object.blob.digest] }],
    remove: [version.key],
  };
}
