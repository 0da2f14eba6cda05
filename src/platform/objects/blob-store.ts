import fs from 'node:fs';
import type { Clock } from '../clock.ts';
import { BackendError, ServiceError } from '../errors/families.ts';
import type { Store } from '../store/port.ts';
import { BLOB_MODE, createBlobFiles, type BlobFiles, storageError, writeSynced } from './blob-files.ts';
import { createContentHash, refOf } from './content-hash.ts';
import type { BlobRef, BlobStore } from './port.ts';
import { withQuota } from './quota.ts';
import { missing, readBlob } from './read-blob.ts';

export interface BlobStoreOptions {
  /** Belongs to this store alone; created when absent. */
  readonly folder: string;
  readonly clock: Clock;
  readonly store: Pick<Store, 'unusedBlobs'>;
  /** How much all contents together may take; absent: as much as the disk has. */
  readonly quotaBytes?: number;
}

export interface LocalBlobStore extends BlobStore {
  /** Goes once through all blobs in small steps and removes those without a use; resolves with how many went. */
  collect(): Promise<number>;
  /** Collects now and then until `stop`. */
  start(): void;
  stop(): Promise<void>;
}

/** Contents up to here are gathered and written with one call each: no stream, no incremental hashes. */
const SMALL_BYTES = 256 * 1024;
const HASH_PIECE_BYTES = 1024 * 1024;
/** Between a blob's last touch and its first use by a row lies one request; an hour is ample for the longest upload. */
const GRACE_MS = 3600 * 1000;
const COLLECT_EVERY_MS = 1800 * 1000;
/** A round that comes so much too late finds a host that slept: requests that it slept through must end first. */
const OVERSLEPT_MS = 300 * 1000;
const COLLECT_STEP = 500;

export function createBlobStore(options: BlobStoreOptions): LocalBlobStore {
  const { clock, store } = options;
  const files = withQuota(
    createBlobFiles(options.folder, () => clock.now()),
    options.quotaBytes,
  );
  const collector = createCollector(files, options);
  return {
    write: (content) => writeContent(files, content),
    adopt: (path) => adoptFile(files, path),
    open: (digest, range) => readBlob(files, digest, range),
    readText: (digest, sizeBytesMax) => readText(files, digest, sizeBytesMax),
    concatenate: (digests) => writeContent(files, concatenated(files, digests)),
    place: (digest, path, use) => placeBlob(files, digest, path, use),
    keep: (digest) => files.touch(digest),
    has: async (digest) => files.sizeBytes(digest) !== undefined,
    async remove(digest) {
      if ((await store.unusedBlobs([digest])).length > 0) files.removeOld(digest, clock.now() - GRACE_MS);
    },
    ...collector,
  };
}

async function writeContent(files: BlobFiles, content: AsyncIterable<Uint8Array>): Promise<BlobRef> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  const iterator = content[Symbol.asyncIterator]();
  for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
    pieces.push(step.value);
    sizeBytes += step.value.length;
    if (sizeBytes > SMALL_BYTES) return writeStream(files, pieces, iterator);
  }
  const whole = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  const ref = refOf(whole);
  if (await files.touch(ref.digest)) return ref;
  const path = files.incomingPath();
  await stored(path, async () => {
    await writeSynced(path, whole);
    await files.install(ref.digest, path, undefined);
  });
  return ref;
}

async function writeStream(files: BlobFiles, first: Uint8Array[], rest: AsyncIterator<Uint8Array>): Promise<BlobRef> {
  const path = files.incomingPath();
  const hash = createContentHash();
  const file = await fs.promises.open(path, 'wx', BLOB_MODE).catch((error: unknown) => {
    throw storageError('The content could not be stored.', error);
  });
  const append = async (piece: Uint8Array) => {
    hash.update(piece);
    try {
      for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
    } catch (error) {
      throw storageError('The content could not be stored.', error);
    }
  };
  let finished = false;
  try {
    for (const piece of first) await append(piece);
    for (let step = await rest.next(); !step.done; step = await rest.next()) await append(step.value);
    finished = true;
    const { ref, chunks } = hash.finish();
    await stored(path, async () => {
      if (await files.touch(ref.digest)) return fs.rmSync(path, { force: true });
      await file.datasync();
      await files.install(ref.digest, path, chunks);
    });
    return ref;
  } finally {
    await file.close();
    fs.rmSync(path, { force: true });
    // a disk that failed leaves the sender's stream open: tell it that nobody reads on
    if (!finished) await rest.return?.();
  }
}

/** Runs the last steps of a write; whatever fails leaves no file behind. */
async function stored(path: string, steps: () => Promise<void>): Promise<void> {
  try {
    await steps();
  } catch (error) {
    fs.rmSync(path, { force: true });
    const told = error instanceof BackendError || error instanceof ServiceError;
    throw told ? error : storageError('The content could not be stored.', error);
  }
}

/**
 * Links the file into the store; the file itself stays where it is, so that whoever dies between this and the record of the
 * digest finds it again. A file with further names, or of another owner, is copied: its owner could change the blob.
 */
async function adoptFile(files: BlobFiles, path: string): Promise<BlobRef> {
  const file = await fs.promises.open(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW).catch((error: unknown) => {
    throw storageError('The file to take over cannot be read.', error);
  });
  const incoming = files.incomingPath();
  try {
    const { ref, chunks } = await hashFile(file);
    if (await files.touch(ref.digest)) return ref;
    await stored(incoming, async () => {
      const found = await file.stat();
      const isOwn = found.nlink === 1 && found.uid === process.geteuid?.();
      if (!isOwn || !linked(path, incoming)) await fs.promises.copyFile(path, incoming, fs.constants.COPYFILE_FICLONE);
      await sealed(incoming);
      await files.install(ref.digest, incoming, chunks);
    });
    return ref;
  } finally {
    await file.close();
    fs.rmSync(incoming, { force: true });
  }
}

async function hashFile(file: fs.promises.FileHandle) {
  const { size } = await file.stat();
  const piece = Buffer.allocUnsafeSlow(Math.max(1, Math.min(size, HASH_PIECE_BYTES)));
  const hash = createContentHash();
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return hash.finish();
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function sealed(path: string): Promise<void> {
  const file = await fs.promises.open(path, 'r');
  try {
    await file.chmod(BLOB_MODE);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readText(files: BlobFiles, digest: string, sizeBytesMax: number): Promise<string> {
  const sizeBytes = files.sizeBytes(digest);
  if (sizeBytes === undefined) throw missing(digest);
  if (sizeBytes > sizeBytesMax) {
    throw new BackendError('storage', `The content has ${sizeBytes} bytes; at most ${sizeBytesMax} are read as text here.`);
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of readBlob(files, digest)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

async function* concatenated(files: BlobFiles, digests: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const digest of digests) yield* readBlob(files, digest);
}

async function placeBlob(files: BlobFiles, digest: string, path: string, use: 'read-only' | 'private'): Promise<void> {
  const from = files.pathOf(digest);
  try {
    // an earlier attempt may have left a link or half a copy
    fs.rmSync(path, { force: true });
    if (use === 'read-only' && linked(from, path)) return;
    await fs.promises.copyFile(from, path, fs.constants.COPYFILE_FICLONE);
    fs.chmodSync(path, use === 'private' ? 0o644 : BLOB_MODE);
  } catch (error) {
    throw files.sizeBytes(digest) === undefined
      ? missing(digest)
      : storageError(`The content ${digest} could not be placed.`, error);
  }
}

/** False where the file system or the number of links does not allow it. */
function linked(from: string, path: string): boolean {
  try {
    fs.linkSync(from, path);
    return true;
  } catch (error) {
    if (['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function createCollector(files: BlobFiles, { clock, store }: BlobStoreOptions) {
  let cancel: (() => void) | undefined;
  let stopped = false;
  let round: Promise<unknown> = Promise.resolve();
  const collect = async () => {
    let removed = 0;
    for (let folder = 0; folder < files.folders && !stopped; folder += 1) {
      const digests = await files.digestsIn(folder);
      for (let from = 0; from < digests.length && !stopped; from += COLLECT_STEP) {
        // nothing is awaited between this answer and the removals: a row committed meanwhile touched its blob first
        for (const digest of await store.unusedBlobs(digests.slice(from, from + COLLECT_STEP))) {
          if (files.removeOld(digest, clock.now() - GRACE_MS)) removed += 1;
        }
      }
    }
    return removed;
  };
  const start = () => {
    const dueAtMs = clock.now() + COLLECT_EVERY_MS;
    cancel = clock.at(dueAtMs, () => {
      if (clock.now() > dueAtMs + OVERSLEPT_MS) return start();
      // a round that failed (disk, stopping store) removed nothing wrongly, and the next one goes on
      round = collect()
        .catch(() => 0)
        .finally(() => !stopped && start());
    });
  };
  const stop = async () => {
    stopped = true;
    cancel?.();
    await round;
  };
  return { collect, start, stop };
}
