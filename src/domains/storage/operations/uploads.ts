import { accepted } from '../../../platform/errors/rejection.ts';
import type { CommonPrefix, MultipartUpload } from '../../../contract/generated/s3.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row, Store } from '../../../platform/store/port.ts';
import { activeBucket, checkObjectRequest, readBucket, readObjectRows, type ObjectRequest } from '../bucket-access.ts';
import { checkBuilt, decideAttributes } from '../decide-attributes.ts';
import { decideChecksumType, parseAlgorithm } from '../decide-checksums.ts';
import {
  absorbPage,
  decideCount,
  emptyListing,
  type ListingRequest,
  startOf,
  urlEncoded,
  type Listing,
} from '../decide-listing.ts';
import { ownerOf } from '../owner.ts';
import {
  bucketArn,
  noSuchUpload,
  objectArn,
  UPLOAD,
  UPLOAD_CLEANUP,
  uploadKey,
  keyInName,
  uploadName,
  type UploadDocument,
  type UploadStatus,
} from '../resources.ts';
import type { StoragePorts } from '../ports.ts';

export interface UploadRequest extends ObjectRequest {
  readonly UploadId: string;
}

/** The upload a request names, with its status; NoSuchUpload when it is none of that key. */
export async function readUpload(store: Store, context: OperationContext, input: UploadRequest): Promise<Row<UploadDocument>> {
  const row = await store.get<UploadDocument>(uploadKey(context.account, input.Bucket, input.Key, input.UploadId));
  // the names of a key's uploads may begin as those of another key that holds U+0001
  if (row?.document.key !== input.Key) throw noSuchUpload(input.UploadId);
  return row;
}

export async function readOpenUpload(
  store: Store,
  context: OperationContext,
  input: UploadRequest,
): Promise<Row<UploadDocument>> {
  const row = await readUpload(store, context, input);
  if (row.index.status !== 'Open') throw noSuchUpload(input.UploadId);
  return row;
}

export const createMultipartUpload = (ports: StoragePorts): Operation<'s3:CreateMultipartUpload'> =>
  operation('s3:CreateMultipartUpload', {
    effect: 'change',
    needs: (input) => [{ action: 's3:PutObject', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      checkObjectRequest(context, input);
      accepted(checkBuilt(input));
      const { algorithm } = accepted(parseAlgorithm(input.ChecksumAlgorithm));
      const { type } = accepted(decideChecksumType(algorithm, input.ChecksumType));
      const document: UploadDocument = {
        ...accepted(decideAttributes(input)),
        bucket: input.Bucket,
        key: input.Key,
        uploadId: ports.ids.alphanumeric(64),
        initiator: context.principal.arn,
        ...(algorithm && { checksumAlgorithm: algorithm }),
        ...(type && { checksumType: type }),
      };
      const key = uploadKey(context.account, input.Bucket, input.Key, document.uploadId);
      await decideAndCommit(ports.store, async () => {
        const rows = await readObjectRows(ports.store, context.account, input.Bucket, input.Key);
        const bucket = activeBucket(rows.bucket, input.Bucket);
        if (await ports.store.get(key)) return { result: undefined };
        const status: UploadStatus = 'Open';
        return {
          commit: {
            expect: [
              { key: bucket.key, version: bucket.version },
              { key, version: 0 },
            ],
            write: [{ key, document, index: { status, createdAtMs: context.nowMs, modifiedAtMs: context.nowMs } }],
            ledger: [
              entryOf(context, 's3:CreateMultipartUpload', [objectArn(input.Bucket, input.Key)], {
                uploadId: [null, document.uploadId],
              }),
            ],
          },
          result: undefined,
        };
      });
      return {
        Bucket: input.Bucket,
        Key: input.Key,
        UploadId: document.uploadId,
        ...(algorithm && { ChecksumAlgorithm: algorithm, ChecksumType: type }),
      };
    },
  });

export const abortMultipartUpload = (ports: StoragePorts): Operation<'s3:AbortMultipartUpload'> =>
  operation('s3:AbortMultipartUpload', {
    effect: 'change',
    needs: (input) => [{ action: 's3:AbortMultipartUpload', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      checkObjectRequest(context, input);
      await readBucket(ports, context, input);
      await decideAndCommit(ports.store, async (count) => {
        const row = await readUpload(ports.store, context, input);
        // On a second look it may be our own commit that ended it.
        if (count > 0 && row.index.status === 'Aborted') return { result: undefined };
        if (row.index.status !== 'Open') throw noSuchUpload(input.UploadId);
        const status: UploadStatus = 'Aborted';
        return {
          commit: {
            expect: [{ key: row.key, version: row.version }],
            write: [{ key: row.key, document: row.document, index: { ...row.index, status, modifiedAtMs: context.nowMs } }],
            timers: [{ reconciler: UPLOAD_CLEANUP, key: row.key, dueAtMs: context.nowMs }],
            ledger: [
              entryOf(context, 's3:AbortMultipartUpload', [objectArn(input.Bucket, input.Key)], {
                uploadId: [input.UploadId, null],
              }),
            ],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

export const listMultipartUploads = (ports: StoragePorts): Operation<'s3:ListMultipartUploads'> =>
  operation('s3:ListMultipartUploads', {
    effect: 'read',
    needs: (input) => [{ action: 's3:ListBucketMultipartUploads', resources: [bucketArn(input.Bucket)] }],
    async handle(input, context) {
      await readBucket(ports, context, input);
      const encode = (name: string): string => (input.EncodingType === 'url' ? urlEncoded(name) : name);
      const { value: maxUploads } = accepted(decideCount('max-uploads', input.MaxUploads));
      const listing = await readUploads(ports.store, context.account, input, maxUploads);
      const owner = ownerOf(context.account);
      const uploads: MultipartUpload[] = [];
      const commonPrefixes: CommonPrefix[] = [];
      for (const entry of listing.entries) {
        if ('commonPrefix' in entry) commonPrefixes.push({ Prefix: encode(entry.commonPrefix) });
        else uploads.push(listedUpload(entry.item, encode, owner));
      }
      const last = listing.entries.at(-1);
      return {
        Bucket: input.Bucket,
        KeyMarker: encode(input.KeyMarker ?? ''),
        UploadIdMarker: input.UploadIdMarker ?? '',
        ...(listing.truncated &&
          last &&
          ('commonPrefix' in last
            ? { NextKeyMarker: encode(last.commonPrefix) }
            : { NextKeyMarker: encode(last.item.document.key), NextUploadIdMarker: last.item.document.uploadId })),
        ...(input.Prefix && { Prefix: encode(input.Prefix) }),
        ...(input.Delimiter && { Delimiter: encode(input.Delimiter) }),
        ...(input.EncodingType && { EncodingType: input.EncodingType }),
        MaxUploads: maxUploads,
        IsTruncated: listing.truncated,
        Uploads: uploads,
        CommonPrefixes: commonPrefixes,
      };
    },
  });

function listedUpload(
  { document, index }: Row<UploadDocument>,
  encode: (name: string) => string,
  owner: { ID?: string; DisplayName?: string },
): MultipartUpload {
  return {
    UploadId: document.uploadId,
    Key: encode(document.key),
    Initiated: index.createdAtMs,
    StorageClass: (document.storageClass ?? 'STANDARD') as MultipartUpload['StorageClass'],
    Owner: owner,
    Initiator: { ID: document.initiator, DisplayName: document.initiator },
    ...(document.checksumAlgorithm && { ChecksumAlgorithm: document.checksumAlgorithm, ChecksumType: document.checksumType }),
  };
}

async function readUploads(
  store: Store,
  account: string,
  input: { Bucket: string; Prefix?: string; Delimiter?: string; KeyMarker?: string; UploadIdMarker?: string },
  maxKeys: number,
): Promise<Listing<Row<UploadDocument>>> {
  const request = { prefix: input.Prefix ?? '', delimiter: input.Delimiter, maxKeys, inNames: keyInName };
  let listing = emptyListing<Row<UploadDocument>>(afterMarker(request, input));
  if (maxKeys === 0) return listing;
  while (!listing.complete) {
    const name = `${input.Bucket}/${listing.after}`;
    const page = await store.list<UploadDocument>({
      account,
      region: GLOBAL,
      kind: UPLOAD.kind,
      status: 'Open',
      namePrefix: `${input.Bucket}/${keyInName(request.prefix)}`,
      sortBy: 'name',
      order: 'ascending',
      ...(listing.after !== '' && { after: { sort: name, name } }),
      limit: 200,
    });
    const rows = page.rows.map((row) => ({
      key: row.document.key,
      item: row,
      name: row.key.name.slice(input.Bucket.length + 1),
    }));
    listing = absorbPage(request, listing, rows, page.next !== undefined);
  }
  return listing;
}

/** Behind the upload that is named, else behind all of the marker's key, or of the common prefix that it is. */
function afterMarker(
  request: ListingRequest,
  { Bucket, KeyMarker: marker, UploadIdMarker: uploadId }: { Bucket: string; KeyMarker?: string; UploadIdMarker?: string },
): string {
  if (!marker) return '';
  const start = startOf(request, marker);
  if (start !== marker) return keyInName(start);
  return uploadId ? uploadName(Bucket, marker, uploadId).slice(Bucket.length + 1) : `${keyInName(marker)}\u0002`;
}
