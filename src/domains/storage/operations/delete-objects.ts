import type { DeletedObject, Error as DeleteError, ObjectIdentifier } from '../../../contract/generated/s3.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import type { Rejection } from '../../../platform/errors/rejection.ts';
import { checkObjectRequest, readBucket } from '../bucket-access.ts';
import { checkBuilt } from '../decide-attributes.ts';
import { checkKeySize, checkVersionId } from '../decide-names.ts';
import { deleteOne, deletePlain } from '../delete-object.ts';
import { objectArn } from '../resources.ts';
import type { StoragePorts } from '../ports.ts';

const KEYS_MAX = 1000;

/** Deleting a version for good is a right of its own. */
const needOf = (bucket: string, key: string, versionId: string | undefined): AuthorizationNeed => ({
  action: versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion',
  resources: [objectArn(bucket, key)],
});

export const deleteObject = (ports: StoragePorts): Operation<'s3:DeleteObject'> =>
  operation('s3:DeleteObject', {
    effect: 'change',
    needs: (input) => [needOf(input.Bucket, input.Key, input.VersionId)],
    async handle(input, context) {
      checkObjectRequest(context, input);
      accepted(checkBuilt(input));
      await readBucket(ports, context, input);
      const place = { bucket: input.Bucket, key: input.Key };
      const asked = { versionId: input.VersionId, ifMatch: input.IfMatch };
      const { versionId, deleteMarker } = await deleteOne(ports, context, place, asked);
      return { ...(versionId !== undefined && { VersionId: versionId }), ...(deleteMarker && { DeleteMarker: true }) };
    },
  });

export const deleteObjects = (ports: StoragePorts): Operation<'s3:DeleteObjects'> =>
  operation('s3:DeleteObjects', {
    effect: 'change',
    needs: (input) => input.Delete.Objects.map(({ Key, VersionId }) => needOf(input.Bucket, Key, VersionId)),
    async handle(input, context) {
      accepted(checkBuilt(input));
      const bucket = await readBucket(ports, context, input);
      if (input.Delete.Objects.length === 0 || input.Delete.Objects.length > KEYS_MAX) {
        throw new ServiceError(
          'MalformedXML',
          'The XML you provided was not well-formed or did not validate against our published schema',
        );
      }
      const deleted: DeletedObject[] = [];
      const errors: DeleteError[] = [];
      const plain = bucket.document.versioning === undefined && !bucket.document.notifications?.length;
      for (const object of input.Delete.Objects) {
        const refused = checkIdentifier(object);
        if (refused) {
          errors.push({ Key: object.Key, VersionId: object.VersionId, Code: refused.code, Message: refused.message });
        } else if (plain && object.ETag === undefined && (object.VersionId ?? 'null') === 'null')
          deleted.push({ Key: object.Key });
        else {
          const place = { bucket: input.Bucket, key: object.Key };
          const outcome = await deleteOne(ports, context, place, { versionId: object.VersionId, ifMatch: object.ETag }).catch(
            (error: unknown) => {
              if (!(error instanceof ServiceError)) throw error;
              errors.push({ Key: object.Key, VersionId: object.VersionId, Code: error.code, Message: error.message });
            },
          );
          if (outcome) deleted.push(deletedEntry(object, outcome));
        }
      }
      if (plain) {
        const keys = deleted.map(({ Key }) => Key ?? '');
        await deletePlain(ports.store, context, input.Bucket, [...new Set(keys)]);
      }
      return { Deleted: input.Delete.Quiet ? [] : deleted, Errors: errors };
    },
  });

function deletedEntry(
  { Key, VersionId }: ObjectIdentifier,
  { versionId, deleteMarker }: { versionId?: string; deleteMarker: boolean },
): DeletedObject {
  return {
    Key,
    ...(VersionId !== undefined && { VersionId }),
    ...(deleteMarker && { DeleteMarker: true, DeleteMarkerVersionId: versionId }),
  };
}

/** What stands against deleting this one key; the others of the request are not affected. */
function checkIdentifier(object: ObjectIdentifier): Rejection | undefined {
  if (object.LastModifiedTime !== undefined || object.Size !== undefined) {
    return { code: 'NotImplemented', message: 'Deletes under conditions other than an ETag are not implemented.' };
  }
  return checkVersionId(object.VersionId) ?? checkKeySize(Buffer.byteLength(object.Key));
}
