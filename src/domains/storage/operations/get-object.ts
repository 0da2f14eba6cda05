import type { GetObjectOutput } from '../../../contract/generated/s3.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { BlobBody, BlobStore } from '../../../platform/objects/port.ts';
import type { Row } from '../../../platform/store/port.ts';
import { checkObjectRequest, readObject, type ObjectRequest, type StoragePorts } from '../bucket-access.ts';
import { checkBuilt } from '../decide-attributes.ts';
import { checksumMember } from '../decide-checksums.ts';
import { checkPreconditions } from '../decide-preconditions.ts';
import { decideRange, rangeOfPart, type ByteRange } from '../decide-range.ts';
import { accepted } from '../rejection.ts';
import { objectArn, quoted, wholeSeconds, type ObjectDocument } from '../resources.ts';

interface ReadRequest extends ObjectRequest {
  readonly Range?: string;
  readonly PartNumber?: number;
  readonly ChecksumMode?: string;
  readonly IfMatch?: string;
  readonly IfNoneMatch?: string;
  readonly IfModifiedSince?: number;
  readonly IfUnmodifiedSince?: number;
  readonly ResponseCacheControl?: string;
  readonly ResponseContentDisposition?: string;
  readonly ResponseContentEncoding?: string;
  readonly ResponseContentLanguage?: string;
  readonly ResponseContentType?: string;
  readonly ResponseExpires?: number;
}

export const getObject = (ports: StoragePorts): Operation<'s3:GetObject'> =>
  operation('s3:GetObject', {
    effect: 'read',
    needs: (input) => [{ action: 's3:GetObject', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      const row = context.client ? await readForAnswer(ports, context, input) : await readToRefer(ports, context, input);
      const { output, range } = describe(row, input);
      return { ...output, Body: bodyOf(ports.blobs, row.document.blob, range) };
    },
  });

export const headObject = (ports: StoragePorts): Operation<'s3:HeadObject'> =>
  operation('s3:HeadObject', {
    effect: 'read',
    needs: (input) => [{ action: 's3:GetObject', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      const row = await readForAnswer(ports, context, input).catch((error: unknown) => {
        // An answer to HEAD has no body to hold a code; clients make "404" and "Not Found" of it.
        const absent = error instanceof ServiceError && ['NoSuchKey', 'NoSuchBucket'].includes(error.code);
        throw absent ? new ServiceError('NotFound', 'Not Found') : error;
      });
      return describe(row, input).output;
    },
  });

/**
 * For another room, which may record the digest it is given: until it has, only the object's row holds the bytes, and that
 * may go at any moment. A digest that is gone already belongs to an object that is: the second look says so.
 */
async function readToRefer(ports: StoragePorts, context: OperationContext, input: ReadRequest): Promise<Row<ObjectDocument>> {
  const row = await readForAnswer(ports, context, input);
  return (await ports.blobs.keep(row.document.blob.digest)) ? row : readForAnswer(ports, context, input);
}

async function readForAnswer(ports: StoragePorts, context: OperationContext, input: ReadRequest): Promise<Row<ObjectDocument>> {
  checkObjectRequest(context, input);
  accepted(checkBuilt(input, 'read'));
  const row = await readObject(ports.store, context.account, input.Bucket, input.Key);
  const current = { eTag: row.document.eTag, modifiedAtMs: wholeSeconds(row.index.modifiedAtMs) };
  accepted(
    checkPreconditions(
      {
        ifMatch: input.IfMatch,
        ifNoneMatch: input.IfNoneMatch,
        ifModifiedSinceMs: input.IfModifiedSince,
        ifUnmodifiedSinceMs: input.IfUnmodifiedSince,
      },
      current,
      'read',
    ),
  );
  return row;
}

/** Everything but the body; GET and HEAD agree to the last header. */
function describe(row: Row<ObjectDocument>, input: ReadRequest): { output: Omit<GetObjectOutput, 'Body'>; range?: ByteRange } {
  const { document } = row;
  const { sizeBytes } = document.blob;
  const { range, partCount } = askedRange(document, input);
  const headers = document.headers;
  const output: Omit<GetObjectOutput, 'Body'> = {
    AcceptRanges: 'bytes',
    LastModified: wholeSeconds(row.index.modifiedAtMs),
    ContentLength: range ? range.endByte - range.startByte : sizeBytes,
    ETag: quoted(document.eTag),
    ContentType: input.ResponseContentType ?? headers.ContentType ?? 'binary/octet-stream',
    CacheControl: input.ResponseCacheControl ?? headers.CacheControl,
    ContentDisposition: input.ResponseContentDisposition ?? headers.ContentDisposition,
    ContentEncoding: input.ResponseContentEncoding ?? headers.ContentEncoding,
    ContentLanguage: input.ResponseContentLanguage ?? headers.ContentLanguage,
    Expires: input.ResponseExpires ?? headers.Expires,
    WebsiteRedirectLocation: headers.WebsiteRedirectLocation,
    Metadata: document.metadata ?? {},
  };
  if (document.storageClass) output.StorageClass = document.storageClass as GetObjectOutput['StorageClass'];
  if (range) output.ContentRange = `bytes ${range.startByte}-${range.endByte - 1}/${sizeBytes}`;
  if (partCount !== undefined && document.partSizes) output.PartsCount = partCount;
  // The checksum is the whole object's; beside a part of the bytes clients would hold it against those.
  if (input.ChecksumMode === 'ENABLED' && !range) {
    Object.assign(output, checksumMember(document.checksum), { ChecksumType: document.checksum.type });
  }
  return { output, range };
}

function askedRange(document: ObjectDocument, input: ReadRequest): { range?: ByteRange; partCount?: number } {
  const { sizeBytes } = document.blob;
  if (input.PartNumber === undefined) return accepted(decideRange(input.Range, sizeBytes));
  if (input.Range !== undefined) {
    throw new ServiceError('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
  }
  const part = rangeOfPart(document.partSizes, sizeBytes, input.PartNumber);
  if (!part) {
    throw new ServiceError('InvalidRange', 'The requested partnumber is not satisfiable', {
      PartNumberRequested: String(input.PartNumber),
      ActualPartCount: String(partCountOf(document)),
    });
  }
  // An empty object has no byte that a Content-Range could name.
  return part.range.endByte > part.range.startByte ? part : { partCount: part.partCount };
}

const partCountOf = (document: ObjectDocument): number =>
  (document.partSizes ?? [[0, 1]]).reduce((sum, [, count]) => sum + (count ?? 0), 0);

/** A whole object also gives its digest, so that a room can link the bytes instead of copying them. */
function bodyOf(blobs: BlobStore, { digest, sizeBytes }: ObjectDocument['blob'], range: ByteRange | undefined): BlobBody {
  return {
    ...(!range && { blob: { digest, sizeBytes } }),
    [Symbol.asyncIterator]: () => blobs.open(digest, range)[Symbol.asyncIterator](),
  };
}
