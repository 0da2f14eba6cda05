import type { CompletedPart, CompleteMultipartUploadOutput } from '../../../contract/generated/s3.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row } from '../../../platform/store/port.ts';
import { accepted, rejectionError } from '../../../platform/errors/rejection.ts';
import { checkObjectRequest, readBucket } from '../bucket-access.ts';
import { checksumOf, checksumOfParts, eTagOfParts, plainRef } from '../content-checksums.ts';
import { checkBuilt } from '../decide-attributes.ts';
import { checksumMember, checksumMismatch, parseChecksum, type ChecksumMembers } from '../decide-checksums.ts';
import { checkPartOrder, planCompletion, runsOf, type ListedPart } from '../decide-completion.ts';
import { readKeyState } from '../key-state.ts';
import {
  noSuchUpload,
  objectArn,
  partKey,
  quoted,
  UPLOAD_CLEANUP,
  type ObjectDocument,
  type PartDocument,
  type StoredChecksum,
  type UploadDocument,
  type UploadStatus,
} from '../resources.ts';
import { newVersionId, objectCommit } from '../write-object.ts';
import { readUpload, type UploadRequest } from './uploads.ts';
import type { StoragePorts } from '../ports.ts';

const KEYS_PER_READ = 1000;

type CompleteRequest = UploadRequest &
  ChecksumMembers & {
    readonly MultipartUpload?: { readonly Parts?: CompletedPart[] };
    readonly MpuObjectSize?: number;
    readonly IfMatch?: string;
    readonly IfNoneMatch?: string;
  };

export const completeMultipartUpload = (ports: StoragePorts): Operation<'s3:CompleteMultipartUpload'> =>
  operation('s3:CompleteMultipartUpload', {
    effect: 'change',
    needs: (input) => [{ action: 's3:PutObject', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      checkObjectRequest(context, input);
      accepted(checkBuilt(input));
      await readBucket(ports, context, input);
      const upload = await readUpload(ports.store, context, input);
      if (upload.document.completion) return answer(input, upload.document.completion);
      if (upload.index.status !== 'Open') throw noSuchUpload(input.UploadId);
      const parts = await readParts(ports, context, input, upload.document);
      const document = await assemble(
        ports,
        input,
        upload.document,
        parts.map(({ document: part }) => part),
      );
      return answer(input, await commitCompletion(ports, context, input, document, parts));
    },
  });

async function readParts(
  ports: StoragePorts,
  context: OperationContext,
  input: CompleteRequest,
  upload: UploadDocument,
): Promise<Row<PartDocument>[]> {
  const listed = (input.MultipartUpload?.Parts ?? []).map((part) => listedPart(part, upload));
  accepted(checkPartOrder(listed));
  const keys = listed.map(({ partNumber }) => partKey(context.account, input.UploadId, partNumber));
  const rows: (Row<PartDocument> | undefined)[] = [];
  for (let at = 0; at < keys.length; at += KEYS_PER_READ) {
    rows.push(...(await ports.store.getMany<PartDocument>(keys.slice(at, at + KEYS_PER_READ))));
  }
  accepted(
    planCompletion(
      input.UploadId,
      listed,
      rows.map((row) => row?.document),
    ),
  );
  return rows.filter((row): row is Row<PartDocument> => row !== undefined);
}

function listedPart(part: CompletedPart, upload: UploadDocument): ListedPart {
  const algorithm = upload.checksumAlgorithm;
  const checksum = algorithm && (part as ChecksumMembers)[`Checksum${algorithm}`];
  if (upload.checksumType === 'COMPOSITE' && algorithm && checksum === undefined) {
    throw new ServiceError(
      'InvalidRequest',
      `The upload was created using a ${algorithm.toLowerCase()} checksum. The complete ` +
        `request must include the checksum for each part. It was missing for part ${part.PartNumber} in the request.`,
    );
  }
  return { partNumber: part.PartNumber ?? 0, eTag: part.ETag ?? '', ...(checksum !== undefined && { checksum }) };
}

/** Joins the parts' bytes; nothing names the result until the commit. */
async function assemble(
  ports: StoragePorts,
  input: CompleteRequest,
  upload: UploadDocument,
  parts: readonly PartDocument[],
): Promise<ObjectDocument> {
  const sizeBytes = parts.reduce((sum, part) => sum + part.blob.sizeBytes, 0);
  if (input.MpuObjectSize !== undefined && input.MpuObjectSize !== sizeBytes) {
    throw new ServiceError(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${input.MpuObjectSize} does not match what was computed: ${sizeBytes}`,
    );
  }
  const [only] = parts;
  const blob = plainRef(
    parts.length === 1 && only ? only.blob : await ports.blobs.concatenate(parts.map((part) => part.blob.digest)),
  );
  const checksum: StoredChecksum = upload.checksumAlgorithm
    ? checksumOfParts(parts, upload.checksumAlgorithm, upload.checksumType ?? 'COMPOSITE')
    : { algorithm: 'CRC32', value: blob.crc32, type: 'FULL_OBJECT' };
  const { expected } = accepted(parseChecksum(input));
  if (expected) {
    const own =
      expected.algorithm === checksum.algorithm ? checksum.value : await checksumOf(ports.blobs, blob, expected.algorithm);
    if (own !== expected.value) throw rejectionError(checksumMismatch(expected.algorithm));
  }
  const { headers, metadata, storageClass, requestedEncryption, tags } = upload;
  return {
    headers,
    ...(metadata && { metadata }),
    ...(storageClass && { storageClass }),
    ...(requestedEncryption && { requestedEncryption }),
    ...(tags && { tags }),
    writeId: ports.ids.alphanumeric(32),
    blob,
    eTag: eTagOfParts(parts),
    checksum,
    partSizes: runsOf(parts.map((part) => part.blob.sizeBytes)),
  };
}

type Completion = NonNullable<UploadDocument['completion']>;

/**
 * Object and end of the upload in one commit. A single part's blob is taken over as it is, so its row must still hold it;
 * several parts have become a new blob.
 */
async function commitCompletion(
  ports: StoragePorts,
  context: OperationContext,
  input: CompleteRequest,
  document: ObjectDocument,
  parts: readonly Row[],
): Promise<Completion> {
  const held = parts.length === 1 ? parts[0] : undefined;
  return decideAndCommit<Completion>(ports.store, async (count) => {
    const upload = await readUpload(ports.store, context, input);
    if (upload.document.completion) return { result: upload.document.completion };
    if (upload.index.status !== 'Open') throw noSuchUpload(input.UploadId);
    if (count > 0 && held && (await ports.store.get(held.key))?.version !== held.version) {
      throw new ServiceError('InvalidPart', 'A part was uploaded again while the upload was being completed.');
    }
    const place = { bucket: input.Bucket, key: input.Key };
    const state = await readKeyState(ports.store, context.account, place);
    const event = 'ObjectCreated:CompleteMultipartUpload';
    const conditions = { IfMatch: input.IfMatch, IfNoneMatch: input.IfNoneMatch };
    const commit = objectCommit(context, state, { place, document, event, conditions });
    const { eTag, writeId, checksum } = document;
    const versionId = newVersionId(state, document);
    const completion: Completion = {
      eTag,
      writeId,
      checksum,
      completedAtMs: context.nowMs,
      ...(versionId !== undefined && { versionId }),
    };
    const status: UploadStatus = 'Completed';
    return {
      commit: {
        ...commit,
        expect: [
          ...commit.expect,
          { key: upload.key, version: upload.version },
          ...(held ? [{ key: held.key, version: held.version }] : []),
        ],
        write: [
          ...commit.write,
          {
            key: upload.key,
            document: { ...upload.document, completion },
            index: { ...upload.index, status, modifiedAtMs: context.nowMs },
          },
        ],
        timers: [...(commit.timers ?? []), { reconciler: UPLOAD_CLEANUP, key: upload.key, dueAtMs: context.nowMs }],
      },
      result: completion,
    };
  });
}

function answer(input: CompleteRequest, { eTag, checksum, versionId }: Completion): CompleteMultipartUploadOutput {
  return {
    Location: `http://s3.amazonaws.com/${input.Bucket}/${encodeURIComponent(input.Key)}`,
    Bucket: input.Bucket,
    Key: input.Key,
    ETag: quoted(eTag),
    ...checksumMember(checksum),
    ChecksumType: checksum.type,
    ...(versionId !== undefined && { VersionId: versionId }),
  };
}
