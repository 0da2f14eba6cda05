import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RoomCall as Call } from '../../platform/calls/room-rig.ts';
import { streamOf, withStorageRoom } from './storage-rig.ts';

const Bucket = 'bucket';
/** What keys are made of: delimiters, the separators of stored names, and characters at the ends of UTF-16's ranges. */
const CHARACTERS = ['a', 'b', '/', '!', '\u0001', '\u0002', '\uE000', '\u{1F600}', 'é'];
const SEED = 4711;
const KEYS = 40;
const ROUNDS = 25;

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
const random = randomOf(SEED);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const word = (lengthMax: number): string => Array.from({ length: 1 + random() * lengthMax }, () => pick(CHARACTERS)).join('');

interface Asked {
  readonly Bucket: string;
  readonly Prefix: string;
  readonly Delimiter?: string;
}
/** Keys with what stands under each: an object without a name, ids of versions (the latest with a star) or of uploads. */
type Held = ReadonlyMap<string, readonly string[]>;

/** What a listing holds, the slow way: each common prefix once, everything else by key. */
function naive(held: Held, { Prefix, Delimiter }: Asked): string[] {
  const entries = new Set<string>();
  for (const [key, items] of held) {
    if (!key.startsWith(Prefix)) continue;
    const at = Delimiter ? key.indexOf(Delimiter, Prefix.length) : -1;
    if (at >= 0) entries.add(`${key.slice(0, at + (Delimiter ?? '').length)} …`);
    else for (const item of items) entries.add(`${key} ${item}`);
  }
  return [...entries].sort();
}

interface Answered {
  readonly entries: readonly (readonly [key: string | undefined, item: string])[];
  readonly prefixes?: readonly { readonly Prefix?: string }[];
  /** Of the next page. */
  readonly next?: object;
}

const PAGES_MAX = 1_000;

async function inPages(page: (marker: object) => Promise<Answered>): Promise<string[]> {
  const seen: string[] = [];
  let marker: object | undefined = {};
  for (let pages = 0; marker; pages += 1) {
    assert.ok(pages < PAGES_MAX, 'a listing ends');
    const { entries, prefixes = [], next } = await page(marker);
    seen.push(...entries.map(([key, item]) => `${key} ${item}`), ...prefixes.map(({ Prefix }) => `${Prefix} …`));
    marker = next;
  }
  return seen.sort();
}

const listings: Record<string, (call: Call, asked: Asked, max: number) => Promise<string[]>> = {
  'objects by token': (call, asked, MaxKeys) =>
    inPages(async (marker) => {
      const answer = await call('s3:ListObjectsV2', { ...asked, MaxKeys, ...marker });
      return {
        entries: (answer.Contents ?? []).map(({ Key }) => [Key, 'current']),
        prefixes: answer.CommonPrefixes,
        ...(answer.IsTruncated && { next: { ContinuationToken: answer.NextContinuationToken } }),
      };
    }),
  'objects by marker': (call, asked, MaxKeys) =>
    inPages(async (marker) => {
      const answer = await call('s3:ListObjects', { ...asked, MaxKeys, ...marker });
      return {
        entries: (answer.Contents ?? []).map(({ Key }) => [Key, 'current']),
        prefixes: answer.CommonPrefixes,
        ...(answer.IsTruncated && { next: { Marker: answer.NextMarker ?? answer.Contents?.at(-1)?.Key } }),
      };
    }),
  versions: (call, asked, MaxKeys) =>
    inPages(async (marker) => {
      const answer = await call('s3:ListObjectVersions', { ...asked, MaxKeys, ...marker });
      const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = answer;
      return {
        entries: [...(answer.Versions ?? []), ...(answer.DeleteMarkers ?? [])].map(({ Key, VersionId, IsLatest }) => [
          Key,
          `${VersionId}${IsLatest ? '*' : ''}`,
        ]),
        prefixes: answer.CommonPrefixes,
        ...(answer.IsTruncated && { next: { KeyMarker, VersionIdMarker } }),
      };
    }),
  uploads: (call, asked, MaxUploads) =>
    inPages(async (marker) => {
      const answer = await call('s3:ListMultipartUploads', { ...asked, MaxUploads, ...marker });
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = answer;
      return {
        entries: (answer.Uploads ?? []).map(({ Key, UploadId }) => [Key, String(UploadId)]),
        prefixes: answer.CommonPrefixes,
        ...(answer.IsTruncated && { next: { KeyMarker, UploadIdMarker } }),
      };
    }),
};

/** Objects, some in several versions and some deleted, and uploads that are open. */
async function fill(call: Call): Promise<{ current: Held; versions: Held; uploads: Held }> {
  const current = new Map<string, string[]>();
  const versions = new Map<string, string[]>();
  const uploads = new Map<string, string[]>();
  for (const key of new Set(Array.from({ length: KEYS }, () => word(4)))) {
    const ids: string[] = [];
    for (let n = 0; n < 1 + random() * 2; n += 1)
      ids.unshift((await call('s3:PutObject', { Bucket, Key: key, Body: streamOf('x') })).VersionId ?? '');
    if (random() < 0.2) ids.unshift((await call('s3:DeleteObject', { Bucket, Key: key })).VersionId ?? '');
    else current.set(key, ['current']);
    versions.set(
      key,
      ids.map((id, place) => (place === 0 ? `${id}*` : id)),
    );
    for (let n = 0; n < random() * 3; n += 1) {
      const { UploadId = '' } = await call('s3:CreateMultipartUpload', { Bucket, Key: key });
      uploads.set(key, [...(uploads.get(key) ?? []), UploadId]);
    }
  }
  return { current, versions, uploads };
}

test('every listing in pages of any size gives what it gives the slow way, once each, whatever keys are made of', () =>
  withStorageRoom(async ({ call }) => {
    await call('s3:CreateBucket', { Bucket });
    await call('s3:PutBucketVersioning', { Bucket, VersioningConfiguration: { Status: 'Enabled' } });
    const { current, versions, uploads } = await fill(call);
    for (let round = 0; round < ROUNDS; round += 1) {
      const asked = {
        Bucket,
        Prefix: random() < 0.4 ? '' : word(2),
        ...(random() < 0.7 && { Delimiter: pick(CHARACTERS) }),
      };
      const max = 1 + Math.floor(random() * 5);
      for (const [name, list] of Object.entries(listings)) {
        const held = name === 'versions' ? versions : name === 'uploads' ? uploads : current;
        assert.deepEqual(await list(call, asked, max), naive(held, asked), `${name}, ${JSON.stringify({ asked, max })}`);
      }
    }
  }));
