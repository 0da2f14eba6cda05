import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { BackendError, ServiceError } from '../errors/families.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { createBlobStore } from './blob-store.ts';

const MiB = 1024 * 1024;
const root = fs.mkdtempSync(join(tmpdir(), 'slipway-blobs-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));

function setUp() {
  const folder = fs.mkdtempSync(join(root, 'store-'));
  const clock = createVirtualClock(Date.now());
  const used = new Set<string>();
  const store = { unusedBlobs: async (digests: readonly string[]) => digests.filter((digest) => !used.has(digest)) };
  return { folder, clock, used, store, blobs: createBlobStore({ folder, clock, store }) };
}

async function* pieces(content: Uint8Array, sizeBytes = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += sizeBytes) yield content.subarray(at, at + sizeBytes);
}

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of content) all.push(piece);
  return Buffer.concat(all);
}

function expectedRef(content: Uint8Array) {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(content));
  const hex = (algorithm: string) => createHash(algorithm).update(content).digest('hex');
  return { digest: hex('sha256'), sizeBytes: content.length, md5: hex('md5'), crc32: sum.toString('base64') };
}

const pathOf = (folder: string, digest: string) => join(folder, digest.slice(0, 2), digest);
const incomingOf = (folder: string) => fs.readdirSync(join(folder, 'incoming'));

const SIZES = [0, 1, 1000, 64 * 1024, 64 * 1024 + 1, 256 * 1024, 256 * 1024 + 1, MiB + 7, 8 * MiB, 8 * MiB + 1, 20 * MiB + 3];

test('what is written comes back, with all hashes, whatever its size', async () => {
  const { blobs, folder } = setUp();
  for (const size of SIZES) {
    const content = randomBytes(size);
    const ref = await blobs.write(pieces(content));
    assert.deepEqual(ref, expectedRef(content));
    assert.ok((await bytesOf(blobs.open(ref.digest))).equals(content), `size ${size}`);
    assert.equal(fs.statSync(pathOf(folder, ref.digest)).mode & 0o777, 0o444);
    assert.equal(fs.existsSync(`${pathOf(folder, ref.digest)}.chunks`), size > 8 * MiB);
    assert.deepEqual(incomingOf(folder), []);
  }
});

test('ranges give exactly their bytes', async () => {
  const { blobs } = setUp();
  const content = randomBytes(17 * MiB + 5);
  const { digest } = await blobs.write(pieces(content, 300_000));
  const ranges = [
    [0, 1],
    [8 * MiB - 1, 8 * MiB + 1],
    [5, 17 * MiB],
    [16 * MiB, 16 * MiB + 10],
    [17 * MiB, 99 * MiB],
    [100, 100],
    [99 * MiB, 100 * MiB],
  ];
  for (const [startByte = 0, endByte = 0] of ranges) {
    const got = await bytesOf(blobs.open(digest, { startByte, endByte }));
    assert.ok(got.equals(content.subarray(startByte, endByte)), `${startByte}-${endByte}`);
  }
});

test('a damaged byte is found before any byte of its chunk leaves; other chunks stay readable', async () => {
  const { blobs, folder } = setUp();
  for (const [size, at] of [
    [10, 5],
    [200_000, 7],
    [3 * MiB, 2 * MiB],
    [17 * MiB, 9 * MiB],
  ] as const) {
    const { digest } = await blobs.write(pieces(randomBytes(size)));
    const path = pathOf(folder, digest);
    fs.chmodSync(path, 0o644);
    const file = fs.openSync(path, 'r+');
    const byte = Buffer.alloc(1);
    fs.readSync(file, byte, 0, 1, at);
    fs.writeSync(file, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
    fs.closeSync(file);
    let gotBytes = 0;
    await assert.rejects(
      async () => {
        for await (const piece of blobs.open(digest)) gotBytes += piece.length;
      },
      (error) => error instanceof BackendError && error.reason === 'storage',
    );
    assert.equal(gotBytes, size > 8 * MiB ? 8 * MiB : 0);
    if (size > 16 * MiB)
      assert.equal((await bytesOf(blobs.open(digest, { startByte: 16 * MiB, endByte: size }))).length, size - 16 * MiB);
  }
});

test('a truncated or missing blob is an error of the storage', async () => {
  const { blobs, folder } = setUp();
  const { digest } = await blobs.write(pieces(randomBytes(100_000)));
  fs.chmodSync(pathOf(folder, digest), 0o644);
  fs.truncateSync(pathOf(folder, digest), 70_000);
  await assert.rejects(bytesOf(blobs.open(digest)), BackendError);
  fs.rmSync(pathOf(folder, digest));
  await assert.rejects(bytesOf(blobs.open(digest)), BackendError);
  await assert.rejects(blobs.place(digest, join(folder, 'x'), 'private'), /missing/);
  await assert.rejects(async () => blobs.has('../../etc/passwd'), /64 lower-case/);
});

test('a content that breaks off leaves nothing behind and closes its source', async () => {
  const { blobs, folder } = setUp();
  async function* breaking() {
    yield randomBytes(400_000);
    throw new Error('connection lost');
  }
  await assert.rejects(blobs.write(breaking()), /connection lost/);
  assert.deepEqual(incomingOf(folder), []);
  assert.deepEqual(fs.readdirSync(folder), ['incoming']);
});

test('what a killed server left half-written is swept at the start', async () => {
  const { blobs, folder, clock, store } = setUp();
  const { digest } = await blobs.write(pieces(randomBytes(10)));
  fs.writeFileSync(join(folder, 'incoming', 'half'), 'x');
  const again = createBlobStore({ folder, clock, store });
  assert.deepEqual(incomingOf(folder), []);
  assert.equal(await again.has(digest), true);
});

test('the same content written many times at once is one blob', async () => {
  const { blobs, folder } = setUp();
  for (const size of [1000, 9 * MiB]) {
    const content = randomBytes(size);
    const refs = await Promise.all(Array.from({ length: 8 }, () => blobs.write(pieces(content))));
    for (const ref of refs) assert.deepEqual(ref, expectedRef(content));
    assert.deepEqual(incomingOf(folder), []);
    assert.ok((await bytesOf(blobs.open(expectedRef(content).digest))).equals(content));
  }
});

test('adopt takes a file over, can be repeated, and copies what another name could change', async () => {
  const { blobs, folder } = setUp();
  const content = randomBytes(9 * MiB);
  const path = join(folder, 'output');
  fs.writeFileSync(path, content);
  fs.utimesSync(path, 1000, 1000);
  const ref = await blobs.adopt(path);
  assert.deepEqual(ref, expectedRef(content));
  assert.equal(fs.statSync(path).ino, fs.statSync(pathOf(folder, ref.digest)).ino);
  assert.deepEqual(await blobs.adopt(path), ref);
  fs.rmSync(path);
  assert.ok((await bytesOf(blobs.open(ref.digest))).equals(content));
  await blobs.remove(ref.digest);
  assert.equal(await blobs.has(ref.digest), true, 'the grace runs from the adoption, not from the age of the file');

  fs.writeFileSync(path, 'shared');
  fs.linkSync(path, `${path}-again`);
  const shared = await blobs.adopt(path);
  fs.writeFileSync(`${path}-again`, 'change');
  assert.equal(await blobs.readText(shared.digest, 100), 'shared');
  fs.symlinkSync('/etc/passwd', join(folder, 'link'));
  await assert.rejects(blobs.adopt(join(folder, 'link')), BackendError);
});

test('place links read-only content and copies what may be written; repeating it replaces what is there', async () => {
  const { blobs, folder } = setUp();
  const { digest } = await blobs.write(pieces(Buffer.from('content')));
  const target = join(folder, 'placed');
  await blobs.place(digest, target, 'read-only');
  assert.equal(fs.statSync(target).ino, fs.statSync(pathOf(folder, digest)).ino);
  await blobs.place(digest, target, 'private');
  fs.writeFileSync(target, 'changed');
  assert.equal(await blobs.readText(digest, 100), 'content');
  await blobs.place(digest, target, 'private');
  assert.equal(fs.readFileSync(target, 'utf8'), 'content');
});

test('place and adopt work across file systems', { skip: !fs.existsSync('/dev/shm') && 'no second file system' }, async () => {
  const { blobs, folder } = setUp();
  const other = fs.mkdtempSync('/dev/shm/slipway-blobs-');
  try {
    if (fs.statSync(other).dev === fs.statSync(folder).dev) return;
    const { digest } = await blobs.write(pieces(Buffer.from('content')));
    for (const use of ['read-only', 'private'] as const) {
      await blobs.place(digest, join(other, use), use);
      assert.equal(fs.readFileSync(join(other, use), 'utf8'), 'content');
    }
    fs.writeFileSync(join(other, 'new'), 'new content');
    const ref = await blobs.adopt(join(other, 'new'));
    assert.equal(await blobs.readText(ref.digest, 100), 'new content');
  } finally {
    fs.rmSync(other, { recursive: true, force: true });
  }
});

test('concatenate joins blobs in order', async () => {
  const { blobs } = setUp();
  const parts = [randomBytes(5 * MiB), randomBytes(5 * MiB), randomBytes(3)];
  const digests: string[] = [];
  for (const part of parts) digests.push((await blobs.write(pieces(part))).digest);
  assert.deepEqual(await blobs.concatenate(digests), expectedRef(Buffer.concat(parts)));
});

test('readText refuses what is larger than asked', async () => {
  const { blobs } = setUp();
  const { digest } = await blobs.write(pieces(Buffer.from('12345')));
  await assert.rejects(blobs.readText(digest, 4), /5 bytes; at most 4/);
});

test('the collector removes unused blobs after the grace, and only those', async () => {
  const { blobs, clock, used, folder } = setUp();
  const [keep = '', drop = ''] = await Promise.all(
    [randomBytes(10), randomBytes(9 * MiB)].map(async (content) => (await blobs.write(pieces(content))).digest),
  );
  used.add(keep);
  assert.equal(await blobs.collect(), 0);
  clock.advance(2 * 3600 * 1000);
  assert.equal(await blobs.collect(), 1);
  assert.equal(await blobs.has(keep), true);
  assert.equal(await blobs.has(drop), false);
  assert.equal(fs.existsSync(`${pathOf(folder, drop)}.chunks`), false);
});

test('a host that slept through the grace collects nothing before the next round', async () => {
  const { folder, store } = setUp();
  let nowMs = Date.now();
  const armed: { atMs: number; callback: () => void }[] = [];
  const clock = {
    now: () => nowMs,
    at(atMs: number, callback: () => void) {
      armed.push({ atMs, callback });
      return () => {};
    },
  };
  const blobs = createBlobStore({ folder: join(folder, 'slept'), clock, store });
  blobs.start();
  const { digest } = await blobs.write(pieces(Buffer.from('of a request that is under way')));
  nowMs += 26 * 3600 * 1000;
  armed.shift()?.callback();
  while (armed.length === 0) await new Promise((resolve) => setImmediate(resolve)); // this round is over when the next is armed
  assert.equal(await blobs.has(digest), true);
  nowMs += 1800 * 1000;
  armed.shift()?.callback();
  while (armed.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await blobs.has(digest), false);
  await blobs.stop();
});

test('writing an unused old blob again keeps it from the collector, at whatever moment', async () => {
  const { blobs, clock } = setUp();
  const content = randomBytes(100);
  const { digest } = await blobs.write(pieces(content));
  clock.advance(2 * 3600 * 1000);
  const [removed] = await Promise.all([blobs.collect(), blobs.write(pieces(content))]);
  assert.equal(await blobs.has(digest), true);
  assert.ok(removed <= 1);
  clock.advance(2 * 3600 * 1000);
  await blobs.write(pieces(content));
  assert.equal(await blobs.collect(), 0);
});

test('what goes before the contents were counted makes no room that is not there', async () => {
  const { folder, clock, store, used, blobs } = setUp();
  used.add((await blobs.write(pieces(randomBytes(600 * 1024)))).digest);
  await blobs.write(pieces(randomBytes(400 * 1024)));
  clock.advance(3 * 3600 * 1000);
  const limited = createBlobStore({ folder, clock, store, quotaBytes: MiB });
  assert.equal(await limited.collect(), 1);
  await assert.rejects(
    limited.write(pieces(randomBytes(600 * 1024))),
    (error) => (error as ServiceError).code === 'QuotaExceeded',
  );
});

test('contents beyond the quota are refused and leave nothing; what is there costs nothing, what goes makes room', async () => {
  const { folder, clock, store, used, blobs } = setUp();
  const kept = await blobs.write(pieces(randomBytes(600 * 1024)));
  used.add(kept.digest);
  const limited = createBlobStore({ folder, clock, store, quotaBytes: MiB });
  const small = randomBytes(300 * 1024);
  const first = await limited.write(pieces(small));
  for (let n = 0; n < 5; n += 1) assert.equal((await limited.write(pieces(small))).digest, first.digest);
  await assert.rejects(
    limited.write(pieces(randomBytes(200 * 1024))),
    (error) => error instanceof ServiceError && error.code === 'QuotaExceeded' && /storage\.totalMiB/.test(error.message),
  );
  assert.deepEqual(fs.readdirSync(join(folder, 'incoming')), []);
  clock.advance(3 * 3600 * 1000);
  assert.equal(await limited.collect(), 1);
  await limited.write(pieces(randomBytes(200 * 1024)));
});
