import { ServiceError } from '../../platform/errors/families.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Row, Store } from '../../platform/store/port.ts';
import { activeBucket, readObjectRows } from './bucket-access.ts';
import type { KeyState } from './decide-versions.ts';
import {
  type BucketDocument,
  noSuchBucket,
  noSuchKey,
  noSuchVersion,
  NULL_VERSION,
  OBJECT_VERSION,
  type ObjectDocument,
  type VersionDocument,
  versionIdOf,
  versionParent,
  versionPrefix,
} from './resources.ts';

export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** Reads what stands under a key; `known` saves the first read. Throws NoSuchBucket. */
export async function readKeyState(
  store: Store,
  account: string,
  place: ObjectPlace,
  known?: { readonly bucket?: Row<BucketDocument>; readonly object?: Row<ObjectDocument> },
): Promise<KeyState> {
  const rows = known ?? (await readObjectRows(store, account, place.bucket, place.key));
  const bucket = activeBucket(rows.bucket, place.bucket);
  const state = { account, bucket, key: place.key, ...(rows.object && { object: rows.object }) };
  if (bucket.document.versioning === undefined) return state;
  const [[newest], nullVersion] = await Promise.all([
    newestVersions(store, account, place, 1),
    bucket.document.versioning === 'Suspended' ? findVersion(store, account, place, NULL_VERSION) : undefined,
  ]);
  return { ...state, ...(newest && { newest }), ...(nullVersion && { nullVersion }) };
}

/** Those that are not current, newest first. */
export async function newestVersions(
  store: Store,
  account: string,
  { bucket, key }: ObjectPlace,
  limit: number,
): Promise<Row<VersionDocument>[]> {
  const page = await store.list<VersionDocument>({
    account,
    region: GLOBAL,
    kind: OBJECT_VERSION.kind,
    namePrefix: versionPrefix(bucket, key),
    sortBy: 'name',
    order: 'ascending',
    limit,
  });
  return page.rows;
}

/** The version that is not current and has this id. */
export async function findVersion(
  store: Store,
  account: string,
  { bucket, key }: ObjectPlace,
  versionId: string,
): Promise<Row<VersionDocument> | undefined> {
  const page = await store.list<VersionDocument>({
    account,
    region: GLOBAL,
    kind: OBJECT_VERSION.kind,
    parent: versionParent(bucket, key, versionId),
    sortBy: 'name',
    order: 'ascending',
    limit: 1,
  });
  return page.rows[0];
}

/** Whether `versionId` names what is current. */
export const isCurrent = ({ object }: KeyState, versionId: string): boolean =>
  object !== undefined && versionIdOf(object.document) === versionId;

/** An object as a read finds it. */
export interface FoundObject {
  readonly row: Row;
  readonly document: ObjectDocument;
  readonly modifiedAtMs: number;
  /** Where the bucket has, or had, versioning. */
  readonly versionId?: string;
}

/**
 * The object, or the version of it, that a read names. Throws NoSuchBucket, NoSuchKey, NoSuchVersion, and MethodNotAllowed for a delete
 * marker; a marker is told in the error's members, and so is the `method` of the request.
 */
export async function readObject(
  store: Store,
  account: string,
  place: ObjectPlace,
  versionId?: string,
  method: 'GET' | 'PUT' | 'DELETE' = 'GET',
): Promise<FoundObject> {
  const rows = await readObjectRows(store, account, place.bucket, place.key);
  if (!rows.bucket) throw noSuchBucket(place.bucket);
  const { object } = rows;
  const versioned = rows.bucket.document.versioning !== undefined;
  if (object && (versionId === undefined || versionIdOf(object.document) === versionId)) {
    const found = { row: object, document: object.document, modifiedAtMs: object.index.modifiedAtMs };
    return versioned ? { ...found, versionId: versionIdOf(object.document) } : found;
  }
  if (versionId === undefined)
    throw versioned ? await absentVersioned(store, account, place) : noSuchKey(place.bucket, place.key);
  const version = await findVersion(store, account, place, versionId);
  if (!version) throw noSuchVersion(place.bucket, place.key, versionId);
  if (!version.document.object) throw markerRead(version, method);
  return { row: version, document: version.document.object, modifiedAtMs: version.index.modifiedAtMs, versionId };
}

async function absentVersioned(store: Store, account: string, place: ObjectPlace): Promise<ServiceError> {
  const [newest] = await newestVersions(store, account, place, 1);
  const error = noSuchKey(place.bucket, place.key);
  if (newest && !newest.document.object)
    Object.assign(error.members, { DeleteMarker: true, VersionId: newest.document.versionId });
  return error;
}

const markerRead = ({ document }: Row<VersionDocument>, method: string): ServiceError =>
  new ServiceError('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
    Method: method,
    ResourceType: 'DeleteMarker',
    DeleteMarker: true,
    VersionId: document.versionId,
  });
