import type { CommonPrefix, Object as ListedObject, Owner } from '../../../contract/generated/s3.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import type { Row, Store } from '../../../platform/store/port.ts';
import { readBucket } from '../bucket-access.ts';
import {
  absorbPage,
  decideCount,
  emptyListing,
  startOf,
  urlEncoded,
  type Listing,
  type ListingRequest,
} from '../decide-listing.ts';
import { bucketArn, OBJECT, quoted, wholeSeconds, type ObjectDocument } from '../resources.ts';
import { ownerOf } from '../owner.ts';
import type { StoragePorts } from '../ports.ts';

/** Small while common prefixes are being jumped over, since each jump throws the rest of its page away. */
const PAGE_ROWS_MIN = 32;
const PAGE_ROWS_MAX = 1000;

interface ListRequest {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string;
  readonly Prefix?: string;
  readonly Delimiter?: string;
  readonly MaxKeys?: number;
  readonly EncodingType?: string;
}

export const listObjects = (ports: StoragePorts): Operation<'s3:ListObjects'> =>
  operation('s3:ListObjects', {
    effect: 'read',
    needs: listNeeds,
    async handle(input, context) {
      await readBucket(ports, context, input);
      const request = listingRequest(input);
      const listing = await readListing(ports.store, context.account, input.Bucket, request, input.Marker ?? '');
      const { contents, commonPrefixes, encode } = answerOf(listing, input, ownerOf(context.account));
      const last = listing.entries.at(-1);
      const lastName = last && ('commonPrefix' in last ? last.commonPrefix : last.key);
      return {
        Name: input.Bucket,
        Prefix: encode(input.Prefix ?? ''),
        Marker: encode(input.Marker ?? ''),
        // S3 gives it with a delimiter only; otherwise the last key is the marker.
        ...(listing.truncated && input.Delimiter && lastName !== undefined && { NextMarker: encode(lastName) }),
        ...(input.Delimiter && { Delimiter: encode(input.Delimiter) }),
        MaxKeys: request.maxKeys,
        ...(input.EncodingType && { EncodingType: input.EncodingType }),
        IsTruncated: listing.truncated,
        Contents: contents,
        CommonPrefixes: commonPrefixes,
      };
    },
  });

export const listObjectsV2 = (ports: StoragePorts): Operation<'s3:ListObjectsV2'> =>
  operation('s3:ListObjectsV2', {
    effect: 'read',
    needs: listNeeds,
    async handle(input, context) {
      await readBucket(ports, context, input);
      const request = listingRequest(input);
      const marker = input.ContinuationToken === undefined ? (input.StartAfter ?? '') : decodeToken(input.ContinuationToken);
      const listing = await readListing(ports.store, context.account, input.Bucket, request, marker);
      const { contents, commonPrefixes, encode } = answerOf(
        listing,
        input,
        input.FetchOwner ? ownerOf(context.account) : undefined,
      );
      return {
        Name: input.Bucket,
        Prefix: encode(input.Prefix ?? ''),
        ...(input.Delimiter && { Delimiter: encode(input.Delimiter) }),
        MaxKeys: request.maxKeys,
        ...(input.EncodingType && { EncodingType: input.EncodingType }),
        KeyCount: listing.entries.length,
        IsTruncated: listing.truncated,
        ...(input.ContinuationToken !== undefined && { ContinuationToken: input.ContinuationToken }),
        ...(listing.truncated && { NextContinuationToken: encodeToken(listing.after) }),
        ...(input.StartAfter !== undefined && { StartAfter: encode(input.StartAfter) }),
        Contents: contents,
        CommonPrefixes: commonPrefixes,
      };
    },
  });

function listNeeds(input: ListRequest): AuthorizationNeed[] {
  return [
    {
      action: 's3:ListBucket',
      resources: [bucketArn(input.Bucket)],
      context: {
        's3:prefix': input.Prefix ?? '',
        ...(input.Delimiter && { 's3:delimiter': input.Delimiter }),
        ...(input.MaxKeys !== undefined && { 's3:max-keys': String(input.MaxKeys) }),
      },
    },
  ];
}

function listingRequest(input: ListRequest): ListingRequest {
  const { value: maxKeys } = accepted(decideCount('maxKeys', input.MaxKeys));
  return { prefix: input.Prefix ?? '', delimiter: input.Delimiter, maxKeys };
}

async function readListing(
  store: Store,
  account: string,
  bucket: string,
  request: ListingRequest,
  marker: string,
): Promise<Listing<Row<ObjectDocument>>> {
  let listing = emptyListing<Row<ObjectDocument>>(startOf(request, marker));
  if (request.maxKeys === 0) return listing;
  let limit = request.delimiter ? PAGE_ROWS_MIN : Math.min(request.maxKeys + 1, PAGE_ROWS_MAX);
  while (!listing.complete) {
    const name = `${bucket}/${listing.after}`;
    const page = await store.list<ObjectDocument>({
      account,
      region: GLOBAL,
      kind: OBJECT.kind,
      namePrefix: `${bucket}/${request.prefix}`,
      sortBy: 'name',
      order: 'ascending',
      ...(listing.after !== '' && { after: { sort: name, name } }),
      limit,
    });
    const keys = page.rows.map((row) => ({ key: row.key.name.slice(bucket.length + 1), item: row }));
    listing = absorbPage(request, listing, keys, page.next !== undefined);
    limit = listing.skipped ? PAGE_ROWS_MIN : Math.min(limit * 4, PAGE_ROWS_MAX);
  }
  return listing;
}

function answerOf(listing: Listing<Row<ObjectDocument>>, input: ListRequest, owner: Owner | undefined) {
  const encode = (name: string): string => (input.EncodingType === 'url' ? urlEncoded(name) : name);
  const contents: ListedObject[] = [];
  const commonPrefixes: CommonPrefix[] = [];
  for (const entry of listing.entries) {
    if ('commonPrefix' in entry) commonPrefixes.push({ Prefix: encode(entry.commonPrefix) });
    else contents.push(listedObject(encode(entry.key), entry.item, owner));
  }
  return { contents, commonPrefixes, encode };
}

function listedObject(name: string, { document, index }: Row<ObjectDocument>, owner: Owner | undefined): ListedObject {
  return {
    Key: name,
    LastModified: wholeSeconds(index.modifiedAtMs),
    ETag: quoted(document.eTag),
    ChecksumAlgorithm: [document.checksum.algorithm],
    ChecksumType: document.checksum.type,
    Size: document.blob.sizeBytes,
    StorageClass: (document.storageClass ?? 'STANDARD') as ListedObject['StorageClass'],
    ...(owner && { Owner: owner }),
  };
}

const encodeToken = (after: string): string => Buffer.from(`1${after}`).toString('base64url');

function decodeToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('1') || encodeToken(text.slice(1)) !== token) {
    throw new ServiceError('InvalidArgument', 'The continuation token provided is incorrect', {
      ArgumentName: 'continuation-token',
    });
  }
  return text.slice(1);
}
