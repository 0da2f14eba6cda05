import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { ObjectAttributes } from '../../contract/generated/s3.ts';
import type { BlobBody } from '../../platform/objects/port.ts';
import { ensureDefaultBucket } from './default-bucket.ts';
import { runningCrc } from '../../platform/objects/crc.ts';
import { ACCOUNT, type RoomCall as Call } from '../../platform/calls/room-rig.ts';
import { bytesOf, streamOf, withStorageRoom } from './storage-rig.ts';

const code = (expected: string) => (error: { code?: string }) => error.code === expected;
const put = (call: Call, Key: string, text: string, more: object = {}) =>
  call('s3:PutObject', { Bucket: 'bucket', Key, Body: streamOf(text), ...more });
const crcOf = (text: string): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return bytes.toString('base64');
};

test('bytes that another room is about to refer to are not collected when the object goes in between', () =>
  withStorageRoom(async ({ call, blobs, clock }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await put(call, 'model.tar.gz', 'the model');
    await put(call, 'other', 'other bytes');
    clock.advance(2 * 3600 * 1000);
    const { Body } = await call('s3:GetObject', { Bucket: 'bucket', Key: 'model.tar.gz' });
    const client = { sourceIp: '127.0.0.1', userAgent: 'boto3' };
    await call('s3:GetObject', { Bucket: 'bucket', Key: 'other' }, { client });
    await call('s3:DeleteObject', { Bucket: 'bucket', Key: 'model.tar.gz' });
    await call('s3:DeleteObject', { Bucket: 'bucket', Key: 'other' });
    assert.equal(await blobs.collect(), 1, 'what a client only read goes');
    assert.equal(await blobs.has((Body as BlobBody).blob?.digest ?? ''), true);
  }));

test('an object is what was put, by GET and HEAD, with headers, metadata and checksum', () =>
  withStorageRoom(async ({ call, store }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    const made = await put(call, 'a/b.csv', 'hello world', {
      ContentType: 'text/csv',
      CacheControl: 'no-cache',
      Metadata: { Owner: 'me' },
      ChecksumCRC32: crcOf('hello world'),
      ContentMD5: createHash('md5').update('hello world').digest('base64'),
    });
    assert.equal(made.ETag, `"${createHash('md5').update('hello world').digest('hex')}"`);
    const got = await call('s3:GetObject', { Bucket: 'bucket', Key: 'a/b.csv', ChecksumMode: 'ENABLED' });
    assert.equal((await bytesOf(got.Body)).toString(), 'hello world');
    assert.equal((got.Body as BlobBody).blob?.digest, createHash('sha256').update('hello world').digest('hex'));
    const { Body: _body, ...headers } = got;
    assert.deepEqual(headers, await call('s3:HeadObject', { Bucket: 'bucket', Key: 'a/b.csv', ChecksumMode: 'ENABLED' }));
    assert.equal(headers.ContentType, 'text/csv');
    assert.equal(headers.CacheControl, 'no-cache');
    assert.deepEqual(headers.Metadata, { owner: 'me' });
    assert.equal(headers.ChecksumCRC32, crcOf('hello world'));
    assert.equal(headers.ContentLength, 11);
    const ObjectAttributes: ObjectAttributes[] = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];
    assert.deepEqual(await call('s3:GetObjectAttributes', { Bucket: 'bucket', Key: 'a/b.csv', ObjectAttributes }), {
      LastModified: headers.LastModified,
      ETag: headers.ETag?.replaceAll('"', ''),
      Checksum: { ChecksumCRC32: crcOf('hello world'), ChecksumType: 'FULL_OBJECT' },
      StorageClass: 'STANDARD',
      ObjectSize: 11,
    });
    const entries = await store.ledger({ afterSequence: 0, limit: 10 });
    assert.deepEqual(
      entries.map(({ entry }) => [entry.action, entry.resources]),
      [
        ['s3:CreateBucket', ['arn:aws:s3:::bucket']],
        ['s3:PutObject', ['arn:aws:s3:::bucket/a/b.csv']],
      ],
    );
  }));

test('ranges give the bytes and say which', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await put(call, 'k', '0123456789');
    const part = async (Range: string) => {
      const got = await call('s3:GetObject', { Bucket: 'bucket', Key: 'k', Range, ChecksumMode: 'ENABLED' });
      assert.equal(got.ChecksumCRC32, got.ContentRange ? undefined : crcOf('0123456789'));
      return [(await bytesOf(got.Body)).toString(), got.ContentRange, got.ContentLength];
    };
    assert.deepEqual(await part('bytes=2-4'), ['234', 'bytes 2-4/10', 3]);
    assert.deepEqual(await part('bytes=-3'), ['789', 'bytes 7-9/10', 3]);
    assert.deepEqual(await part('bytes=8-'), ['89', 'bytes 8-9/10', 2]);
    await assert.rejects(part('bytes=10-'), code('InvalidRange'));
  }));

test('a checksum or digest that does not match leaves nothing behind', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await put(call, 'k', 'old');
    await assert.rejects(put(call, 'k', 'new', { ChecksumCRC32: crcOf('other') }), code('BadDigest'));
    await assert.rejects(
      put(call, 'k', 'new', { ContentMD5: createHash('md5').update('x').digest('base64') }),
      code('BadDigest'),
    );
    await assert.rejects(
      put(call, 'k', 'new', { ChecksumSHA256: createHash('sha256').update('x').digest('base64') }),
      code('BadDigest'),
    );
    await assert.rejects(
      put(call, 'k', 'new', { ChecksumSHA1: createHash('sha1').update('x').digest('base64') }),
      code('BadDigest'),
    );
    const broken = async function* () {
      yield Buffer.from('half');
      throw Object.assign(new Error('cut'), { code: 'IncompleteBody' });
    };
    await assert.rejects(call('s3:PutObject', { Bucket: 'bucket', Key: 'k', Body: broken() }), code('IncompleteBody'));
    assert.equal((await bytesOf((await call('s3:GetObject', { Bucket: 'bucket', Key: 'k' })).Body)).toString(), 'old');
  }));

test('every checksum algorithm is computed and answered', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    const crc = (name: 'CRC32C' | 'CRC64NVME') => {
      const running = runningCrc(name);
      running.update(Buffer.from('content'));
      return running.digest().toString('base64');
    };
    const values = {
      ChecksumCRC32: crcOf('content'),
      ChecksumCRC32C: crc('CRC32C'),
      ChecksumCRC64NVME: crc('CRC64NVME'),
      ChecksumSHA1: createHash('sha1').update('content').digest('base64'),
      ChecksumSHA256: createHash('sha256').update('content').digest('base64'),
    };
    for (const [member, value] of Object.entries(values)) {
      const given = await put(call, member, 'content', { [member]: value });
      const computed = await put(call, `${member}-2`, 'content', { ChecksumAlgorithm: member.slice('Checksum'.length) });
      const head = await call('s3:HeadObject', { Bucket: 'bucket', Key: member, ChecksumMode: 'ENABLED' });
      for (const output of [given, computed, head]) assert.equal((output as Record<string, unknown>)[member], value, member);
    }
    await assert.rejects(put(call, 'x', 'content', { ChecksumAlgorithm: 'XXHASH3' }), code('NotImplemented'));
  }));

test('a checksum that only a trailer brings is checked when the body has ended', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    const withTrailer = (value: string) => {
      const input: { Bucket: string; Key: string; Body?: AsyncIterable<Uint8Array>; ChecksumSHA1?: string } = {
        Bucket: 'bucket',
        Key: 'k',
      };
      input.Body = (async function* () {
        yield Buffer.from('text');
        input.ChecksumSHA1 = value;
      })();
      return call('s3:PutObject', input);
    };
    await assert.rejects(withTrailer(createHash('sha1').update('other').digest('base64')), code('BadDigest'));
    const good = createHash('sha1').update('text').digest('base64');
    assert.equal((await withTrailer(good)).ChecksumSHA1, good);
  }));

test('absent buckets and keys, foreign owners, long keys', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await assert.rejects(call('s3:GetObject', { Bucket: 'nowhere', Key: 'k' }), code('NoSuchBucket'));
    await assert.rejects(call('s3:GetObject', { Bucket: 'bucket', Key: 'k' }), (error: { code?: string; members?: object }) => {
      assert.deepEqual(error.members, { Key: 'k' });
      return error.code === 'NoSuchKey';
    });
    await assert.rejects(call('s3:HeadObject', { Bucket: 'bucket', Key: 'k' }), code('NotFound'));
    await assert.rejects(call('s3:HeadBucket', { Bucket: 'nowhere' }), code('NotFound'));
    await assert.rejects(call('s3:PutObject', { Bucket: 'nowhere', Key: 'k', Body: streamOf('') }), code('NoSuchBucket'));
    await assert.rejects(put(call, 'k', '', { ExpectedBucketOwner: '999999999999' }), code('AccessDenied'));
    await put(call, 'k', '', { ExpectedBucketOwner: ACCOUNT });
    await assert.rejects(put(call, 'é'.repeat(513), ''), code('KeyTooLongError'));
    await put(call, 'é'.repeat(512), '');
    await call('s3:DeleteObject', { Bucket: 'bucket', Key: 'never there' });
    await assert.rejects(put(call, 'k', '', { IfNoneMatch: '*' }), code('PreconditionFailed'));
    await assert.rejects(put(call, 'k', '', { SSECustomerAlgorithm: 'AES256' }), code('NotImplemented'));
    await put(call, 'k', '', { ServerSideEncryption: 'aws:kms' });
  }));

test('of many writers of one key the last committed wins, and every write is in the ledger', () =>
  withStorageRoom(async ({ call, store }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    const texts = Array.from({ length: 20 }, (_, at) => `text ${at}`);
    await Promise.all(texts.map((text) => put(call, 'k', text)));
    const last = (await bytesOf((await call('s3:GetObject', { Bucket: 'bucket', Key: 'k' })).Body)).toString();
    const writes = (await store.ledger({ afterSequence: 1, limit: 100 })).map(({ entry }) => entry.changes?.['digest'] ?? []);
    assert.equal(writes.length, 20);
    assert.equal(writes.at(-1)?.[1], createHash('sha256').update(last).digest('hex'));
    for (const [at, [old]] of writes.entries()) assert.equal(old, at === 0 ? null : writes[at - 1]?.[1]);
  }));

test('listing: pages, prefixes and tokens agree with what is there', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await call('s3:CreateBucket', { Bucket: 'bucket.other' });
    await call('s3:PutObject', { Bucket: 'bucket.other', Key: 'not here', Body: streamOf('') });
    const keys = Array.from({ length: 130 }, (_, at) => `data/${String(at).padStart(3, '0')}`).concat(
      'data/',
      'a b+c',
      'é',
      '../up',
      'per%41cent',
      'trailing/',
      'z',
    );
    await Promise.all(keys.map((key) => put(call, key, key)));
    const expected = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const listed: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await call('s3:ListObjectsV2', { Bucket: 'bucket', MaxKeys: 50, ContinuationToken });
      assert.equal(page.KeyCount, page.Contents?.length);
      listed.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    assert.deepEqual(listed, expected);
    const folders = await call('s3:ListObjectsV2', { Bucket: 'bucket', Delimiter: '/', EncodingType: 'url' });
    assert.deepEqual(folders.CommonPrefixes, [{ Prefix: '../' }, { Prefix: 'data/' }, { Prefix: 'trailing/' }]);
    assert.deepEqual(
      folders.Contents?.map(({ Key }) => Key),
      ['a%20b%2Bc', 'per%2541cent', 'z', '%C3%A9'],
    );
    const old = await call('s3:ListObjects', { Bucket: 'bucket', Prefix: 'data/', MaxKeys: 2 });
    assert.deepEqual(
      [old.Contents?.map(({ Key }) => Key), old.IsTruncated, old.NextMarker],
      [['data/', 'data/000'], true, undefined],
    );
    const first = await call('s3:ListObjects', { Bucket: 'bucket', Delimiter: '/', MaxKeys: 1 });
    assert.equal(first.NextMarker, '../');
    const next = await call('s3:ListObjects', { Bucket: 'bucket', Delimiter: '/', MaxKeys: 2, Marker: '../' });
    assert.deepEqual([next.Contents?.map(({ Key }) => Key), next.CommonPrefixes], [['a b+c'], [{ Prefix: 'data/' }]]);
    await assert.rejects(call('s3:ListObjectsV2', { Bucket: 'bucket', ContinuationToken: 'nonsense' }), code('InvalidArgument'));
    assert.deepEqual((await call('s3:ListObjectsV2', { Bucket: 'bucket', MaxKeys: 0 })).IsTruncated, false);
  }));

test('copies keep or replace what is said of an object', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await put(call, 'a b', 'text', { ContentType: 'text/plain', Metadata: { x: '1' } });
    const copy = (Key: string, more: object = {}) =>
      call('s3:CopyObject', { Bucket: 'bucket', Key, CopySource: 'bucket/a%20b', ...more });
    const head = (Key: string) => call('s3:HeadObject', { Bucket: 'bucket', Key });
    await copy('kept');
    assert.deepEqual([(await head('kept')).ContentType, (await head('kept')).Metadata], ['text/plain', { x: '1' }]);
    await copy('replaced', { MetadataDirective: 'REPLACE', ContentType: 'text/csv' });
    assert.deepEqual([(await head('replaced')).ContentType, (await head('replaced')).Metadata], ['text/csv', {}]);
    await assert.rejects(copy('a b'), code('InvalidRequest'));
    await copy('a b', { MetadataDirective: 'REPLACE', Metadata: { y: '2' } });
    assert.deepEqual((await head('a b')).Metadata, { y: '2' });
    await assert.rejects(copy('c', { CopySourceIfMatch: '"no"' }), code('PreconditionFailed'));
    await assert.rejects(copy('c', { CopySource: 'bucket/gone' }), code('NoSuchKey'));
    await assert.rejects(copy('c', { CopySource: 'gone/k' }), code('NoSuchBucket'));
  }));

test('many keys go at once, each refused one by itself', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await Promise.all(['a', 'b', 'c'].map((key) => put(call, key, key)));
    const Objects = [{ Key: 'a' }, { Key: 'a' }, { Key: 'b', VersionId: '7' }, { Key: 'gone' }];
    const answer = await call('s3:DeleteObjects', { Bucket: 'bucket', Delete: { Objects } });
    assert.deepEqual(answer.Deleted, [{ Key: 'a' }, { Key: 'a' }, { Key: 'gone' }]);
    assert.deepEqual(
      answer.Errors?.map(({ Key, Code }) => [Key, Code]),
      [['b', 'InvalidArgument']],
    );
    const left = await call('s3:ListObjectsV2', { Bucket: 'bucket' });
    assert.deepEqual(
      left.Contents?.map(({ Key }) => Key),
      ['b', 'c'],
    );
    const quiet = await call('s3:DeleteObjects', { Bucket: 'bucket', Delete: { Objects: [{ Key: 'b' }], Quiet: true } });
    assert.deepEqual(quiet.Deleted, []);
  }));

test('bytes that nothing names any more are collected, those of a copy stay', () =>
  withStorageRoom(async ({ call, blobs, clock }) => {
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await put(call, 'k', 'shared');
    await put(call, 'gone', 'alone');
    await call('s3:CopyObject', { Bucket: 'bucket', Key: 'copy', CopySource: 'bucket/k' });
    await call('s3:DeleteObjects', { Bucket: 'bucket', Delete: { Objects: [{ Key: 'k' }, { Key: 'gone' }] } });
    clock.advance(3 * 3600 * 1000);
    assert.equal(await blobs.collect(), 1);
    assert.equal((await bytesOf((await call('s3:GetObject', { Bucket: 'bucket', Key: 'copy' })).Body)).toString(), 'shared');
  }));

test('the default bucket is there also when the answer to its commit was lost, whether it took effect or not', () =>
  withStorageRoom(async ({ call, store, clock }) => {
    for (const [region, takesEffect] of [
      ['eu-west-1', true],
      ['eu-west-2', false],
    ] as const) {
      let lost = false;
      const unsure: typeof store = {
        ...store,
        async commit(commit) {
          if (lost) return store.commit(commit);
          lost = true;
          if (takesEffect) await store.commit(commit);
          return { outcome: 'unknown', reason: 'lost' };
        },
      };
      await ensureDefaultBucket(unsure, { account: ACCOUNT, region }, clock.now());
      assert.ok(lost);
    }
    const { Buckets } = await call('s3:ListBuckets', {});
    assert.deepEqual(
      Buckets?.map(({ Name }) => Name),
      [`sagemaker-eu-west-1-${ACCOUNT}`, `sagemaker-eu-west-2-${ACCOUNT}`],
    );
  }));

test('buckets: created by the rules of their region, listed, deleted when empty', () =>
  withStorageRoom(async ({ call, store, clock }) => {
    const place = { account: ACCOUNT, region: 'eu-west-1' };
    await ensureDefaultBucket(store, place, clock.now());
    await ensureDefaultBucket(store, place, clock.now());
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    await call('s3:CreateBucket', { Bucket: 'paris', CreateBucketConfiguration: { LocationConstraint: 'eu-west-3' } });
    await assert.rejects(call('s3:CreateBucket', { Bucket: 'paris' }), code('BucketAlreadyOwnedByYou'));
    await assert.rejects(call('s3:CreateBucket', { Bucket: 'Not_A_Name' }), code('InvalidBucketName'));
    const misnamed = { Bucket: 'mine', BucketNamespace: 'account-regional' as const };
    await assert.rejects(call('s3:CreateBucket', misnamed), code('InvalidNamespaceHeader'));
    const names = (page: { Buckets?: { Name?: string }[] }) => page.Buckets?.map(({ Name }) => Name);
    assert.deepEqual(names(await call('s3:ListBuckets', {})), ['bucket', 'paris', `sagemaker-eu-west-1-${ACCOUNT}`]);
    const page = await call('s3:ListBuckets', { MaxBuckets: 2 });
    assert.deepEqual(names(await call('s3:ListBuckets', { ContinuationToken: page.ContinuationToken })), [
      `sagemaker-eu-west-1-${ACCOUNT}`,
    ]);
    assert.deepEqual(await call('s3:GetBucketLocation', { Bucket: 'bucket' }), {});
    assert.deepEqual(await call('s3:GetBucketLocation', { Bucket: 'paris' }), { LocationConstraint: 'eu-west-3' });
    await put(call, 'k', '');
    await assert.rejects(call('s3:DeleteBucket', { Bucket: 'bucket' }), code('BucketNotEmpty'));
    await put(call, 'k', 'still writable');
    await call('s3:DeleteObject', { Bucket: 'bucket', Key: 'k' });
    await call('s3:DeleteBucket', { Bucket: 'bucket' });
    await assert.rejects(call('s3:DeleteBucket', { Bucket: 'bucket' }), code('NoSuchBucket'));
  }));

test('a bucket that is deleted while it is written to ends with all or nothing', () =>
  withStorageRoom(async ({ call, store }) => {
    for (let round = 0; round < 10; round += 1) {
      await call('s3:CreateBucket', { Bucket: 'bucket' });
      const results = await Promise.allSettled([
        put(call, 'a', 'a'),
        call('s3:DeleteBucket', { Bucket: 'bucket' }),
        put(call, 'b', 'b'),
        put(call, 'c', 'c'),
      ]);
      const [, deleted, ...puts] = results;
      const isGone = deleted.status === 'fulfilled';
      const written = [results[0], ...puts].filter(({ status }) => status === 'fulfilled').length;
      const rows = await store.list({
        account: ACCOUNT,
        region: 'global',
        kind: 'S3Object',
        sortBy: 'name',
        order: 'ascending',
        limit: 10,
      });
      assert.equal(rows.rows.length, written);
      if (isGone) assert.equal(written, 0);
      else {
        for (const { key } of rows.rows)
          await call('s3:DeleteObject', { Bucket: 'bucket', Key: key.name.slice('bucket/'.length) });
        await call('s3:DeleteBucket', { Bucket: 'bucket' });
      }
    }
  }));
