import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CHUNK_BYTES } from '../objects/content-hash.ts';
import type { BackedUpFile } from './manifest.ts';

const PIECE_BYTES = 1024 * 1024;
const AT_ONCE = 16;

/** Undefined for a file that is not there. */
export async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Durable on return. */
export async function syncPath(path: string): Promise<void> {
  const opened = await fs.open(path, 'r');
  await opened.sync().finally(() => opened.close());
}

/** Runs a few at a time. The first failure ends it, once what runs has ended. */
export async function forEachOf<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  let failed = false;
  const lane = async () => {
    for (let step = left.next(); !step.done && !failed; step = left.next()) {
      await act(step.value).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
  const end = ends.find(({ status }) => status === 'rejected');
  if (end?.status === 'rejected') throw end.reason;
}

/** Names of files below `folder`, relative to it, however deep. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found = await unlessAbsent(fs.readdir(folder, { withFileTypes: true }));
  const names: string[] = [];
  for (const entry of found ?? []) {
    if (entry.isFile()) names.push(entry.name);
    if (entry.isDirectory()) names.push(...(await filesBelow(join(folder, entry.name))).map((name) => join(entry.name, name)));
  }
  return names.sort();
}

/**
 * Copies the first `sizeBytes` of a file, or all of it, durably; what it gives was taken from the bytes as they were read. Undefined for a
 * file that is gone.
 */
export async function copyFile(
  from: string,
  to: string,
  path: string,
  sizeBytes?: (file: fs.FileHandle) => Promise<number>,
): Promise<BackedUpFile | undefined> {
  const source = await unlessAbsent(fs.open(join(from, path), 'r'));
  if (!source) return undefined;
  try {
    const end = (await sizeBytes?.(source)) ?? (await source.stat()).size;
    await fs.mkdir(dirname(join(to, path)), { recursive: true, mode: 0o700 });
    const target = await fs.open(join(to, path), 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      let copied = 0;
      for await (const piece of piecesOf(source, end)) {
        hash.update(piece);
        await target.writeFile(piece);
        copied += piece.length;
      }
      await target.sync();
      return { path, sizeBytes: copied, sha256: hash.digest('hex') };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function* piecesOf(file: fs.FileHandle, end: number, start = 0): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at));
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

/** A log is being written: up to the end of its last whole line, so that what is appended after a restore is a line of its own. */
export async function wholeLinesOf(file: fs.FileHandle): Promise<number> {
  const piece = Buffer.allocUnsafe(64 * 1024);
  for (let end = (await file.stat()).size; end > 0; ) {
    const from = Math.max(0, end - piece.length);
    const { bytesRead } = await file.read(piece, 0, end - from, from);
    const newline = piece.subarray(0, bytesRead).lastIndexOf('\n');
    if (newline >= 0) return from + newline + 1;
    end = from;
  }
  return 0;
}

export async function digestOf(path: string): Promise<Omit<BackedUpFile, 'path'> | undefined> {
  const file = await unlessAbsent(fs.open(path, 'r'));
  if (!file) return undefined;
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const piece of piecesOf(file, (await file.stat()).size)) {
      hash.update(piece);
      sizeBytes += piece.length;
    }
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** Where a content lies in `blobs/`, see objects/blob-files.ts. */
export const contentPath = (blobs: string, digest: string): string => join(blobs, digest.slice(0, 2), digest);

/** The SHA-256 of a content and, where it has more than one chunk, of each (see objects/content-hash.ts); undefined for one that is not there. */
export async function readContent(
  path: string,
): Promise<{ readonly digest: string; readonly chunks: Buffer | undefined } | undefined> {
  const file = await unlessAbsent(fs.open(path, 'r'));
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const whole = createHash('sha256');
    const chunks: Buffer[] = [];
    for (let from = 0; from < size; from += CHUNK_BYTES) {
      const chunk = createHash('sha256');
      for await (const piece of piecesOf(file, Math.min(size, from + CHUNK_BYTES), from)) {
        whole.update(piece);
        if (size > CHUNK_BYTES) chunk.update(piece);
      }
      chunks.push(chunk.digest());
    }
    return { digest: whole.digest('hex'), chunks: size > CHUNK_BYTES ? Buffer.concat(chunks) : undefined };
  } finally {
    await file.close();
  }
}

/**
 * Takes a content into another folder: as a hard link, since contents never change, or as a copy where the file system does not allow one.
 * Gives its size; undefined when it is gone.
 */
export async function takeContent(from: string, to: string): Promise<number | undefined> {
  const chunks = await unlessAbsent(linkOrCopy(`${from}.chunks`, `${to}.chunks`));
  if ((await unlessAbsent(linkOrCopy(from, to))) === undefined) {
    await fs.rm(`${to}.chunks`, { force: true });
    return undefined;
  }
  const { size } = await fs.stat(to);
  // it may have been removed and written anew between the two looks
  if (size > CHUNK_BYTES && !chunks) await unlessAbsent(linkOrCopy(`${from}.chunks`, `${to}.chunks`));
  return size;
}

const UNLINKABLE: readonly unknown[] = ['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP'];

async function linkOrCopy(from: string, to: string): Promise<true> {
  try {
    await fs.link(from, to);
  } catch (error) {
    if (!UNLINKABLE.includes((error as NodeJS.ErrnoException).code)) throw error;
    await fs.copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    await syncPath(to);
  }
  return true;
}
