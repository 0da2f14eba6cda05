import type { BucketLocationConstraint } from '../../../contract/generated/s3.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { accepted, rejectionError } from '../../../platform/errors/rejection.ts';
import { activeBucket, checkOwner, readBucket } from '../bucket-access.ts';
import { aclRefusal, checkBuilt } from '../decide-attributes.ts';
import { checkBucketName, checkNamespace, decideBucketRegion } from '../decide-names.ts';
import { checkTags } from '../decide-tags.ts';
import { ownerOf } from '../owner.ts';
import { finishBucketDeletion, holdsObjects } from '../reconcile-bucket-deletion.ts';
import { BUCKET, BUCKET_DELETION, bucketArn, bucketKey, type BucketDocument } from '../resources.ts';
import type { StoragePorts } from '../ports.ts';

const BUCKETS_MAX = 10_000;

export const createBucket = (ports: StoragePorts): Operation<'s3:CreateBucket'> =>
  operation('s3:CreateBucket', {
    effect: 'change',
    needs: (input) => [{ action: 's3:CreateBucket', resources: [bucketArn(input.Bucket)] }],
    async handle(input, context) {
      const name = input.Bucket;
      accepted(checkBucketName(name));
      accepted(checkBuilt(input));
      if (input.ACL !== undefined && input.ACL !== 'private') throw rejectionError(aclRefusal);
      const tags = input.CreateBucketConfiguration?.Tags?.map(({ Key, Value }) => ({ Key, Value })) ?? [];
      accepted(checkTags(tags, 'bucket'));
      if (input.CreateBucketConfiguration?.Location) throw notBuilt('Location (directory buckets)');
      const { region } = accepted(decideBucketRegion(context.region, input.CreateBucketConfiguration?.LocationConstraint));
      accepted(checkNamespace(input, context.account, region));
      await decideAndCommit(ports.store, async () => {
        const key = bucketKey(context.account, name);
        const found = await ports.store.get<BucketDocument>(key);
        if (found) {
          // us-east-1 keeps its old way: creating one's own bucket again succeeds there.
          if (activeBucket(found, name).document.region === 'us-east-1' && region === 'us-east-1') return { result: undefined };
          throw new ServiceError(BUCKET.exists.code, BUCKET.exists.message(name, bucketArn(name)), { BucketName: name });
        }
        const document: BucketDocument = { name, region, ...(tags.length > 0 && { tags }) };
        return {
          commit: {
            expect: [{ key, version: 0 }],
            write: [{ key, document, index: { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs } }],
            ledger: [entryOf(context, 's3:CreateBucket', [bucketArn(name)], { region: [null, region] })],
          },
          result: undefined,
        };
      });
      const location = region === 'us-east-1' ? `/${name}` : `http://${name}.s3.amazonaws.com/`;
      return { Location: location, BucketArn: bucketArn(name) };
    },
  });

export const headBucket = (ports: StoragePorts): Operation<'s3:HeadBucket'> =>
  operation('s3:HeadBucket', {
    effect: 'read',
    needs: (input) => [{ action: 's3:ListBucket', resources: [bucketArn(input.Bucket)] }],
    async handle(input, context) {
      const row = await readBucket(ports, context, input).catch((error: unknown) => {
        // An answer to HEAD has no body to hold a code; SDKs look for "404" and "Not Found".
        throw error instanceof ServiceError && error.code === 'NoSuchBucket' ? new ServiceError('NotFound', 'Not Found') : error;
      });
      return { BucketRegion: row.document.region, BucketArn: bucketArn(input.Bucket), AccessPointAlias: false };
    },
  });

export const getBucketLocation = (ports: StoragePorts): Operation<'s3:GetBucketLocation'> =>
  operation('s3:GetBucketLocation', {
    effect: 'read',
    needs: (input) => [{ action: 's3:GetBucketLocation', resources: [bucketArn(input.Bucket)] }],
    async handle(input, context) {
      const { region } = (await readBucket(ports, context, input)).document;
      return region === 'us-east-1' ? {} : { LocationConstraint: region as BucketLocationConstraint };
    },
  });

export const deleteBucket = (ports: StoragePorts): Operation<'s3:DeleteBucket'> =>
  operation('s3:DeleteBucket', {
    effect: 'change',
    needs: (input) => [{ action: 's3:DeleteBucket', resources: [bucketArn(input.Bucket)] }],
    async handle(input, context) {
      checkOwner(context, input.ExpectedBucketOwner);
      const key = bucketKey(context.account, input.Bucket);
      await decideAndCommit(ports.store, async () => {
        const row = activeBucket(await ports.store.get<BucketDocument>(key), input.Bucket);
        // A bucket that is plainly in use is refused without stopping its writers for a moment.
        if (await holdsObjects(ports.store, context.account, input.Bucket)) throw notEmpty(input.Bucket);
        const deletion = { actor: context.principal.arn, requestId: context.requestId, region: context.region };
        return {
          commit: {
            expect: [{ key, version: row.version }],
            write: [{ key, document: { ...row.document, deletion }, index: row.index }],
            timers: [{ reconciler: BUCKET_DELETION, key, dueAtMs: context.nowMs }],
          },
          result: undefined,
        };
      });
      if ((await finishBucketDeletion(ports.store, key, context.nowMs)) === 'not-empty') throw notEmpty(input.Bucket);
      return {};
    },
  });

export const listBuckets = (ports: StoragePorts): Operation<'s3:ListBuckets'> =>
  operation('s3:ListBuckets', {
    effect: 'read',
    needs: () => [{ action: 's3:ListAllMyBuckets', resources: ['*'] }],
    async handle(input, context) {
      const limit = Math.min(input.MaxBuckets ?? BUCKETS_MAX, BUCKETS_MAX);
      const buckets: { Name: string; CreationDate: number; BucketRegion: string; BucketArn: string }[] = [];
      let after = input.ContinuationToken ? Buffer.from(input.ContinuationToken, 'base64url').toString() : '';
      let more = true;
      while (more && buckets.length < limit) {
        const page = await ports.store.list<BucketDocument>({
          account: context.account,
          region: GLOBAL,
          kind: BUCKET.kind,
          ...(input.Prefix && { namePrefix: input.Prefix }),
          sortBy: 'name',
          order: 'ascending',
          ...(after !== '' && { after: { sort: after, name: after } }),
          limit: Math.min(limit - buckets.length, 1000),
        });
        for (const { document, index } of page.rows) {
          after = document.name;
          if (input.BucketRegion && document.region !== input.BucketRegion) continue;
          buckets.push({
            Name: document.name,
            CreationDate: index.createdAtMs,
            BucketRegion: document.region,
            BucketArn: bucketArn(document.name),
          });
        }
        more = page.next !== undefined && page.rows.length > 0;
      }
      return {
        Buckets: buckets,
        Owner: ownerOf(context.account),
        ...(input.Prefix && { Prefix: input.Prefix }),
        ...(more && { ContinuationToken: Buffer.from(after).toString('base64url') }),
      };
    },
  });

const notEmpty = (bucket: string): ServiceError =>
  new ServiceError('BucketNotEmpty', 'The bucket you tried to delete is not empty', { BucketName: bucket });

const notBuilt = (what: string): ServiceError =>
  new ServiceError('NotImplemented', `A header you provided implies functionality that is not implemented: ${what}.`);
