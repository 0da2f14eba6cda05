import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RoomCall as Call } from '../../platform/calls/room-rig.ts';
import { bytesOf, type StorageSetting, streamOf, withStorageRoom } from './storage-rig.ts';

const Bucket = 'bucket';
const code = (expected: string) => (error: { code?: string }) => error.code === expected;
const put = async (call: Call, Key: string, text: string, more: object = {}): Promise<string | undefined> =>
  (await call('s3:PutObject', { Bucket, Key, Body: streamOf(text), ...more })).VersionId;
const read = async (call: Call, Key: string, VersionId?: string): Promise<string> =>
  (await bytesOf((await call('s3:GetObject', { Bucket, Key, ...(VersionId && { VersionId }) })).Body)).toString();
const versioning = (call: Call, Status: 'Enabled' | 'Suspended') =>
  call('s3:PutBucketVersioning', { Bucket, VersioningConfiguration: { Status } });

const withBucket = (run: (setting: StorageSetting) => Promise<void>) =>
  withStorageRoom(async (setting) => {
    await setting.call('s3:CreateBucket', { Bucket });
    await run(setting);
  });

/** Every version as `key=content`, `key!` for markers, `*` for the latest; in the order S3 lists them. */
async function listed(call: Call, more: object = {}): Promise<string[]> {
  const { Versions = [], DeleteMarkers = [] } = await call('s3:ListObjectVersions', { Bucket, ...more });
  const all: string[] = [];
  for (const { Key = '', VersionId, IsLatest } of Versions)
    all.push(`${Key}=${await read(call, Key, VersionId)}${IsLatest ? '*' : ''}`);
  for (const { Key, IsLatest } of DeleteMarkers) all.push(`${Key}!${IsLatest ? '*' : ''}`);
  return all;
}

test('a bucket without versioning keeps none', () =>
  withBucket(async ({ call }) => {
    assert.deepEqual(await call('s3:GetBucketVersioning', { Bucket }), {});
    assert.equal(await put(call, 'k', 'one'), undefined);
    await put(call, 'k', 'two');
    assert.deepEqual(await listed(call), ['k=two*']);
    assert.equal(await read(call, 'k', 'null'), 'two');
    assert.deepEqual(await call('s3:DeleteObject', { Bucket, Key: 'k' }), {});
    assert.deepEqual(await listed(call), []);
  }));

test('with versioning what is written over or deleted stays, under its id', () =>
  withBucket(async ({ call }) => {
    await put(call, 'k', 'before');
    await versioning(call, 'Enabled');
    const first = await put(call, 'k', 'one');
    const second = await put(call, 'k', 'two');
    assert.ok(first && second && first !== second);
    assert.deepEqual(await listed(call), ['k=two*', 'k=one', 'k=before']);
    assert.equal(await read(call, 'k', 'null'), 'before');
    assert.equal((await call('s3:HeadObject', { Bucket, Key: 'k' })).VersionId, second);
    const { VersionId: marker, DeleteMarker } = await call('s3:DeleteObject', { Bucket, Key: 'k' });
    assert.equal(DeleteMarker, true);
    await assert.rejects(call('s3:GetObject', { Bucket, Key: 'k' }), (error: { code: string; members: object }) => {
      assert.deepEqual([error.code, error.members], ['NoSuchKey', { Key: 'k', DeleteMarker: true, VersionId: marker }]);
      return true;
    });
    const tagged = call('s3:PutObjectTagging', { Bucket, Key: 'k', VersionId: marker ?? '', Tagging: { TagSet: [] } });
    await assert.rejects(tagged, (error: { code: string; members: Record<string, unknown> }) => {
      assert.deepEqual(
        [error.code, error.members['Method'], error.members['ResourceType']],
        ['MethodNotAllowed', 'PUT', 'DeleteMarker'],
      );
      return true;
    });
    await assert.rejects(call('s3:CopyObject', { Bucket, Key: 'l', CopySource: `${Bucket}/k?versionId=${marker}` }), {
      code: 'InvalidRequest',
    });
    await assert.rejects(read(call, 'k', marker), code('MethodNotAllowed'));
    await assert.rejects(read(call, 'k', 'x'.repeat(32)), code('NoSuchVersion'));
    await assert.rejects(read(call, 'k', 'no-id'), code('InvalidArgument'));
    assert.deepEqual(await listed(call), ['k=two', 'k=one', 'k=before', 'k!*']);
    assert.deepEqual((await call('s3:ListObjectsV2', { Bucket })).Contents, []);
    // the marker goes: what was under it is current again, as it was
    const undone = await call('s3:DeleteObject', { Bucket, Key: 'k', VersionId: marker });
    assert.deepEqual(undone, { VersionId: marker, DeleteMarker: true });
    assert.equal(await read(call, 'k'), 'two');
    assert.deepEqual(await listed(call), ['k=two*', 'k=one', 'k=before']);
    // the current one goes for good: the next is current
    assert.deepEqual(await call('s3:DeleteObject', { Bucket, Key: 'k', VersionId: second }), { VersionId: second });
    assert.deepEqual(await listed(call), ['k=one*', 'k=before']);
    await call('s3:DeleteObject', { Bucket, Key: 'k', VersionId: 'null' });
    await call('s3:DeleteObject', { Bucket, Key: 'k', VersionId: first });
    assert.deepEqual(await listed(call), []);
    await call('s3:DeleteBucket', { Bucket });
  }));

test('suspended, there is one version without an id, wherever it stands', () =>
  withBucket(async ({ call }) => {
    await put(call, 'k', 'old null');
    await versioning(call, 'Enabled');
    await put(call, 'k', 'kept');
    await versioning(call, 'Suspended');
    assert.equal(await put(call, 'k', 'new null'), undefined);
    assert.deepEqual(await listed(call), ['k=new null*', 'k=kept']);
    await put(call, 'k', 'newer null');
    assert.deepEqual(await listed(call), ['k=newer null*', 'k=kept']);
    assert.equal((await call('s3:DeleteObject', { Bucket, Key: 'k' })).VersionId, 'null');
    assert.deepEqual(await listed(call), ['k=kept', 'k!*']);
    await put(call, 'k', 'again');
    assert.deepEqual(await listed(call), ['k=again*', 'k=kept']);
  }));

test('bytes of versions are kept, and go with them', () =>
  withBucket(async ({ call, blobs, clock }) => {
    await versioning(call, 'Enabled');
    const first = await put(call, 'k', 'first bytes');
    await put(call, 'k', 'second bytes');
    clock.advance(2 * 3600 * 1000);
    assert.equal(await blobs.collect(), 0);
    assert.equal(await read(call, 'k', first), 'first bytes');
    await call('s3:DeleteObject', { Bucket, Key: 'k', VersionId: first });
    clock.advance(2 * 3600 * 1000);
    assert.equal(await blobs.collect(), 1);
    await assert.rejects(call('s3:DeleteBucket', { Bucket }), code('BucketNotEmpty'));
  }));

test('versions list in pages, by prefix and delimiter, each once', () =>
  withBucket(async ({ call }) => {
    await versioning(call, 'Enabled');
    for (const key of ['a', 'b/1', 'b/2', 'c']) for (const text of ['x', 'y', 'z']) await put(call, key, `${key}${text}`);
    await call('s3:DeleteObject', { Bucket, Key: 'b/2' });
    const seen: string[] = [];
    let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (let page = 0; page < 20; page += 1) {
      const answer = await call('s3:ListObjectVersions', { Bucket, MaxKeys: 2, ...marker });
      seen.push(...(answer.Versions ?? []).map(({ Key, VersionId }) => `${Key} ${VersionId}`));
      seen.push(...(answer.DeleteMarkers ?? []).map(({ Key, VersionId }) => `${Key} ${VersionId}`));
      if (!answer.IsTruncated) break;
      marker = { KeyMarker: answer.NextKeyMarker, VersionIdMarker: answer.NextVersionIdMarker };
    }
    assert.equal(seen.length, 13);
    assert.equal(new Set(seen).size, 13);
    const folders = await call('s3:ListObjectVersions', { Bucket, Delimiter: '/' });
    assert.deepEqual(folders.CommonPrefixes, [{ Prefix: 'b/' }]);
    assert.deepEqual(
      folders.Versions?.map(({ Key }) => Key),
      ['a', 'a', 'a', 'c', 'c', 'c'],
    );
    assert.deepEqual(await listed(call, { Prefix: 'b/2' }), ['b/2=b/2z', 'b/2=b/2y', 'b/2=b/2x', 'b/2!*']);
  }));

test('pages that are deleted as they come leave nothing', () =>
  withBucket(async ({ call }) => {
    await versioning(call, 'Enabled');
    for (const key of ['a', 'b', 'c']) for (const text of ['1', '2', '3', '4', '5']) await put(call, key, text);
    await call('s3:DeleteObject', { Bucket, Key: 'b' });
    // as boto3's bucket.object_versions.delete()
    let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
    let pages = 0;
    for (let more = true; more; pages += 1) {
      const page = await call('s3:ListObjectVersions', { Bucket, MaxKeys: 3, ...marker });
      const Objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key = '', VersionId }) => ({
        Key,
        ...(VersionId !== undefined && { VersionId }),
      }));
      await call('s3:DeleteObjects', { Bucket, Delete: { Objects } });
      marker = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
      more = page.IsTruncated === true;
    }
    assert.deepEqual(await listed(call), []);
    assert.equal(pages, 6);
    await call('s3:DeleteBucket', { Bucket });
  }));

test('pages begin behind any version of any key: what is current, older, or under a marker, once each and in order', () =>
  withBucket(async ({ call }) => {
    await versioning(call, 'Enabled');
    // U+E000 follows what no text can hold; the others stand around the separators of names
    const keys = ['a', 'k', 'k\u0001', 'k\u0002', 'k/1', 'k/2', '\uE000', '\u{1F600}'];
    for (const key of keys) for (const text of ['1', '2', '3']) await put(call, key, text);
    await call('s3:DeleteObject', { Bucket, Key: 'k' });
    const page = async (more: object) => {
      const { Versions = [], DeleteMarkers = [], ...rest } = await call('s3:ListObjectVersions', { Bucket, MaxKeys: 1, ...more });
      return {
        entries: [...Versions, ...DeleteMarkers].map(({ Key, VersionId, IsLatest }) => ({ Key, VersionId, IsLatest })),
        ...rest,
      };
    };
    for (const Prefix of ['', 'k', '\uE000']) {
      const whole = await page({ Prefix, MaxKeys: 1000 });
      const seen: object[] = [];
      let marker: object = {};
      for (let more = true; more; ) {
        const {
          entries,
          IsTruncated,
          NextKeyMarker: KeyMarker,
          NextVersionIdMarker: VersionIdMarker,
        } = await page({ Prefix, ...marker });
        seen.push(...entries);
        marker = { KeyMarker, VersionIdMarker };
        more = IsTruncated === true;
      }
      const sorted = (of: object[]) => of.map((one) => JSON.stringify(one)).sort();
      assert.deepEqual(sorted(seen), sorted(whole.entries));
      assert.equal(seen.length, Prefix === '' ? 25 : Prefix === 'k' ? 16 : 3);
      assert.equal(whole.entries.filter(({ IsLatest }) => IsLatest).length, new Set(whole.entries.map(({ Key }) => Key)).size);
    }
  }));

test('a version can be copied back, and many keys deleted at once', () =>
  withBucket(async ({ call }) => {
    await versioning(call, 'Enabled');
    const first = await put(call, 'k', 'one');
    await put(call, 'k', 'two');
    const copied = await call('s3:CopyObject', { Bucket, Key: 'k', CopySource: `${Bucket}/k?versionId=${first}` });
    assert.equal(copied.CopySourceVersionId, first);
    assert.deepEqual(await listed(call), ['k=one*', 'k=two', 'k=one']);
    // the current one too, when its id is named
    const current = `${Bucket}/k?versionId=${copied.VersionId}`;
    const again = await call('s3:CopyObject', { Bucket, Key: 'k', CopySource: current });
    await assert.rejects(call('s3:CopyObject', { Bucket, Key: 'k', CopySource: `${Bucket}/k` }), code('InvalidRequest'));
    await call('s3:DeleteObject', { Bucket, Key: 'k', VersionId: again.VersionId ?? '' });
    const { Deleted = [], Errors } = await call('s3:DeleteObjects', {
      Bucket,
      Delete: { Objects: [{ Key: 'k', VersionId: first }, { Key: 'absent' }] },
    });
    assert.deepEqual(Errors, []);
    assert.deepEqual(Deleted[0], { Key: 'k', VersionId: first });
    assert.equal(Deleted[1]?.DeleteMarker, true);
    assert.deepEqual(await listed(call), ['k=one*', 'k=two', 'absent!*']);
  }));

test('writers of one key at the same time lose nothing', () =>
  withBucket(async ({ call }) => {
    await versioning(call, 'Enabled');
    const texts = Array.from({ length: 12 }, (_, at) => `text ${at}`);
    await Promise.all(
      texts.map((text, at) => (at % 4 === 3 ? call('s3:DeleteObject', { Bucket, Key: 'k' }) : put(call, 'k', text))),
    );
    const { Versions = [], DeleteMarkers = [] } = await call('s3:ListObjectVersions', { Bucket });
    assert.deepEqual([Versions.length, DeleteMarkers.length], [9, 3]);
    assert.equal([...Versions, ...DeleteMarkers].filter(({ IsLatest }) => IsLatest).length, 1);
  }));

test('conditions on writes: only if nothing is there, only over what was seen', () =>
  withBucket(async ({ call }) => {
    await put(call, 'k', 'one', { IfNoneMatch: '*' });
    await assert.rejects(put(call, 'k', 'two', { IfNoneMatch: '*' }), code('PreconditionFailed'));
    const { ETag } = await call('s3:HeadObject', { Bucket, Key: 'k' });
    await put(call, 'k', 'two', { IfMatch: ETag });
    await assert.rejects(put(call, 'k', 'three', { IfMatch: ETag }), code('PreconditionFailed'));
    await assert.rejects(put(call, 'absent', 'x', { IfMatch: ETag }), code('NoSuchKey'));
    await assert.rejects(call('s3:DeleteObject', { Bucket, Key: 'k', IfMatch: ETag }), code('PreconditionFailed'));
    assert.equal(await read(call, 'k'), 'two');
    // of writers that all want to be first, one is
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) => put(call, 'race', `${at}`, { IfNoneMatch: '*' })),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  }));

test('tags of objects and buckets', () =>
  withBucket(async ({ call }) => {
    await put(call, 'k', 'x', { Tagging: 'team=data%20science&empty=' });
    assert.deepEqual((await call('s3:GetObjectTagging', { Bucket, Key: 'k' })).TagSet, [
      { Key: 'team', Value: 'data science' },
      { Key: 'empty', Value: '' },
    ]);
    assert.equal((await call('s3:HeadObject', { Bucket, Key: 'k' })).TagCount, 2);
    await call('s3:CopyObject', { Bucket, Key: 'copy', CopySource: `${Bucket}/k` });
    assert.equal((await call('s3:GetObjectTagging', { Bucket, Key: 'copy' })).TagSet?.length, 2);
    await call('s3:PutObjectTagging', { Bucket, Key: 'k', Tagging: { TagSet: [{ Key: 'a', Value: '1' }] } });
    assert.deepEqual((await call('s3:GetObjectTagging', { Bucket, Key: 'k' })).TagSet, [{ Key: 'a', Value: '1' }]);
    await call('s3:DeleteObjectTagging', { Bucket, Key: 'k' });
    assert.deepEqual((await call('s3:GetObjectTagging', { Bucket, Key: 'k' })).TagSet, []);
    await assert.rejects(put(call, 'k', 'x', { Tagging: 'aws%3Ax=1' }), { message: 'Your TagKey cannot be prefixed with aws:' });
    for (const [TagSet, expected] of [
      [Array.from({ length: 11 }, (_, at) => ({ Key: `${at}`, Value: '' })), 'BadRequest'],
      [[{ Key: 'aws:x', Value: '' }], 'InvalidTag'],
      [[{ Key: 'x'.repeat(129), Value: '' }], 'InvalidTag'],
      [
        [
          { Key: 'a', Value: '' },
          { Key: 'a', Value: '' },
        ],
        'InvalidTag',
      ],
    ] as const) {
      await assert.rejects(call('s3:PutObjectTagging', { Bucket, Key: 'k', Tagging: { TagSet: [...TagSet] } }), code(expected));
    }
    await assert.rejects(put(call, 'k', 'x', { Tagging: 'a=%zz' }), code('InvalidArgument'));
    await assert.rejects(call('s3:GetBucketTagging', { Bucket }), code('NoSuchTagSet'));
    await call('s3:PutBucketTagging', { Bucket, Tagging: { TagSet: [{ Key: 'a', Value: '1' }] } });
    assert.deepEqual(await call('s3:GetBucketTagging', { Bucket }), { TagSet: [{ Key: 'a', Value: '1' }] });
  }));

test('keys that begin with another one and U+0001 have versions of their own', () =>
  withBucket(async ({ call }) => {
    await versioning(call, 'Enabled');
    const near = ['k\u0001', 'k\u0001!', 'k\u00010000000000001', 'k\u0002', '\u0001k'];
    for (const key of near) for (const n of [1, 2]) await put(call, key, `${JSON.stringify(key)} ${n}`);
    const only = await put(call, 'k', 'own');
    await call('s3:DeleteObject', { Bucket, Key: 'k', ...(only && { VersionId: only }) });
    await assert.rejects(call('s3:GetObject', { Bucket, Key: 'k' }), code('NoSuchKey'));
    await put(call, 'k', 'again');
    await put(call, 'k', 'and again');
    const all = await listed(call);
    assert.deepEqual(
      all.filter((line) => line.startsWith('k=')),
      ['k=and again*', 'k=again'],
    );
    for (const key of near) {
      const own = [`${key}=${JSON.stringify(key)} 2*`, `${key}=${JSON.stringify(key)} 1`];
      assert.deepEqual(
        all.filter((line) => line.startsWith(`${key}=`)),
        own,
      );
      const prefixed = await listed(call, { Prefix: key });
      assert.deepEqual(
        prefixed.filter((line) => line.startsWith(`${key}=`)),
        own,
      );
    }
    assert.equal(all.length, 2 + 2 * near.length);
    const { Versions = [] } = await call('s3:ListObjectVersions', { Bucket, KeyMarker: 'k\u0001' });
    assert.deepEqual([...new Set(Versions.map(({ Key }) => Key))], ['k\u0001!', 'k\u00010000000000001', 'k\u0002']);
  }));
