import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { storedPrincipal } from '../../../platform/notices.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import type { Json } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { activeBucket, type BucketRequest, checkOwner, readBucket } from '../bucket-access.ts';
import { notificationConfiguration, parseNotifications } from '../decide-notifications.ts';
import { checkTags } from '../decide-tags.ts';
import { type BucketDocument, bucketArn, bucketKey } from '../resources.ts';
import type { StoragePorts } from '../ports.ts';

/** Changes members of the bucket's row; `undefined` takes one away. */
async function changeBucket(
  ports: StoragePorts,
  context: OperationContext,
  input: BucketRequest,
  members: Partial<BucketDocument>,
): Promise<void> {
  checkOwner(context, input.ExpectedBucketOwner);
  const key = bucketKey(context.account, input.Bucket);
  await decideAndCommit(ports.store, async () => {
    const row = activeBucket(await ports.store.get<BucketDocument>(key), input.Bucket);
    const document = { ...row.document, ...members };
    const before = row.document as { [member: string]: Json | undefined };
    const changes = Object.entries(members)
      .filter(([name]) => name !== 'notifiedBy')
      .map(([name, value]) => [name, [before[name] ?? null, value ?? null]] as const);
    return {
      commit: {
        expect: [{ key, version: row.version }],
        write: [{ key, document, index: { ...row.index, modifiedAtMs: context.nowMs } }],
        ledger: [
          entryOf(
            context,
            context.operation,
            [bucketArn(input.Bucket)],
            Object.fromEntries(changes) as Record<string, [Json, Json]>,
          ),
        ],
      },
      result: undefined,
    };
  });
}

const needs = (action: string) => (input: BucketRequest) => [{ action, resources: [bucketArn(input.Bucket)] }];

export const putBucketVersioning = (ports: StoragePorts): Operation<'s3:PutBucketVersioning'> =>
  operation('s3:PutBucketVersioning', {
    effect: 'change',
    needs: needs('s3:PutBucketVersioning'),
    async handle(input, context) {
      const { Status, MFADelete } = input.VersioningConfiguration;
      if (MFADelete === 'Enabled') throw new ServiceError('NotImplemented', 'MFA delete is not implemented.');
      if (Status === undefined) {
        throw new ServiceError('IllegalVersioningConfigurationException', 'The Versioning element must be specified');
      }
      await changeBucket(ports, context, input, { versioning: Status });
      return {};
    },
  });

export const getBucketVersioning = (ports: StoragePorts): Operation<'s3:GetBucketVersioning'> =>
  operation('s3:GetBucketVersioning', {
    effect: 'read',
    needs: needs('s3:GetBucketVersioning'),
    async handle(input, context) {
      const { versioning } = (await readBucket(ports, context, input)).document;
      return versioning === undefined ? {} : { Status: versioning };
    },
  });

export const putBucketTagging = (ports: StoragePorts): Operation<'s3:PutBucketTagging'> =>
  operation('s3:PutBucketTagging', {
    effect: 'change',
    needs: needs('s3:PutBucketTagging'),
    async handle(input, context) {
      accepted(checkTags(input.Tagging.TagSet, 'bucket'));
      await changeBucket(ports, context, input, { tags: input.Tagging.TagSet.map(({ Key, Value }) => ({ Key, Value })) });
      return {};
    },
  });

export const getBucketTagging = (ports: StoragePorts): Operation<'s3:GetBucketTagging'> =>
  operation('s3:GetBucketTagging', {
    effect: 'read',
    needs: needs('s3:GetBucketTagging'),
    async handle(input, context) {
      const { tags } = (await readBucket(ports, context, input)).document;
      if (!tags?.length) throw new ServiceError('NoSuchTagSet', 'The TagSet does not exist', { BucketName: input.Bucket });
      return { TagSet: tags };
    },
  });

export const deleteBucketTagging = (ports: StoragePorts): Operation<'s3:DeleteBucketTagging'> =>
  operation('s3:DeleteBucketTagging', {
    effect: 'change',
    needs: needs('s3:PutBucketTagging'),
    async handle(input, context) {
      await changeBucket(ports, context, input, { tags: [] });
      return {};
    },
  });

export const putBucketNotificationConfiguration = (ports: StoragePorts): Operation<'s3:PutBucketNotificationConfiguration'> =>
  operation('s3:PutBucketNotificationConfiguration', {
    effect: 'change',
    needs: needs('s3:PutBucketNotification'),
    async handle(input, context) {
      const { targets } = accepted(parseNotifications(input.NotificationConfiguration, () => ports.ids.alphanumeric(48)));
      await changeBucket(ports, context, input, {
        notifications: targets,
        notifiedBy: storedPrincipal(context.principal),
      });
      return {};
    },
  });

export const getBucketNotificationConfiguration = (ports: StoragePorts): Operation<'s3:GetBucketNotificationConfiguration'> =>
  operation('s3:GetBucketNotificationConfiguration', {
    effect: 'read',
    needs: needs('s3:GetBucketNotification'),
    async handle(input, context) {
      return notificationConfiguration((await readBucket(ports, context, input)).document.notifications ?? []);
    },
  });
