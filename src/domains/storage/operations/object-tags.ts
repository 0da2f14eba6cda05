import { accepted } from '../../../platform/errors/rejection.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { activeBucket, checkObjectRequest, type ObjectRequest, readBucket } from '../bucket-access.ts';
import { checkTags } from '../decide-tags.ts';
import { type FoundObject, readObject } from '../key-state.ts';
import { objectArn, type ObjectDocument, type TagSet, type VersionDocument } from '../resources.ts';
import type { StoragePorts } from '../ports.ts';

const needsOf =
  (verb: 'Get' | 'Put' | 'Delete') =>
  (input: ObjectRequest): AuthorizationNeed[] => [
    {
      action: `s3:${verb}Object${input.VersionId === undefined ? '' : 'Version'}Tagging`,
      resources: [objectArn(input.Bucket, input.Key)],
    },
  ];

export const getObjectTagging = (ports: StoragePorts): Operation<'s3:GetObjectTagging'> =>
  operation('s3:GetObjectTagging', {
    effect: 'read',
    needs: needsOf('Get'),
    async handle(input, context) {
      checkObjectRequest(context, input);
      const place = { bucket: input.Bucket, key: input.Key };
      const found = await readObject(ports.store, context.account, place, input.VersionId);
      return { TagSet: found.document.tags ?? [], ...versionMember(found) };
    },
  });

export const putObjectTagging = (ports: StoragePorts): Operation<'s3:PutObjectTagging'> =>
  operation('s3:PutObjectTagging', {
    effect: 'change',
    needs: needsOf('Put'),
    async handle(input, context) {
      const tags = input.Tagging.TagSet.map(({ Key, Value }) => ({ Key, Value }));
      accepted(checkTags(tags, 'object'));
      return versionMember(await changeTags(ports, context, input, tags));
    },
  });

export const deleteObjectTagging = (ports: StoragePorts): Operation<'s3:DeleteObjectTagging'> =>
  operation('s3:DeleteObjectTagging', {
    effect: 'change',
    needs: needsOf('Delete'),
    handle: async (input, context) => versionMember(await changeTags(ports, context, input, [], 'DELETE')),
  });

const versionMember = ({ versionId }: FoundObject) => (versionId === undefined ? {} : { VersionId: versionId });

/** Tags are not part of what was written: the object keeps its version, ETag and time. */
async function changeTags(
  ports: StoragePorts,
  context: OperationContext,
  input: ObjectRequest,
  tags: TagSet,
  method: 'PUT' | 'DELETE' = 'PUT',
): Promise<FoundObject> {
  checkObjectRequest(context, input);
  const place = { bucket: input.Bucket, key: input.Key };
  return decideAndCommit<FoundObject>(ports.store, async () => {
    const bucket = activeBucket(await readBucket(ports, context, input), input.Bucket);
    const found = await readObject(ports.store, context.account, place, input.VersionId, method);
    const { tags: before, ...rest } = found.document;
    const object: ObjectDocument = { ...rest, ...(tags.length > 0 && { tags }) };
    const { key, version, index, document } = found.row;
    const isVersion = 'order' in document;
    return {
      commit: {
        expect: [
          { key: bucket.key, version: bucket.version },
          { key, version },
        ],
        write: [{ key, document: isVersion ? { ...(document as VersionDocument), object } : object, index }],
        ledger: [entryOf(context, context.operation, [objectArn(input.Bucket, input.Key)], { tags: [before ?? [], tags] })],
      },
      result: found,
    };
  });
}
