import { createHash, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { BlobRef } from './port.ts';

/** Blobs larger than this have a SHA-256 per chunk in a file beside them, so that a range is checked without reading all. */
export const CHUNK_BYTES = 8 * 1024 * 1024;
export const CHUNK_HASH_BYTES = 32;

/** All hashes of a content in one pass over its pieces. */
export interface ContentHash {
  update(piece: Uint8Array): void;
  sizeBytes(): number;
  /** `chunks`: the SHA-256 of each chunk, one after the other; undefined for a content of at most one chunk. */
  finish(): { readonly ref: BlobRef; readonly chunks: Buffer | undefined };
}

export function createContentHash(): ContentHash {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  const chunks: Buffer[] = [];
  let chunk = createHash('sha256');
  let crc = 0;
  let sizeBytes = 0;
  return {
    update(piece) {
      sha256.update(piece);
      md5.update(piece);
      crc = crc32(piece, crc);
      for (let from = 0; from < piece.length; ) {
        const part = piece.subarray(from, from + CHUNK_BYTES - (sizeBytes % CHUNK_BYTES));
        chunk.update(part);
        from += part.length;
        sizeBytes += part.length;
        if (sizeBytes % CHUNK_BYTES === 0) {
          chunks.push(chunk.digest());
          chunk = createHash('sha256');
        }
      }
    },
    sizeBytes: () => sizeBytes,
    finish() {
      if (sizeBytes % CHUNK_BYTES !== 0) chunks.push(chunk.digest());
      const ref = { digest: sha256.digest('hex'), sizeBytes, md5: md5.digest('hex'), crc32: crc32Text(crc) };
      return { ref, chunks: sizeBytes > CHUNK_BYTES ? Buffer.concat(chunks) : undefined };
    },
  };
}

/** The hashes of a content that is at hand as a whole. */
export const refOf = (content: Uint8Array): BlobRef => ({
  digest: hash('sha256', content),
  sizeBytes: content.length,
  md5: hash('md5', content),
  crc32: crc32Text(crc32(content)),
});

function crc32Text(value: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}
