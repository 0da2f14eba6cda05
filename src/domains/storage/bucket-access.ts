import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { accepted } from '../../platform/errors/rejection.ts';
import type { Row, Store } from '../../platform/store/port.ts';
import { checkKeySize, checkVersionId } from './decide-names.ts';
import { bucketKey, noSuchBucket, objectKey, type BucketDocument, type ObjectDocument } from './resources.ts';
import type { StoragePorts } from './ports.ts';

export interface BucketRequest {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string;
}

export interface ObjectRequest extends BucketRequest {
  readonly Key: string;
  readonly VersionId?: string;
}

/** `x-amz-expected-bucket-owner`: every bucket here is the account's own. */
export function checkOwner(context: OperationContext, expected: string | undefined): void {
  if (expected !== undefined && expected !== context.account) throw new ServiceError('AccessDenied', 'Access Denied');
}

export function checkObjectRequest(context: OperationContext, input: ObjectRequest): void {
  checkOwner(context, input.ExpectedBucketOwner);
  accepted(checkKeySize(Buffer.byteLength(input.Key)));
  accepted(checkVersionId(input.VersionId));
}

/** A bucket that takes part in operations; one whose deletion is being decided refuses until it is. */
export function activeBucket(row: Row<BucketDocument> | undefined, bucket: string): Row<BucketDocument> {
  if (!row) throw noSuchBucket(bucket);
  if (row.document.deletion) {
    throw new ServiceError(
      'OperationAborted',
      'A conflicting conditional operation is currently in progress against this resource. Please try again.',
    );
  }
  return row;
}

export async function readBucket(
  ports: Pick<StoragePorts, 'store'>,
  context: OperationContext,
  input: BucketRequest,
): Promise<Row<BucketDocument>> {
  checkOwner(context, input.ExpectedBucketOwner);
  const row = await ports.store.get<BucketDocument>(bucketKey(context.account, input.Bucket));
  if (!row) throw noSuchBucket(input.Bucket);
  return row;
}

export interface ObjectRows {
  readonly bucket: Row<BucketDocument>;
  readonly object?: Row<ObjectDocument>;
}

/** Bucket and object by key, in one read. */
export async function readObjectRows(
  store: Store,
  account: string,
  bucket: string,
  key: string,
): Promise<{ bucket?: Row<BucketDocument>; object?: Row<ObjectDocument> }> {
  const [bucketRow, objectRow] = await store.getMany([bucketKey(account, bucket), objectKey(account, bucket, key)]);
  return {
    bucket: bucketRow as Row<BucketDocument> | undefined,
    object: objectRow as Row<ObjectDocument> | undefined,
  };
}
