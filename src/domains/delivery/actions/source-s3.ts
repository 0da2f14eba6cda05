import { type ActionKind, failed, type Work } from './action-kind.ts';
import { overrideOf } from './revisions.ts';

/** The object's version of the moment, or the one that was asked for, is copied into the artifact bucket. */
export const s3Source: ActionKind = {
  calls: ['s3:HeadObject', 's3:CopyObject'],
  async start(work) {
    const { ports, principal, origin, action } = work;
    const { S3Bucket: Bucket = '', S3ObjectKey = '' } = work.configuration;
    const Key = overrideOf(work, 'S3_OBJECT_KEY') ?? S3ObjectKey;
    const wanted = overrideOf(work, 'S3_OBJECT_VERSION_ID');
    const asked = { Bucket, Key, ...(wanted !== undefined && { VersionId: wanted }) };
    const head = await ports.calls.call(principal, origin, 's3:HeadObject', asked);
    const { VersionId, ETag = '', LastModified } = head;
    if (VersionId === undefined || VersionId === 'null') {
      return failed(
        'ConfigurationError',
        `The bucket ${Bucket} keeps no versions. Turn on its versioning to use it as a source.`,
      );
    }
    const output = action.outputs?.[0];
    if (!output) return failed('ConfigurationError', `The action ${action.name} has no output artifact.`);
    await copy(work, { Bucket: output.bucket, Key: output.key }, `${Bucket}/${encodeURIComponent(Key)}?versionId=${VersionId}`);
    return {
      seen: 'succeeded',
      changes: {
        externalExecutionId: VersionId,
        summary: `Amazon S3 version id: ${VersionId}`,
        revision: {
          name: output.name,
          revisionId: VersionId,
          revisionSummary: `Amazon S3 version id: ${VersionId}`,
          ...(typeof LastModified === 'number' && { createdAtMs: LastModified }),
        },
        outputVariables: { BucketName: Bucket, ObjectKey: Key, ETag: ETag.replaceAll('"', ''), VersionId },
      },
    };
  },
};

const copy = ({ ports, principal, origin }: Work, to: { Bucket: string; Key: string }, CopySource: string) =>
  ports.calls.call(principal, origin, 's3:CopyObject', { ...to, CopySource });
