import type { Part } from '../../../contract/generated/s3.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row } from '../../../platform/store/port.ts';
import { checkObjectRequest } from '../bucket-access.ts';
import { checksumOf, plainRef, PUT_BYTES_MAX, storeContent } from '../content-checksums.ts';
import { checkBuilt } from '../decide-attributes.ts';
import { checksumMember, parseChecksum } from '../decide-checksums.ts';
import { decideCount, decideInteger } from '../decide-listing.ts';
import { decideCopyRange } from '../decide-range.ts';
import { ownerOf } from '../owner.ts';
import { checkPartNumber } from '../part-number.ts';
import {
  objectArn,
  partKey,
  partName,
  quoted,
  UPLOAD_PART,
  wholeSeconds,
  type ObjectDocument,
  type PartDocument,
  type UploadDocument,
} from '../resources.ts';
import { copyNeeds, readSource } from './copy-object.ts';
import { readOpenUpload, type UploadRequest } from './uploads.ts';
import type { StoragePorts } from '../ports.ts';

export const uploadPart = (ports: StoragePorts): Operation<'s3:UploadPart'> =>
  operation('s3:UploadPart', {
    effect: 'change',
    needs: (input) => [{ action: 's3:PutObject', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      checkPartRequest(context, input);
      const { document: upload } = await readOpenUpload(ports.store, context, input);
      const given = accepted(parseChecksum(input)).expected?.algorithm;
      if (upload.checksumAlgorithm && given && given !== upload.checksumAlgorithm) {
        throw new ServiceError(
          'InvalidRequest',
          `Checksum Type mismatch occurred, expected checksum Type: ` +
            `${upload.checksumAlgorithm.toLowerCase()}, actual checksum Type: ${given.toLowerCase()}`,
        );
      }
      const { blob, checksum } = await storeContent(ports.blobs, input, upload.checksumAlgorithm);
      const part = { partNumber: input.PartNumber, blob, checksum };
      await writePart(ports, context, input, async () => ({ part }));
      return { ETag: quoted(blob.md5), ...checksumMember(checksum) };
    },
  });

export const uploadPartCopy = (ports: StoragePorts): Operation<'s3:UploadPartCopy'> =>
  operation('s3:UploadPartCopy', {
    effect: 'change',
    needs: copyNeeds,
    async handle(input, context) {
      checkPartRequest(context, input);
      const { document: upload } = await readOpenUpload(ports.store, context, input);
      const algorithm = upload.checksumAlgorithm ?? 'CRC32';
      // Read again with every attempt: the commit expects the source as it was, so that its bytes cannot have gone meanwhile.
      const part = await writePart(ports, context, input, async () => {
        const { found } = await readSource(ports, context, input);
        const blob = await copiedBlob(ports, found.document, input.CopySourceRange);
        const checksum = { algorithm, value: await checksumOf(ports.blobs, blob, algorithm) };
        return { part: { partNumber: input.PartNumber, blob, checksum }, source: found.row };
      });
      return {
        CopyPartResult: {
          ETag: quoted(part.blob.md5),
          LastModified: wholeSeconds(context.nowMs),
          ...checksumMember(upload.checksumAlgorithm && part.checksum),
        },
      };
    },
  });

export const listParts = (ports: StoragePorts): Operation<'s3:ListParts'> =>
  operation('s3:ListParts', {
    effect: 'read',
    needs: (input) => [{ action: 's3:ListMultipartUploadParts', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      checkObjectRequest(context, input);
      const { document: upload } = await readOpenUpload(ports.store, context, input);
      const { value: maxParts } = accepted(decideCount('max-parts', input.MaxParts));
      const { value: marker } = accepted(decideInteger('part-number-marker', input.PartNumberMarker ?? 0));
      const after = partName(input.UploadId, marker);
      const page = await ports.store.list<PartDocument>({
        account: context.account,
        region: GLOBAL,
        kind: UPLOAD_PART.kind,
        namePrefix: `${input.UploadId}/`,
        sortBy: 'name',
        order: 'ascending',
        after: { sort: after, name: after },
        limit: maxParts,
      });
      const last = page.rows.at(-1)?.document.partNumber;
      const isTruncated = page.next !== undefined && last !== undefined;
      const owner = ownerOf(context.account);
      return {
        Bucket: input.Bucket,
        Key: input.Key,
        UploadId: input.UploadId,
        PartNumberMarker: marker,
        NextPartNumberMarker: last ?? 0,
        MaxParts: maxParts,
        IsTruncated: isTruncated,
        Parts: page.rows.map(({ document, index }) => listedPart(document, index.modifiedAtMs, upload)),
        Initiator: { ID: upload.initiator, DisplayName: upload.initiator },
        Owner: owner,
        StorageClass: 'STANDARD',
        ...(upload.checksumAlgorithm && { ChecksumAlgorithm: upload.checksumAlgorithm, ChecksumType: upload.checksumType }),
      };
    },
  });

const listedPart = (part: PartDocument, modifiedAtMs: number, upload: UploadDocument): Part => ({
  PartNumber: part.partNumber,
  LastModified: wholeSeconds(modifiedAtMs),
  ETag: quoted(part.blob.md5),
  Size: part.blob.sizeBytes,
  ...(upload.checksumAlgorithm && checksumMember(part.checksum)),
});

function checkPartRequest(context: OperationContext, input: UploadRequest & { PartNumber: number }): void {
  checkObjectRequest(context, input);
  accepted(checkBuilt(input));
  checkPartNumber(input.PartNumber);
}

/** All of a source is the same blob; a range of it becomes one of its own. */
async function copiedBlob(
  ports: StoragePorts,
  source: ObjectDocument,
  rangeHeader: string | undefined,
): Promise<PartDocument['blob']> {
  const { digest, sizeBytes } = source.blob;
  const range = rangeHeader === undefined ? undefined : accepted(decideCopyRange(rangeHeader, sizeBytes)).range;
  const copiedBytes = range ? range.endByte - range.startByte : sizeBytes;
  if (copiedBytes > PUT_BYTES_MAX) {
    throw new ServiceError(
      'InvalidRequest',
      `The specified copy source is larger than the maximum allowable size for a copy source: ${PUT_BYTES_MAX}`,
    );
  }
  return plainRef(range && copiedBytes < sizeBytes ? await ports.blobs.write(ports.blobs.open(digest, range)) : source.blob);
}

/**
 * A part belongs to its upload as long as that is open: the commit expects the upload's row as it was, so no part appears
 * after completion or abort. Parts are not in the ledger; the object they become is.
 */
async function writePart(
  ports: StoragePorts,
  context: OperationContext,
  input: UploadRequest & { readonly PartNumber: number },
  make: () => Promise<{ part: PartDocument; source?: Row }>,
): Promise<PartDocument> {
  const key = partKey(context.account, input.UploadId, input.PartNumber);
  return decideAndCommit(ports.store, async () => {
    const { part, source } = await make();
    const upload = await readOpenUpload(ports.store, context, input);
    const before = await ports.store.get<PartDocument>(key);
    return {
      commit: {
        expect: [
          { key: upload.key, version: upload.version },
          { key, version: before?.version ?? 0 },
          ...(source ? [{ key: source.key, version: source.version }] : []),
        ],
        write: [
          {
            key,
            document: part,
            blobs: [part.blob.digest],
            index: { createdAtMs: before?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs },
          },
        ],
      },
      result: part,
    };
  });
}
