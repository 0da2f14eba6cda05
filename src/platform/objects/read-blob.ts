import { createHash, hash } from 'node:crypto';
import fs from 'node:fs';
import { BackendError } from '../errors/families.ts';
import type { BlobFiles } from './blob-files.ts';
import { CHUNK_BYTES, CHUNK_HASH_BYTES } from './content-hash.ts';

export interface ByteRange {
  readonly startByte: number;
  readonly endByte: number;
}

/** Up to here a read is one synchronous call, cheaper than any hop to another thread. */
const SMALL_BYTES = 64 * 1024;
/** Up to here a chunk is read once and given out from memory; beyond, it is hashed first and then read again piece by piece. */
const IN_MEMORY_BYTES = 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

/** Bytes of a blob, none of which leaves before its chunk was checked. */
export async function* readBlob(files: BlobFiles, digest: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const sizeBytes = files.sizeBytes(digest);
  if (sizeBytes === undefined) throw missing(digest);
  const startByte = Math.max(0, range?.startByte ?? 0);
  const endByte = Math.min(sizeBytes, range?.endByte ?? sizeBytes);
  if (sizeBytes <= SMALL_BYTES) {
    const content = readSmall(files, digest);
    if (startByte < endByte) yield content.subarray(startByte, endByte);
    return;
  }
  if (startByte >= endByte) return;
  const chunkHash = chunkHashes(files, digest, sizeBytes);
  const file = await fs.promises.open(files.pathOf(digest), 'r');
  try {
    for (let number = Math.floor(startByte / CHUNK_BYTES); number * CHUNK_BYTES < endByte; number += 1) {
      const from = number * CHUNK_BYTES;
      const to = Math.min(sizeBytes, from + CHUNK_BYTES);
      yield* readChunk(file, digest, { from, to, wanted: chunkHash(number) }, Math.max(from, startByte), Math.min(to, endByte));
    }
  } finally {
    await file.close();
  }
}

interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly wanted: string;
}

async function* readChunk(
  file: fs.promises.FileHandle,
  digest: string,
  chunk: Chunk,
  startByte: number,
  endByte: number,
): AsyncGenerator<Uint8Array> {
  if (chunk.to - chunk.from <= IN_MEMORY_BYTES) {
    const content = await readExactly(file, digest, chunk.from, chunk.to);
    if (hash('sha256', content) !== chunk.wanted) throw corrupted(digest, chunk.from);
    yield content.subarray(startByte - chunk.from, endByte - chunk.from);
    return;
  }
  // a whole chunk in memory per slow reader would be 8 MiB each; the second read comes from the kernel's cache
  const check = createHash('sha256');
  for (let at = chunk.from; at < chunk.to; at += PIECE_BYTES) {
    check.update(await readExactly(file, digest, at, Math.min(chunk.to, at + PIECE_BYTES)));
  }
  if (check.digest('hex') !== chunk.wanted) throw corrupted(digest, chunk.from);
  for (let at = startByte; at < endByte; at += PIECE_BYTES) {
    yield await readExactly(file, digest, at, Math.min(endByte, at + PIECE_BYTES));
  }
}

async function readExactly(file: fs.promises.FileHandle, digest: string, from: number, to: number): Promise<Buffer> {
  const content = Buffer.allocUnsafeSlow(to - from);
  for (let at = 0; at < content.length; ) {
    const { bytesRead } = await file.read(content, at, content.length - at, from + at);
    if (bytesRead === 0) throw corrupted(digest, from);
    at += bytesRead;
  }
  return content;
}

/** Reads and checks a blob of at most SMALL_BYTES. */
function readSmall(files: BlobFiles, digest: string): Buffer {
  let content: Buffer;
  try {
    content = fs.readFileSync(files.pathOf(digest));
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? missing(digest)
      : new BackendError('storage', `Blob ${digest} cannot be read.`, { cause: error });
  }
  if (hash('sha256', content) !== digest) throw corrupted(digest, 0);
  return content;
}

function chunkHashes(files: BlobFiles, digest: string, sizeBytes: number): (chunk: number) => string {
  if (sizeBytes <= CHUNK_BYTES) return () => digest;
  const hashes = files.chunksOf(digest);
  if (hashes.length !== Math.ceil(sizeBytes / CHUNK_BYTES) * CHUNK_HASH_BYTES) throw corrupted(digest, 0);
  return (chunk) => hashes.toString('hex', chunk * CHUNK_HASH_BYTES, (chunk + 1) * CHUNK_HASH_BYTES);
}

export const missing = (digest: string) =>
  new BackendError(
    'storage',
    `The content ${digest} is missing from the blob store. Restore it from a backup or upload it again.`,
  );

const corrupted = (digest: string, atByte: number) =>
  new BackendError(
    'storage',
    `The content ${digest} is damaged on the disk (chunk at byte ${atByte}). Restore it from a backup or upload it again.`,
  );
