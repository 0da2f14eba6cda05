import { accepted } from '../../../platform/errors/rejection.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { activeBucket, checkObjectRequest, readObjectRows } from '../bucket-access.ts';
import { storeContent } from '../content-checksums.ts';
import { checkBuilt, decideAttributes } from '../decide-attributes.ts';
import { checksumMember } from '../decide-checksums.ts';
import { checkWriteConditions } from '../decide-preconditions.ts';
import { objectArn, quoted, type ObjectDocument } from '../resources.ts';
import { writeObject } from '../write-object.ts';
import type { StoragePorts } from '../ports.ts';

export const putObject = (ports: StoragePorts): Operation<'s3:PutObject'> =>
  operation('s3:PutObject', {
    effect: 'change',
    needs: (input) => [{ action: 's3:PutObject', resources: [objectArn(input.Bucket, input.Key)] }],
    async handle(input, context) {
      checkObjectRequest(context, input);
      accepted(checkBuilt(input));
      const attributes = accepted(decideAttributes(input));
      // Before the body: a client that waits for 100-continue then never sends it.
      const { bucket, object } = await readObjectRows(ports.store, context.account, input.Bucket, input.Key);
      const known = { bucket: activeBucket(bucket, input.Bucket), object };
      const conditions = { IfMatch: input.IfMatch, IfNoneMatch: input.IfNoneMatch };
      accepted(checkWriteConditions(conditions, object?.document.eTag));
      const { blob, checksum } = await storeContent(ports.blobs, input);
      const document: ObjectDocument = {
        ...attributes,
        writeId: ports.ids.alphanumeric(32),
        blob,
        eTag: blob.md5,
        checksum: { ...checksum, type: 'FULL_OBJECT' },
      };
      const place = { bucket: input.Bucket, key: input.Key };
      const VersionId = await writeObject(
        ports.store,
        context,
        { place, document, event: 'ObjectCreated:Put', conditions },
        known,
      );
      return {
        ETag: quoted(document.eTag),
        ...checksumMember(checksum),
        ChecksumType: 'FULL_OBJECT',
        ...(VersionId !== undefined && { VersionId }),
      };
    },
  });
