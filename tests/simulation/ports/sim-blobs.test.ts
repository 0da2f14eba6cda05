import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createBlobStore, type LocalBlobStore } from '../../../src/platform/objects/blob-store.ts';
import { createVirtualClock } from '../../../src/platform/virtual-clock.ts';
import { createRandom } from '../random.ts';
import { createSimBlobDisk, openSimBlobs } from './sim-blobs.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-sim-blobs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += 3) yield Buffer.from(text.slice(at, at + 3));
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of content) all.push(piece);
  return Buffer.concat(all).toString();
}

/** What an adapter answers, also where it refuses. */
const told = <T>(answer: Promise<T>): Promise<unknown> =>
  answer.then(
    (value) => value,
    (error: Error) => [error.name, (error as { reason?: string }).reason],
  );

test('the simulated blob store answers whatever the real one answers', async () => {
  const clock = createVirtualClock(Date.now());
  const used = new Set<string>();
  const store = { unusedBlobs: async (digests: readonly string[]) => digests.filter((digest) => !used.has(digest)) };
  const real = createBlobStore({ folder, clock, store });
  const disk = createSimBlobDisk();
  const random = createRandom(7);
  const texts = ['', 'a', 'abc', 'x'.repeat(1000), '{}', 'model'];
  const digests: string[] = ['0'.repeat(64)];
  for (let round = 0; round < 400; round += 1) {
    const simulated = openSimBlobs(disk, { clock, store }); // each round another process
    const text = random.pick(texts);
    const digest = random.pick(digests);
    const [startByte, endByte] = [random.int(5), random.int(2000)];
    const acts: ((blobs: LocalBlobStore) => Promise<unknown>)[] = [
      (blobs) => blobs.write(pieces(text)),
      (blobs) => textOf(blobs.open(digest)),
      (blobs) => textOf(blobs.open(digest, { startByte, endByte })),
      (blobs) => blobs.readText(digest, 500),
      (blobs) => blobs.concatenate([digest, random.fork(`${round}`).pick(digests)]),
      (blobs) => blobs.has(digest),
      (blobs) => blobs.keep(digest),
      (blobs) => blobs.remove(digest),
      (blobs) => blobs.collect(),
    ];
    const act = random.pick(acts);
    const [expected, found] = [await told(act(real)), await told(act(simulated))];
    assert.deepEqual(found, expected, `round ${round}: ${act}`);
    const { digest: made } = (expected ?? {}) as { digest?: string };
    if (made !== undefined) {
      digests.push(made);
      if (random.chance(0.3)) used.add(made);
    }
    if (random.chance(0.2)) clock.advance(random.pick([1000, 40 * 60_000, 2 * 3600_000]));
    if (random.chance(0.05)) used.clear();
  }
});

test('what breaks off is not there', async () => {
  const disk = createSimBlobDisk();
  const blobs = openSimBlobs(disk, { clock: createVirtualClock(), store: { unusedBlobs: async () => [] } });
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw new Error('the sender went');
  }
  await assert.rejects(blobs.write(broken()), /the sender went/);
  assert.equal(disk.blobs.size, 0);
});
