import type { GetObjectOutput } from '../../../contract/generated/s3.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import type { BlobBody, BlobStore } from '../../../platform/objects/port.ts';
import { checkObjectRequest, type ObjectRequest } from '../bucket-access.ts';
import { checkBuilt } from '../decide-attributes.ts';
import { checksumMember } from '../decide-checksums.ts';
import { checkPreconditions } from '../decide-preconditions.ts';
import { decideRange, rangeOfPart, type ByteRange } from '../decide-range.ts';
import { type FoundObject, readObject } from '../key-state.ts';
import { objectArn, quoted, wholeSeconds, type ObjectDocument } from '../resources.ts';
import { checkPartNumber } from '../part-number.ts';
import type { StoragePorts } from '../ports.ts';

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

/** Reading a version by its id is a right of its own. */
const readNeeds = (input: ReadRequest): AuthorizationNeed[] => [
  {
    action: input.VersionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion',
    resources: [objectArn(input.Bucket, input.Key)],
  },
];

export const getObject = (ports: StoragePorts): Operation<'s3:GetObject'> =>
  operation('s3:GetObject', {
    effect: 'read',
    needs: readNeeds,
    async handle(input, context) {
      const found = context.client ? await readForAnswer(ports, context, input) : await readToRefer(ports, context, input);
      const { output, range } = describe(found, input);
      return { ...output, Body: bodyOf(ports.blobs, found.document.blob, range) };
    },
  });

export const headObject = (ports: StoragePorts): Operation<'s3:HeadObject'> =>
  operation('s3:HeadObject', {
    effect: 'read',
    needs: readNeeds,
    async handle(input, context) {
      const found = await readForAnswer(ports, context, input).catch((error: unknown) => {
        // An answer to HEAD has no body to hold a code; clients make "404" and "Not Found" of it.
        if (!(error instanceof ServiceError)) throw error;
        const absent = ['NoSuchKey', 'NoSuchBucket', 'NoSuchVersion'].includes(error.code);
        throw absent ? new ServiceError('NotFound', 'Not Found', error.members) : error;
      });
      return describe(found, input).output;
    },
  });

/**
 * For another room, which may record the digest it is given: until it has, only the object's row holds the bytes, and that
 * may go at any moment. A digest that is gone already belongs to an object that is: the second look says so.
 */
async function readToRefer(ports: StoragePorts, context: OperationContext, input: ReadRequest): Promise<FoundObject> {
  const found = await readForAnswer(ports, context, input);
  return (await ports.blobs.keep(found.document.blob.digest)) ? found : readForAnswer(ports, context, input);
}

async function readForAnswer(ports: StoragePorts, context: OperationContext, input: ReadRequest): Promise<FoundObject> {
  checkObjectRequest(context, input);
  accepted(checkBuilt(input));
  const place = { bucket: input.Bucket, key: input.Key };
  const found = await readObject(ports.store, context.account, place, input.VersionId);
  const current = { eTag: found.document.eTag, modifiedAtMs: wholeSeconds(found.modifiedAtMs) };
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
  return found;
}

/** Everything but the body; GET and HEAD agree to the last header. */
function describe(found: FoundObject, input: ReadRequest): { output: Omit<GetObjectOutput, 'Body'>; range?: ByteRange } {
  const { document } = found;
  const { sizeBytes } = document.blob;
  const { range, partCount } = askedRange(document, input);
  const headers = document.headers;
  const output: Omit<GetObjectOutput, 'Body'> = {
    AcceptRanges: 'bytes',
    LastModified: wholeSeconds(found.modifiedAtMs),
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
  if (found.versionId !== undefined) output.VersionId = found.versionId;
  if (document.tags) output.TagCount = document.tags.length;
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
  checkPartNumber(input.PartNumber);
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
