/** Content-addressed bytes: a blob is named by the SHA-256 of its content and never changes. */
export interface BlobRef {
  /** SHA-256, lower-case hex. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** MD5 hex (S3's ETag of a single-part object). */
  readonly md5: string;
  /** CRC32, base64 of the big-endian value, as in x-amz-checksum-crc32. */
  readonly crc32: string;
}

/** Checksums that S3 clients may name and we compute; the API knows further ones, which are refused. */
export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export interface BlobStore {
  /** Writes bytes; nothing is visible before `finish`, which makes them durable (fsync) and idempotent by digest. */
  write(content: AsyncIterable<Uint8Array>): Promise<BlobRef>;
  /**
   * Takes over a local file of a backend without copying where the file system allows (a hard link). Nobody may write to the
   * file any more; it stays until its owner removes it, so that a repeat after a crash finds it.
   */
  adopt(path: string): Promise<BlobRef>;
  /** `range` is inclusive-exclusive bytes; each 8 MiB chunk is checked against its hash before it is given out. */
  open(digest: string, range?: { startByte: number; endByte: number }): AsyncIterable<Uint8Array>;
  /** Small blobs only: throws beyond `sizeBytesMax`. */
  readText(digest: string, sizeBytesMax: number): Promise<string>;
  /** Joins blobs in order into one (multipart uploads). */
  concatenate(digests: readonly string[]): Promise<BlobRef>;
  /**
   * Places the content at `path`: `read-only` may be a hard link and must only be exposed through a read-only mount (a
   * root process can write through a 0444 link); `private` is a reflink or copy.
   */
  place(digest: string, path: string, use: 'read-only' | 'private'): Promise<void>;
  has(digest: string): Promise<boolean>;
  /** Puts off the blob's collection by the collector's grace, for a digest about to be recorded; false when it is gone. */
  keep(digest: string): Promise<boolean>;
  /** Removes a blob that nothing uses and that is older than the collector's grace. */
  remove(digest: string): Promise<void>;
}

/**
 * The body of s3:GetObject between rooms: bytes for those who read, a digest for those who can link instead (staging a
 * job's input copies nothing). The gateway only iterates.
 */
export interface BlobBody extends AsyncIterable<Uint8Array> {
  readonly blob?: { readonly digest: string; readonly sizeBytes: number };
}
