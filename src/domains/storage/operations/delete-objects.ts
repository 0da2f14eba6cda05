import type { DeletedObject, Error as DeleteError, ObjectIdentifier } from '../../../contract/generated/s3.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row, Store } from '../../../platform/store/port.ts';
import type { Rejection } from '../../../platform/errors/rejection.ts';
import { checkObjectRequest, readBucket, type StoragePorts } from '../bucket-access.ts';
import { checkBuilt } from '../decide-attributes.ts';
import { checkKeySize } from '../decide-names.ts';
import { accepted } from '../rejection.ts';
import { objectArn, objectKey, type ObjectDocument } from '../resources.ts';

const KEYS_MAX = 1000;

export const deleteObject = (ports: StoragePorts): Operation<'s3:DeleteObject'> =>
  operation('s3:DeleteObject', {
    effect: 'change',
    needs: (input) => [{ action: 's3:DeleteObject', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      checkObjectRequest(context, input);
      accepted(checkBuilt(input, 'write'));
      await readBucket(ports, context, input);
      await removeObjects(ports.store, context, input.Bucket, [input.Key]);
      return {};
    },
  });

export const deleteObjects = (ports: StoragePorts): Operation<'s3:DeleteObjects'> =>
  operation('s3:DeleteObjects', {
    effect: 'change',
    needs: (input) => [
      {
        action: 's3:DeleteObject',
        resources: input.Delete.Objects.map(({ Key }) => objectArn(input.Bucket, Key)),
      },
    ],
    async handle(input, context) {
      accepted(checkBuilt(input, 'write'));
      await readBucket(ports, context, input);
      if (input.Delete.Objects.length === 0 || input.Delete.Objects.length > KEYS_MAX) {
        throw new ServiceError(
          'MalformedXML',
          'The XML you provided was not well-formed or did not validate against our published schema',
        );
      }
      const deleted: DeletedObject[] = [];
      const errors: DeleteError[] = [];
      for (const object of input.Delete.Objects) {
        const refused = checkIdentifier(object);
        if (refused) errors.push({ Key: object.Key, VersionId: object.VersionId, Code: refused.code, Message: refused.message });
        else deleted.push({ Key: object.Key });
      }
      await removeObjects(ports.store, context, input.Bucket, [...new Set(deleted.map(({ Key }) => Key ?? ''))]);
      return { Deleted: input.Delete.Quiet ? [] : deleted, Errors: errors };
    },
  });

/** What stands against deleting this one key; the others of the request are not affected. */
function checkIdentifier(object: ObjectIdentifier): Rejection | undefined {
  if (object.VersionId !== undefined && object.VersionId !== 'null') {
    return { code: 'InvalidArgument', message: 'Invalid version id specified' };
  }
  if (object.ETag !== undefined || object.LastModifiedTime !== undefined || object.Size !== undefined) {
    return { code: 'NotImplemented', message: 'Conditional deletes are not implemented.' };
  }
  return checkKeySize(Buffer.byteLength(object.Key));
}

/** Absent ones are as deleted as present ones. One commit, hence all or nothing when the server dies. */
async function removeObjects(store: Store, context: OperationContext, bucket: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await decideAndCommit(store, async () => {
    const rows = await store.getMany<ObjectDocument>(keys.map((key) => objectKey(context.account, bucket, key)));
    const present = rows.filter((row): row is Row<ObjectDocument> => row !== undefined);
    if (present.length === 0) return { result: undefined };
    return {
      commit: {
        expect: present.map(({ key, version }) => ({ key, version })),
        remove: present.map(({ key }) => key),
        ledger: present.map(({ key, document }) =>
          entryOf(context, 's3:DeleteObject', [`arn:aws:s3:::${key.name}`], {
            digest: [document.blob.digest, null],
            sizeBytes: [document.blob.sizeBytes, null],
          }),
        ),
      },
      result: undefined,
    };
  });
}
