import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { accepted, rejectionError } from '../../../platform/errors/rejection.ts';
import { checkObjectRequest, checkOwner } from '../bucket-access.ts';
import { checksumOf, plainRef, PUT_BYTES_MAX } from '../content-checksums.ts';
import { checkBuilt, decideAttributes } from '../decide-attributes.ts';
import { checksumMember, parseAlgorithm } from '../decide-checksums.ts';
import { parseCopySource, selfCopyRefusal, type CopySource } from '../decide-copy.ts';
import { checkPreconditions, type WriteConditions } from '../decide-preconditions.ts';
import { type FoundObject, readKeyState, readObject } from '../key-state.ts';
import { objectArn, quoted, wholeSeconds, type ObjectAttributes, type ObjectDocument } from '../resources.ts';
import { newVersionId, objectCommit } from '../write-object.ts';
import type { StoragePorts } from '../ports.ts';

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
    ...('bucket' in source
      ? [
          {
            action: source.versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion',
            resources: [objectArn(source.bucket, source.key)],
          },
        ]
      : []),
    { action: 's3:PutObject', resources: [objectArn(input.Bucket, input.Key)] },
  ];
}

/** The object a copy reads, its conditions checked. */
export async function readSource(
  ports: StoragePorts,
  context: OperationContext,
  input: CopyRequest,
): Promise<{ source: CopySource; found: FoundObject }> {
  checkOwner(context, input.ExpectedSourceBucketOwner);
  const source = accepted(parseCopySource(input.CopySource));
  const found = await readObject(ports.store, context.account, source, source.versionId).catch((error: unknown) => {
    throw error instanceof ServiceError && error.code === 'MethodNotAllowed' ? copyOfMarker() : error;
  });
  accepted(
    checkPreconditions(
      {
        ifMatch: input.CopySourceIfMatch,
        ifNoneMatch: input.CopySourceIfNoneMatch,
        ifModifiedSinceMs: input.CopySourceIfModifiedSince,
        ifUnmodifiedSinceMs: input.CopySourceIfUnmodifiedSince,
      },
      { eTag: found.document.eTag, modifiedAtMs: wholeSeconds(found.modifiedAtMs) },
      'copy',
    ),
  );
  return { source, found };
}

export const copyObject = (ports: StoragePorts): Operation<'s3:CopyObject'> =>
  operation('s3:CopyObject', {
    effect: 'change',
    needs: copyNeeds,
    async handle(input, context) {
      checkObjectRequest(context, input);
      accepted(checkBuilt(input));
      const asked = accepted(decideAttributes(input));
      const place = { bucket: input.Bucket, key: input.Key };
      const writeId = ports.ids.alphanumeric(32);
      const conditions: WriteConditions = { IfMatch: input.IfMatch, IfNoneMatch: input.IfNoneMatch };
      const made = await decideAndCommit<Copied>(ports.store, async () => {
        const target = await readKeyState(ports.store, context.account, place);
        // The commit before was answered "unknown" and did take effect.
        if (target.object?.document.writeId === writeId) return { result: { document: target.object.document } };
        const { source, found } = await readSource(ports, context, input);
        const isCurrent = source.versionId === undefined || found.row.key.name === target.object?.key.name;
        const isSelf = source.bucket === input.Bucket && source.key === input.Key && isCurrent;
        const document = {
          ...(await copyOf(ports, found.document, input, asked, isSelf && source.versionId === undefined)),
          writeId,
        };
        const commit = objectCommit(context, target, { place, document, event: 'ObjectCreated:Copy', conditions });
        // The source as it was: its row kept the bytes alive until this one does.
        const asRead = isSelf ? [] : [{ key: found.row.key, version: found.row.version }];
        return {
          commit: { ...commit, expect: [...commit.expect, ...asRead] },
          result: { document, versionId: newVersionId(target, document), sourceVersionId: found.versionId },
        };
      });
      return {
        CopyObjectResult: {
          ETag: quoted(made.document.eTag),
          LastModified: wholeSeconds(context.nowMs),
          ...checksumMember(made.document.checksum),
          ChecksumType: 'FULL_OBJECT',
        },
        ...(made.versionId !== undefined && { VersionId: made.versionId }),
        ...(made.sourceVersionId !== undefined && { CopySourceVersionId: made.sourceVersionId }),
      };
    },
  });

interface Copied {
  readonly document: ObjectDocument;
  readonly versionId?: string;
  readonly sourceVersionId?: string;
}

async function copyOf(
  ports: StoragePorts,
  before: ObjectDocument,
  input: {
    readonly MetadataDirective?: string;
    readonly TaggingDirective?: string;
    readonly ChecksumAlgorithm?: string;
    readonly StorageClass?: string;
  },
  asked: ObjectAttributes,
  isSelf: boolean,
): Promise<Omit<ObjectDocument, 'writeId'>> {
  const tags = input.TaggingDirective === 'REPLACE' ? asked.tags : before.tags;
  const replaces = input.MetadataDirective === 'REPLACE';
  const changes =
    replaces ||
    input.TaggingDirective === 'REPLACE' ||
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
    ...(replaces ? withoutTags(asked) : keptAttributes(before, asked)),
    ...(tags && { tags }),
    blob: plainRef(before.blob),
    // A copy is one piece, however its source was uploaded.
    eTag: before.blob.md5,
    checksum: { algorithm, value, type: 'FULL_OBJECT' },
  };
}

const withoutTags = ({ tags: _byDirective, ...attributes }: ObjectAttributes): ObjectAttributes => attributes;

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

const copyOfMarker = (): ServiceError =>
  new ServiceError('InvalidRequest', 'The source of a copy request may not specifically refer to a delete marker by version id.');

const tooLargeToCopy = (): ServiceError =>
  new ServiceError(
    'InvalidRequest',
    `The specified copy source is larger than the maximum allowable size for a copy source: ${PUT_BYTES_MAX}`,
  );
