import type { Clock } from '../../../src/platform/clock.ts';
import { BackendError, InvariantError } from '../../../src/platform/errors/families.ts';
import type { LocalBlobStore } from '../../../src/platform/objects/blob-store.ts';
import { refOf } from '../../../src/platform/objects/content-hash.ts';
import type { BlobRef } from '../../../src/platform/objects/port.ts';
import { missing } from '../../../src/platform/objects/read-blob.ts';
import type { Store } from '../../../src/platform/store/port.ts';

interface Blob {
  readonly ref: BlobRef;
  readonly content: Uint8Array;
  touchedAtMs: number;
}

/** What outlives a server: contents that were written to their end, by digest. */
export interface SimBlobDisk {
  readonly blobs: Map<string, Blob>;
}

export const createSimBlobDisk = (): SimBlobDisk => ({ blobs: new Map() });

// as src/platform/objects/blob-store.ts has them
const GRACE_MS = 3600 * 1000;
const COLLECT_EVERY_MS = 1800 * 1000;
const COLLECT_STEP = 500;

/** One process's view of the contents. A write is durable, and seen, only with its last byte. */
export function openSimBlobs(
  disk: SimBlobDisk,
  { clock, store }: { readonly clock: Clock; readonly store: Pick<Store, 'unusedBlobs'> },
): LocalBlobStore {
  const { blobs } = disk;
  const found = (digest: string): Blob => {
    const blob = blobs.get(digest);
    if (!blob) throw missing(digest);
    return blob;
  };
  const touch = (digest: string): boolean => {
    const blob = blobs.get(digest);
    if (blob) blob.touchedAtMs = clock.now();
    return blob !== undefined;
  };
  const put = (content: Uint8Array): BlobRef => {
    const ref = refOf(content);
    if (!touch(ref.digest)) blobs.set(ref.digest, { ref, content, touchedAtMs: clock.now() });
    return ref;
  };
  const removeOld = (digest: string): boolean => {
    const blob = blobs.get(digest);
    return blob !== undefined && blob.touchedAtMs < clock.now() - GRACE_MS && blobs.delete(digest);
  };
  const unlinked = (): never => {
    throw new InvariantError('nothing in the simulated machine takes over or places files of a disk');
  };
  return {
    async write(content) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      return put(Buffer.concat(pieces));
    },
    async *open(digest, range) {
      const { content } = found(digest);
      const part = content.subarray(Math.max(0, range?.startByte ?? 0), range?.endByte ?? content.length);
      if (part.length > 0 || (content.length === 0 && range === undefined)) yield part;
    },
    async readText(digest, sizeBytesMax) {
      const { content } = found(digest);
      if (content.length > sizeBytesMax)
        throw new BackendError('storage', `The content has ${content.length} bytes; at most ${sizeBytesMax} are read here.`);
      return Buffer.from(content).toString('utf8');
    },
    concatenate: async (digests) => put(Buffer.concat(digests.map((digest) => found(digest).content))),
    adopt: async () => unlinked(),
    place: async () => unlinked(),
    has: async (digest) => blobs.has(digest),
    keep: async (digest) => touch(digest),
    async remove(digest) {
      if ((await store.unusedBlobs([digest])).length > 0) removeOld(digest);
    },
    ...createCollector(disk, clock, store, removeOld),
  };
}

function createCollector(
  { blobs }: SimBlobDisk,
  clock: Clock,
  store: Pick<Store, 'unusedBlobs'>,
  removeOld: (digest: string) => boolean,
): Pick<LocalBlobStore, 'collect' | 'start' | 'stop'> {
  let cancel = () => {};
  let stopped = false;
  const collect = async () => {
    let removed = 0;
    const digests = [...blobs.keys()].sort();
    for (let from = 0; from < digests.length && !stopped; from += COLLECT_STEP) {
      // nothing is awaited between this answer and the removals
      for (const digest of await store.unusedBlobs(digests.slice(from, from + COLLECT_STEP))) {
        if (removeOld(digest)) removed += 1;
      }
    }
    return removed;
  };
  const start = () => {
    cancel = clock.at(clock.now() + COLLECT_EVERY_MS, () => {
      collect()
        .catch(() => 0)
        .finally(() => !stopped && start());
    });
  };
  return {
    collect,
    start,
    async stop() {
      stopped = true;
      cancel();
    },
  };
}
