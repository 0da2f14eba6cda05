import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row } from '../../../platform/store/port.ts';
import { rejectionError } from '../../../platform/errors/rejection.ts';
import { activeBucket, checkObjectRequest, checkOwner, readObject, readObjectRows, type StoragePorts } from '../bucket-access.ts';
import { checksumOf, plainRef, PUT_BYTES_MAX } from '../content-checksums.ts';
import { checkBuilt, decideAttributes } from '../decide-attributes.ts';
import { checksumMember, parseAlgorithm } from '../decide-checksums.ts';
import { parseCopySource, selfCopyRefusal, type CopySource } from '../decide-copy.ts';
import { checkPreconditions } from '../decide-preconditions.ts';
import { accepted } from '../rejection.ts';
import { objectArn, quoted, wholeSeconds, type ObjectAttributes, type ObjectDocument } from '../resources.ts';
import { objectChange } from '../write-object.ts';

export interface CopyRequest {
  readonly Bucket: string;
  readonly Key: string;
  readonly CopySource: string;
  readonly CopySourceIfMatch?: string;
  readonly CopySourceIfNoneMatch?: string;
  readonly CopySourceIfModifiedSince?: number;
  readonly CopySourceIfUnmodifiedSince?: number;
  readonly ExpectedSourceBucketOwner?: string;
}

/** Read the source, write the target; a source that cannot be parsed is refused by the handler. */
export function copyNeeds(input: CopyRequest): AuthorizationNeed[] {
  const source = parseCopySource(input.CopySource);
  return [
    ...('bucket' in source ? [{ action: 's3:GetObject', resources: [objectArn(source.bucket, source.key)] }] : []),
    { action: 's3:PutObject', resources: [objectArn(input.Bucket, input.Key)] },
  ];
}

/** The object a copy reads, its conditions checked. */
export async function readSource(
  ports: StoragePorts,
  context: OperationContext,
  input: CopyRequest,
): Promise<{ source: CopySource; row: Row<ObjectDocument> }> {
  checkOwner(context, input.ExpectedSourceBucketOwner);
  const source = accepted(parseCopySource(input.CopySource));
  const row = await readObject(ports.store, context.account, source.bucket, source.key);
  accepted(
    checkPreconditions(
      {
        ifMatch: input.CopySourceIfMatch,
        ifNoneMatch: input.CopySourceIfNoneMatch,
        ifModifiedSinceMs: input.CopySourceIfModifiedSince,
        ifUnmodifiedSinceMs: input.CopySourceIfUnmodifiedSince,
      },
      { eTag: row.document.eTag, modifiedAtMs: wholeSeconds(row.index.modifiedAtMs) },
      'copy',
    ),
  );
  return { source, row };
}

export const copyObject = (ports: StoragePorts): Operation<'s3:CopyObject'> =>
  operation('s3:CopyObject', {
    effect: 'change',
    needs: copyNeeds,
    async handle(input, context) {
      checkObjectRequest(context, input);
      accepted(checkBuilt(input, 'write'));
      const asked = accepted(decideAttributes(input));
      const place = { bucket: input.Bucket, key: input.Key };
      const writeId = ports.ids.alphanumeric(24);
      const document = await decideAndCommit<ObjectDocument>(ports.store, async () => {
        const target = await readObjectRows(ports.store, context.account, input.Bucket, input.Key);
        // The commit before was answered "unknown" and did take effect.
        if (target.object?.document.writeId === writeId) return { result: target.object.document };
        const bucket = activeBucket(target.bucket, input.Bucket);
        const { source, row } = await readSource(ports, context, input);
        const isSelf = source.bucket === input.Bucket && source.key === input.Key;
        const made = await copyOf(ports, row.document, input, asked, isSelf);
        const copy: ObjectDocument = { ...made, writeId };
        const change = objectChange(context, place, copy, target.object);
        return {
          commit: {
            // The source as it was: its row kept the bytes alive until this one does.
            expect: [
              { key: bucket.key, version: bucket.version },
              change.expect,
              ...(isSelf ? [] : [{ key: row.key, version: row.version }]),
            ],
            write: [change.write],
            ledger: [change.ledger],
          },
          result: copy,
        };
      });
      return {
        CopyObjectResult: {
          ETag: quoted(document.eTag),
          LastModified: wholeSeconds(context.nowMs),
          ...checksumMember(document.checksum),
          ChecksumType: 'FULL_OBJECT',
        },
      };
    },
  });

async function copyOf(
  ports: StoragePorts,
  before: ObjectDocument,
  input: { readonly MetadataDirective?: string; readonly ChecksumAlgorithm?: string; readonly StorageClass?: string },
  asked: ObjectAttributes,
  isSelf: boolean,
): Promise<Omit<ObjectDocument, 'writeId'>> {
  const replaces = input.MetadataDirective === 'REPLACE';
  const changes =
    replaces ||
    // Naming a class is enough, also the one it has: clients do so to write an object anew.
    input.StorageClass !== undefined ||
    asked.storageClass !== before.storageClass ||
    asked.requestedEncryption !== undefined ||
    asked.headers.WebsiteRedirectLocation !== undefined;
  if (isSelf && !changes) throw rejectionError(selfCopyRefusal);
  if (before.blob.sizeBytes > PUT_BYTES_MAX) throw tooLargeToCopy();
  const algorithm = accepted(parseAlgorithm(input.ChecksumAlgorithm)).algorithm ?? before.checksum.algorithm;
  const value =
    before.checksum.algorithm === algorithm && before.checksum.type === 'FULL_OBJECT'
      ? before.checksum.value
      : await checksumOf(ports.blobs, before.blob, algorithm);
  return {
    ...(replaces ? asked : keptAttributes(before, asked)),
    blob: plainRef(before.blob),
    // A copy is one piece, however its source was uploaded.
    eTag: before.blob.md5,
    checksum: { algorithm, value, type: 'FULL_OBJECT' },
  };
}

/** `MetadataDirective: COPY`: headers and metadata come along; storage class and encryption never do. */
function keptAttributes(before: ObjectDocument, asked: ObjectAttributes): ObjectAttributes {
  const { WebsiteRedirectLocation: _notCopied, ...headers } = before.headers;
  const redirect = asked.headers.WebsiteRedirectLocation;
  return {
    headers: { ...headers, ...(redirect !== undefined && { WebsiteRedirectLocation: redirect }) },
    ...(before.metadata && { metadata: before.metadata }),
    ...(asked.storageClass && { storageClass: asked.storageClass }),
    ...(asked.requestedEncryption && { requestedEncryption: asked.requestedEncryption }),
  };
}

const tooLargeToCopy = (): ServiceError =>
  new ServiceError(
    'InvalidRequest',
    `The specified copy source is larger than the maximum allowable size for a copy source: ${PUT_BYTES_MAX}`,
  );
