import fs from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BackendError, invariant } from '../errors/families.ts';

const fsync = promisify(fs.fsync);
const fdatasync = promisify(fs.fdatasync);

/**
 * Where blobs lie: `<folder>/ab/<digest>`, mode 0444, and `<digest>.chunks` beside those of more than one chunk. What is
 * being written lies in `<folder>/incoming` and means nothing after a crash.
 *
 * Everything that decides by a look at the folder and then changes it does both in one tick (`install`, `touch`,
 * `removeOld`): so the collector can never take a blob between a writer's look and its touch.
 */
export interface BlobFiles {
  pathOf(digest: string): string;
  /** undefined when there is no such blob. */
  sizeBytes(digest: string): number | undefined;
  incomingPath(): string;
  /** Restarts the collector's grace of an existing blob; false when there is none. Resolves when that blob is durable. */
  touch(digest: string): Promise<boolean>;
  /** Moves a finished, synced file to its place; durable on return. */
  install(digest: string, from: string, chunks: Buffer | undefined): Promise<void>;
  chunksOf(digest: string): Buffer;
  /** Removes a blob untouched since `beforeMs`; false when it is younger or absent. */
  removeOld(digest: string, beforeMs: number): boolean;
  /** Digests in one of the 256 folders. */
  digestsIn(folder: number): Promise<string[]>;
  folders: number;
}

const DIGEST = /^[0-9a-f]{64}$/;
export const BLOB_MODE = 0o444;

export function createBlobFiles(folder: string, nowMs: () => number): BlobFiles {
  const incoming = join(folder, 'incoming');
  fs.rmSync(incoming, { recursive: true, force: true });
  fs.mkdirSync(incoming, { recursive: true, mode: 0o700 });
  const madeFolders = new Set<string>();

  const folderOf = (digest: string) => join(folder, digest.slice(0, 2));
  const pathOf = (digest: string) => {
    invariant(DIGEST.test(digest), 'a digest is 64 lower-case hexadecimal digits', { digest });
    return join(folderOf(digest), digest);
  };
  const makeFolder = async (path: string) => {
    if (madeFolders.has(path)) return;
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    await syncFolder(folder); // without it a power cut could take the new folder with all its blobs
    madeFolders.add(path);
  };
  /** Blobs that are visible but not yet durable: who finds one must wait as its first writer does. */
  const installing = new Map<string, Promise<void>>();
  const touchNow = (digest: string) => {
    try {
      fs.utimesSync(pathOf(digest), nowMs() / 1000, nowMs() / 1000);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  };
  return {
    folders: 256,
    pathOf,
    async touch(digest) {
      const found = touchNow(digest);
      if (found) await installing.get(digest);
      return found;
    },
    incomingPath: () => join(incoming, randomUUID()),
    sizeBytes: (digest) => fs.statSync(pathOf(digest), { throwIfNoEntry: false })?.size,
    async install(digest, from, chunks) {
      const target = pathOf(digest);
      await makeFolder(folderOf(digest));
      const chunksFrom = chunks && join(incoming, randomUUID());
      if (chunksFrom) await writeSynced(chunksFrom, chunks);
      // the chunk hashes come first: a blob that is visible can be read
      if (chunksFrom) fs.renameSync(chunksFrom, `${target}.chunks`);
      fs.renameSync(from, target);
      touchNow(digest);
      const durable = syncFolder(folderOf(digest));
      installing.set(digest, durable);
      await durable.finally(() => installing.delete(digest));
    },
    chunksOf(digest) {
      try {
        return fs.readFileSync(`${pathOf(digest)}.chunks`);
      } catch (error) {
        throw storageError(`The chunk hashes of blob ${digest} cannot be read.`, error);
      }
    },
    removeOld(digest, beforeMs) {
      const path = pathOf(digest);
      const found = fs.statSync(path, { throwIfNoEntry: false });
      if (!found || found.mtimeMs >= beforeMs) return false;
      fs.unlinkSync(path);
      fs.rmSync(`${path}.chunks`, { force: true });
      return true;
    },
    async digestsIn(number) {
      const path = join(folder, number.toString(16).padStart(2, '0'));
      try {
        return (await fs.promises.readdir(path)).filter((name) => DIGEST.test(name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    },
  };
}

/** Creates a file with this content; on the disk when it resolves. */
export async function writeSynced(path: string, content: Uint8Array): Promise<void> {
  const file = fs.openSync(path, 'wx', BLOB_MODE);
  try {
    for (let at = 0; at < content.length; ) at += fs.writeSync(file, content, at);
    await fdatasync(file);
  } finally {
    fs.closeSync(file);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = fs.openSync(path, 'r');
  try {
    await fsync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

/** The disk's words stay in `cause`, for the log; messages can reach a client. */
export function storageError(message: string, cause: unknown): BackendError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new BackendError('storage', full ? `${message} The disk is full.` : message, { retryable: full, cause });
}
