import type { CommonPrefix, DeleteMarkerEntry, ObjectVersion } from '../../../contract/generated/s3.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import type { Row, Store } from '../../../platform/store/port.ts';
import { readBucket, readObjectRows } from '../bucket-access.ts';
import { decideCount, urlEncoded } from '../decide-listing.ts';
import { findVersion } from '../key-state.ts';
import { ownerOf } from '../owner.ts';
import {
  bucketArn,
  keyInName,
  OBJECT,
  OBJECT_VERSION,
  type ObjectDocument,
  quoted,
  type VersionDocument,
  versionIdOf,
  wholeSeconds,
} from '../resources.ts';
import type { StoragePorts } from '../ports.ts';

/** One entry of the listing before it is shown. */
interface Entry {
  readonly key: string;
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly modifiedAtMs: number;
  /** Absent: a delete marker. */
  readonly object?: ObjectDocument;
}

const PAGE_ROWS = 500;
/** Behind every key of a prefix. */
const LAST = '\u{10FFFF}';

export const listObjectVersions = (ports: StoragePorts): Operation<'s3:ListObjectVersions'> =>
  operation('s3:ListObjectVersions', {
    effect: 'read',
    needs: (input) => [
      { action: 's3:ListBucketVersions', resources: [bucketArn(input.Bucket)], context: { 's3:prefix': input.Prefix ?? '' } },
    ],
    async handle(input, context) {
      await readBucket(ports, context, input);
      if (input.VersionIdMarker && !input.KeyMarker) {
        throw new ServiceError('InvalidArgument', 'A version-id marker cannot be specified without a key marker.', {
          ArgumentName: 'version-id-marker',
        });
      }
      const { value: maxKeys } = accepted(decideCount('maxKeys', input.MaxKeys));
      const prefix = input.Prefix ?? '';
      const encode = (name: string): string => (input.EncodingType === 'url' ? urlEncoded(name) : name);
      const listed = await collect(ports.store, context.account, { ...input, prefix, maxKeys });
      const owner = ownerOf(context.account);
      const shown = (entry: Entry) => ({
        Key: encode(entry.key),
        VersionId: entry.versionId,
        IsLatest: entry.isLatest,
        LastModified: wholeSeconds(entry.modifiedAtMs),
        Owner: owner,
      });
      const versions = listed.entries.flatMap((entry): ObjectVersion[] =>
        entry.object
          ? [
              {
                ...shown(entry),
                ETag: quoted(entry.object.eTag),
                Size: entry.object.blob.sizeBytes,
                StorageClass: (entry.object.storageClass ?? 'STANDARD') as ObjectVersion['StorageClass'],
                ChecksumAlgorithm: [entry.object.checksum.algorithm],
                ChecksumType: entry.object.checksum.type,
              },
            ]
          : [],
      );
      const markers = listed.entries.flatMap((entry): DeleteMarkerEntry[] => (entry.object ? [] : [shown(entry)]));
      return {
        Name: input.Bucket,
        Prefix: encode(prefix),
        KeyMarker: encode(input.KeyMarker ?? ''),
        VersionIdMarker: input.VersionIdMarker ?? '',
        ...(input.Delimiter && { Delimiter: encode(input.Delimiter) }),
        MaxKeys: maxKeys,
        ...(input.EncodingType && { EncodingType: input.EncodingType }),
        IsTruncated: listed.next !== undefined,
        ...(listed.next && {
          NextKeyMarker: encode(listed.next.key),
          ...(listed.next.versionId !== undefined && { NextVersionIdMarker: listed.next.versionId }),
        }),
        Versions: versions,
        DeleteMarkers: markers,
        CommonPrefixes: listed.commonPrefixes.map((Prefix): CommonPrefix => ({ Prefix: encode(Prefix) })),
      };
    },
  });

interface Asked {
  readonly Bucket: string;
  readonly prefix: string;
  readonly Delimiter?: string;
  readonly KeyMarker?: string;
  readonly VersionIdMarker?: string;
  readonly maxKeys: number;
}

interface Listed {
  readonly entries: Entry[];
  readonly commonPrefixes: string[];
  /** The last one shown, when there are more. */
  readonly next?: { readonly key: string; readonly versionId?: string };
}

/** Walks both kinds of rows in the order of their keys; what is current comes first under its key. */
async function collect(store: Store, account: string, asked: Asked): Promise<Listed> {
  const entries: Entry[] = [];
  const commonPrefixes: string[] = [];
  let last: { key: string; versionId?: string } | undefined;
  for await (const entry of entriesFrom(store, account, asked)) {
    const commonPrefix = commonPrefixOf(asked, entry.key);
    if (commonPrefix !== undefined && commonPrefix === commonPrefixes.at(-1)) continue;
    if (entries.length + commonPrefixes.length >= asked.maxKeys) {
      return { entries, commonPrefixes, ...(last && { next: last }) };
    }
    if (commonPrefix === undefined) {
      entries.push(entry);
      last = { key: entry.key, versionId: entry.versionId };
    } else {
      commonPrefixes.push(commonPrefix);
      last = { key: commonPrefix };
    }
  }
  return { entries, commonPrefixes };
}

function commonPrefixOf({ prefix, Delimiter }: Asked, key: string): string | undefined {
  if (!Delimiter) return undefined;
  const at = key.indexOf(Delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + Delimiter.length);
}

/** Where a listing begins: behind these keys and names, the bucket left out. */
interface Start {
  readonly key: string;
  readonly version: string;
  /** What is current under the marker's key, where it comes first. */
  readonly first?: Row<ObjectDocument>;
  /** The marker's key: what follows of it is not its latest. */
  readonly inside?: string;
}

/**
 * A version marker that is gone meanwhile, as where a client deletes each page before it asks for the next, says nothing of where it stood:
 * then all that is left of its key is given, rather twice than never.
 */
async function startOf(store: Store, account: string, asked: Asked): Promise<Start> {
  const { Bucket, prefix, KeyMarker: marker = '', VersionIdMarker: versionMarker, Delimiter } = asked;
  // a marker that is a common prefix stands for all it rolled up
  const isRolledUp = Delimiter && marker !== '' && commonPrefixOf(asked, marker) === marker;
  const key = isRolledUp ? marker + LAST : marker;
  if (!versionMarker || isRolledUp) return { key, version: `${keyInName(key)}\u0002` };
  const [{ object }, version] = await Promise.all([
    readObjectRows(store, account, Bucket, marker),
    findVersion(store, account, { bucket: Bucket, key: marker }, versionMarker),
  ]);
  if (version) return { key, version: version.key.name.slice(Bucket.length + 1), inside: key };
  const older = `${keyInName(key)}\u0001`;
  if (object && versionIdOf(object.document) === versionMarker) return { key, version: older, inside: key };
  return { key, version: older, ...(object && key.startsWith(prefix) && { first: object }) };
}

async function* entriesFrom(store: Store, account: string, asked: Asked): AsyncGenerator<Entry> {
  const start = await startOf(store, account, asked);
  const current = currentRows(store, account, asked, start);
  const ofVersions = { ...asked, prefix: keyInName(asked.prefix) };
  const older = rowsOf<VersionDocument>(store, account, OBJECT_VERSION.kind, ofVersions, start.version);
  let object = await current.next();
  let version = await older.next();
  let before = start.inside;
  while (!object.done || !version.done) {
    const objectKey = object.done ? undefined : keyOf(object.value, asked.Bucket);
    const versionKey = version.done ? undefined : version.value.document.key;
    const takeObject = objectKey !== undefined && (versionKey === undefined || compare(objectKey, versionKey) <= 0);
    const entry: Entry = takeObject
      ? entryOfObject(objectKey, object.value as Row<ObjectDocument>)
      : entryOfVersion(version.value as Row<VersionDocument>, versionKey !== before);
    before = entry.key;
    if (takeObject) object = await current.next();
    else version = await older.next();
    yield entry;
  }
}

async function* currentRows(
  store: Store,
  account: string,
  asked: Asked,
  { first, key }: Start,
): AsyncGenerator<Row<ObjectDocument>> {
  if (first) yield first;
  yield* rowsOf<ObjectDocument>(store, account, OBJECT.kind, asked, key);
}

async function* rowsOf<D extends ObjectDocument | VersionDocument>(
  store: Store,
  account: string,
  kind: string,
  { Bucket, prefix }: Asked,
  start: string,
): AsyncGenerator<Row<D>> {
  let name = start === '' ? undefined : `${Bucket}/${start}`;
  for (;;) {
    const page = await store.list<D>({
      account,
      region: GLOBAL,
      kind,
      namePrefix: `${Bucket}/${prefix}`,
      sortBy: 'name',
      order: 'ascending',
      ...(name !== undefined && { after: { sort: name, name } }),
      limit: PAGE_ROWS,
    });
    yield* page.rows;
    if (!page.next) return;
    name = page.next.name;
  }
}

const keyOf = (row: Row<ObjectDocument>, bucket: string): string => row.key.name.slice(bucket.length + 1);

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const entryOfObject = (key: string, { document, index }: Row<ObjectDocument>): Entry => ({
  key,
  versionId: versionIdOf(document),
  isLatest: true,
  modifiedAtMs: index.modifiedAtMs,
  object: document,
});

const entryOfVersion = ({ document, index }: Row<VersionDocument>, isLatest: boolean): Entry => ({
  key: document.key,
  versionId: document.versionId,
  isLatest,
  modifiedAtMs: index.modifiedAtMs,
  ...(document.object && { object: document.object }),
});
