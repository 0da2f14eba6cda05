import type { CommonPrefix, DeleteMarkerEntry, ObjectVersion } from '../../../contract/generated/s3.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import type { Row, Store } from '../../../platform/store/port.ts';
import { readBucket } from '../bucket-access.ts';
import { decideCount, urlEncoded } from '../decide-listing.ts';
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

/**
 * Entries behind the markers. A version marker that is gone meanwhile, as where a client deletes each page before it asks for the next,
 * says nothing of where it stood: then all that is left of its key is given, rather twice than never.
 */
async function* entriesFrom(store: Store, account: string, asked: Asked): AsyncGenerator<Entry> {
  const { KeyMarker: marker, VersionIdMarker: versionMarker } = asked;
  let passed = !versionMarker;
  let skipped = false;
  for await (const entry of entriesOfKeysFrom(store, account, asked)) {
    if (!passed && entry.key === marker) {
      passed = entry.versionId === versionMarker;
      skipped = true;
      continue;
    }
    if (!passed && skipped) break;
    passed = true;
    yield entry;
  }
  if (!passed && skipped) yield* entriesOfKeysFrom(store, account, asked);
}

/** With a version marker all entries of the marker's key too. */
async function* entriesOfKeysFrom(store: Store, account: string, asked: Asked): AsyncGenerator<Entry> {
  const { KeyMarker: marker = '', VersionIdMarker: versionMarker, Delimiter } = asked;
  // a marker that is a common prefix stands for all it rolled up
  const start = Delimiter && marker !== '' && commonPrefixOf(asked, marker) === marker ? marker + LAST : marker;
  const current = rowsOf<ObjectDocument>(store, account, OBJECT.kind, asked, versionMarker ? keyBefore(start) : start);
  const older = rowsOf<VersionDocument>(
    store,
    account,
    OBJECT_VERSION.kind,
    { ...asked, prefix: keyInName(asked.prefix) },
    versionMarker ? keyInName(keyBefore(start)) : `${keyInName(start)}\u0002`,
  );
  let object = await current.next();
  let version = await older.next();
  let before: string | undefined;
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

/** Just before `key` in the order of names: a listing that starts there has it first. */
const keyBefore = (key: string): string => (key === '' ? '' : key.slice(0, -1) + previous(key));
const previous = (key: string): string => {
  const code = key.codePointAt(key.length - 1) ?? 1;
  return code > 1 ? `${String.fromCodePoint(code - 1)}${LAST}` : '';
};

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
