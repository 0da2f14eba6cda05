import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { RoomCall as Call } from '../../platform/calls/room-rig.ts';
import { bytesOf, streamOf, withStorageRoom, type StorageSetting } from './storage-rig.ts';

const MiB = 1024 * 1024;
const place = { Bucket: 'bucket', Key: 'big file' };
const code = (expected: string) => (error: { code?: string }) => error.code === expected;
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();
const crcBytes = (bytes: Uint8Array) => {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(bytes));
  return value;
};

async function start(call: Call, more: object = {}): Promise<string> {
  await call('s3:CreateBucket', { Bucket: 'bucket' });
  return (
    (await call('s3:CreateMultipartUpload', { ...place, ContentType: 'text/csv', Metadata: { a: '1' }, ...more })).UploadId ?? ''
  );
}

const upload = (call: Call, UploadId: string, PartNumber: number, bytes: Uint8Array, more: object = {}) =>
  call('s3:UploadPart', { ...place, UploadId, PartNumber, Body: streamOf(bytes), ...more });

const rowsOf = async ({ store }: StorageSetting, kind: string): Promise<number> =>
  (await store.list({ account: '123456789012', region: 'global', kind, sortBy: 'name', order: 'ascending', limit: 100 })).rows
    .length;

test('parts become one object; what is left of the upload goes', () =>
  withStorageRoom(async (setting) => {
    const { call, clock, settle, blobs } = setting;
    const UploadId = await start(call);
    const parts = [randomBytes(5 * MiB), randomBytes(5 * MiB), randomBytes(1000)];
    await upload(call, UploadId, 3, parts[2]!);
    await upload(call, UploadId, 1, randomBytes(10));
    await upload(call, UploadId, 7, randomBytes(10));
    await Promise.all([upload(call, UploadId, 1, parts[0]!), upload(call, UploadId, 2, parts[1]!)]);
    const listed = await call('s3:ListParts', { ...place, UploadId, MaxParts: 3 });
    assert.deepEqual(
      listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
      [
        [1, 5 * MiB],
        [2, 5 * MiB],
        [3, 1000],
      ],
    );
    assert.deepEqual([listed.IsTruncated, listed.NextPartNumberMarker], [true, 3]);
    const rest = await call('s3:ListParts', { ...place, UploadId, PartNumberMarker: 3 });
    assert.deepEqual(
      rest.Parts?.map(({ PartNumber }) => PartNumber),
      [7],
    );
    assert.deepEqual(
      (await call('s3:ListMultipartUploads', { Bucket: 'bucket' })).Uploads?.map(({ Key }) => Key),
      ['big file'],
    );
    await assert.rejects(call('s3:HeadObject', place), code('NotFound'));

    const Parts = listed.Parts?.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
    const done = await call('s3:CompleteMultipartUpload', { ...place, UploadId, MultipartUpload: { Parts } });
    assert.equal(done.ETag, `"${md5(Buffer.concat(parts.map(md5))).toString('hex')}-3"`);
    const again = await call('s3:CompleteMultipartUpload', { ...place, UploadId, MultipartUpload: { Parts } });
    assert.equal(again.ETag, done.ETag);

    const got = await call('s3:GetObject', { ...place, ChecksumMode: 'ENABLED' });
    assert.deepEqual(await bytesOf(got.Body), Buffer.concat(parts));
    assert.deepEqual([got.ContentType, got.Metadata, got.ChecksumType], ['text/csv', { a: '1' }, 'FULL_OBJECT']);
    assert.equal(got.ChecksumCRC32, crcBytes(Buffer.concat(parts)).toString('base64'));
    const told = await call('s3:GetObjectAttributes', { ...place, ObjectAttributes: ['ObjectParts'] });
    assert.deepEqual(told.ObjectParts, { TotalPartsCount: 3 });
    const second = await call('s3:GetObject', { ...place, PartNumber: 2 });
    assert.deepEqual([second.PartsCount, second.ContentRange], [3, `bytes ${5 * MiB}-${10 * MiB - 1}/${10 * MiB + 1000}`]);
    assert.deepEqual(await bytesOf(second.Body), parts[1]);

    for (const PartNumber of [0, -1, 10_001]) {
      await assert.rejects(call('s3:GetObject', { ...place, PartNumber }), code('InvalidArgument'), `part ${PartNumber}`);
      await assert.rejects(call('s3:HeadObject', { ...place, PartNumber }), code('InvalidArgument'), `part ${PartNumber}`);
    }
    await assert.rejects(call('s3:GetObject', { ...place, PartNumber: 4 }), code('InvalidRange'));

    await assert.rejects(upload(call, UploadId, 9, randomBytes(1)), code('NoSuchUpload'));
    await settle();
    assert.equal(await rowsOf(setting, 'S3UploadPart'), 0);
    assert.equal(await rowsOf(setting, 'S3Upload'), 1);
    clock.advance(25 * 3600 * 1000);
    while ((await rowsOf(setting, 'S3Upload')) > 0) await setImmediate();
    await blobs.collect();
    assert.deepEqual(await bytesOf((await call('s3:GetObject', place)).Body), Buffer.concat(parts));
  }));

test('checksums of parts and of the whole', () =>
  withStorageRoom(async ({ call }) => {
    const parts = [randomBytes(5 * MiB), randomBytes(77)];
    for (const [algorithm, type] of [
      ['CRC32', 'COMPOSITE'],
      ['CRC32', 'FULL_OBJECT'],
      ['SHA256', 'COMPOSITE'],
      ['CRC64NVME', 'FULL_OBJECT'],
      ['CRC32C', 'FULL_OBJECT'],
    ] as const) {
      const UploadId = await start(call, { ChecksumAlgorithm: algorithm, ChecksumType: type });
      const Parts = [];
      for (const [at, bytes] of parts.entries()) {
        const { ETag, ...checksum } = await upload(call, UploadId, at + 1, bytes);
        Parts.push({ PartNumber: at + 1, ETag, ...checksum });
      }
      const done = (await call('s3:CompleteMultipartUpload', { ...place, UploadId, MultipartUpload: { Parts } })) as Record<
        string,
        unknown
      >;
      assert.equal(done['ChecksumType'], type);
      const value = done[`Checksum${algorithm}`];
      const { Checksum } = await call('s3:GetObjectAttributes', { ...place, ObjectAttributes: ['Checksum'] });
      assert.deepEqual(Checksum, { [`Checksum${algorithm}`]: String(value).replace('-2', ''), ChecksumType: type });
      if (type === 'FULL_OBJECT') {
        const whole = (await call('s3:PutObject', {
          Bucket: 'bucket',
          Key: 'whole',
          Body: streamOf(...parts),
          ChecksumAlgorithm: algorithm,
        })) as Record<string, unknown>;
        assert.equal(value, whole[`Checksum${algorithm}`], algorithm);
      } else if (algorithm === 'CRC32') {
        assert.equal(value, `${crcBytes(Buffer.concat(parts.map(crcBytes))).toString('base64')}-2`);
      } else {
        const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
        assert.equal(value, `${digest(Buffer.concat(parts.map(digest))).toString('base64')}-2`);
      }
    }
    const UploadId = await start(call, { ChecksumAlgorithm: 'CRC32' });
    await assert.rejects(upload(call, UploadId, 1, parts[1]!, { ChecksumCRC32: 'AAAAAA==' }), code('BadDigest'));
    await assert.rejects(
      upload(call, UploadId, 1, parts[1]!, { ChecksumSHA1: createHash('sha1').digest('base64') }),
      code('InvalidRequest'),
    );
    const { ETag } = await upload(call, UploadId, 1, parts[1]!);
    const complete = (part: object, more: object = {}) =>
      call('s3:CompleteMultipartUpload', {
        ...place,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag, ...part }] },
        ...more,
      });
    await assert.rejects(complete({}), code('InvalidRequest'));
    await assert.rejects(complete({ ChecksumCRC32: 'AAAAAA==' }), code('InvalidPart'));
    const ChecksumCRC32 = crcBytes(parts[1]!).toString('base64');
    await assert.rejects(complete({ ChecksumCRC32 }, { MpuObjectSize: 1 }), code('InvalidRequest'));
    assert.match((await complete({ ChecksumCRC32 })).ETag ?? '', /-1"$/);
  }));

test('what cannot be completed stays open and can be aborted', () =>
  withStorageRoom(async (setting) => {
    const { call, settle } = setting;
    const UploadId = await start(call);
    const first = await upload(call, UploadId, 1, randomBytes(100));
    const second = await upload(call, UploadId, 2, randomBytes(100));
    const complete = (Parts: object[]) => call('s3:CompleteMultipartUpload', { ...place, UploadId, MultipartUpload: { Parts } });
    const [one, two] = [
      { PartNumber: 1, ETag: first.ETag },
      { PartNumber: 2, ETag: second.ETag },
    ];
    await assert.rejects(complete([]), code('MalformedXML'));
    await assert.rejects(complete([two, one]), code('InvalidPartOrder'));
    await assert.rejects(complete([one, two]), code('EntityTooSmall'));
    await assert.rejects(complete([{ PartNumber: 5, ETag: first.ETag }]), code('InvalidPart'));
    await assert.rejects(complete([{ PartNumber: 1, ETag: '"0123"' }]), code('InvalidPart'));
    await assert.rejects(upload(call, UploadId, 10_001, randomBytes(1)), code('InvalidArgument'));
    await assert.rejects(upload(call, 'no such id', 1, randomBytes(1)), code('NoSuchUpload'));
    await call('s3:AbortMultipartUpload', { ...place, UploadId });
    await assert.rejects(call('s3:AbortMultipartUpload', { ...place, UploadId }), code('NoSuchUpload'));
    await assert.rejects(call('s3:ListParts', { ...place, UploadId }), code('NoSuchUpload'));
    await settle();
    assert.deepEqual([await rowsOf(setting, 'S3Upload'), await rowsOf(setting, 'S3UploadPart')], [0, 0]);
  }));

test('parts are copied whole or by range', () =>
  withStorageRoom(async ({ call }) => {
    const UploadId = await start(call);
    const source = randomBytes(6 * MiB);
    await call('s3:PutObject', { Bucket: 'bucket', Key: 'source', Body: streamOf(source) });
    const copy = (PartNumber: number, more: object = {}) =>
      call('s3:UploadPartCopy', { ...place, UploadId, PartNumber, CopySource: 'bucket/source', ...more });
    const whole = await copy(1);
    const range = await copy(2, { CopySourceRange: 'bytes=100-199' });
    await assert.rejects(copy(3, { CopySourceRange: `bytes=0-${6 * MiB}` }), code('InvalidArgument'));
    const Parts = [whole, range].map(({ CopyPartResult }, at) => ({ PartNumber: at + 1, ETag: CopyPartResult?.ETag }));
    await call('s3:CompleteMultipartUpload', { ...place, UploadId, MultipartUpload: { Parts } });
    const got = await bytesOf((await call('s3:GetObject', place)).Body);
    assert.deepEqual(got, Buffer.concat([source, source.subarray(100, 200)]));
  }));

test('uploads are listed by key, then id, page by page, and do not hold a bucket', () =>
  withStorageRoom(async (setting) => {
    const { call, settle } = setting;
    await call('s3:CreateBucket', { Bucket: 'bucket' });
    for (const Key of ['a', 'a!', 'a/b', 'a', 'c/d', 'c/e']) await call('s3:CreateMultipartUpload', { Bucket: 'bucket', Key });
    const keys: string[] = [];
    let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    while (markers) {
      const page: Awaited<ReturnType<typeof list>> = await list(markers);
      keys.push(...(page.Uploads ?? []).map(({ Key }) => Key ?? ''));
      markers = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
    }
    function list(more: object) {
      return call('s3:ListMultipartUploads', { Bucket: 'bucket', MaxUploads: 2, ...more });
    }
    assert.deepEqual(keys, ['a', 'a', 'a!', 'a/b', 'c/d', 'c/e']);
    const folders = await call('s3:ListMultipartUploads', { Bucket: 'bucket', Delimiter: '/' });
    assert.deepEqual(folders.CommonPrefixes, [{ Prefix: 'a/' }, { Prefix: 'c/' }]);
    assert.deepEqual(
      folders.Uploads?.map(({ Key }) => Key),
      ['a', 'a', 'a!'],
    );
    await call('s3:DeleteBucket', { Bucket: 'bucket' });
    await settle();
    assert.equal(await rowsOf(setting, 'S3Upload'), 0);
  }));
