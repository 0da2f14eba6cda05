import { createHash } from 'node:crypto';
import { type RunningChecksum, runningChecksum } from '../../platform/objects/checksums.ts';
import { combinedCrc } from '../../platform/objects/crc.ts';
import type { BlobRef, BlobStore, ChecksumAlgorithm } from '../../platform/objects/port.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { accepted, rejectionError } from '../../platform/errors/rejection.ts';
import {
  checkContentMd5,
  checksumMismatch,
  md5Mismatch,
  parseAlgorithm,
  parseChecksum,
  type ChecksumMembers,
} from './decide-checksums.ts';
import type { PartDocument, StoredChecksum } from './resources.ts';

/** S3: one PutObject or part carries at most 5 GiB. */
export const PUT_BYTES_MAX = 5 * 1024 ** 3;

/** What a request with a body says about it. */
export interface BodyRequest extends ChecksumMembers {
  readonly Body?: AsyncIterable<Uint8Array>;
  readonly ContentLength?: number;
  readonly ContentMD5?: string;
  readonly ChecksumAlgorithm?: string;
}

export interface StoredContent {
  readonly blob: BlobRef & { [member: string]: string | number };
  readonly checksum: { algorithm: ChecksumAlgorithm; value: string };
}

/**
 * Streams a body into the blob store and holds it against everything the client claimed of it. A mismatch is thrown with
 * nothing visible: the blob is not named by any row and is collected later. The checksum members are read again when the
 * body has ended, since those of a trailer arrive with its last bytes.
 */
export async function storeContent(
  blobs: BlobStore,
  request: BodyRequest,
  fallback: ChecksumAlgorithm = 'CRC32',
): Promise<StoredContent> {
  accepted(checkContentMd5(request.ContentMD5));
  if ((request.ContentLength ?? 0) > PUT_BYTES_MAX) throw tooLarge(request.ContentLength ?? 0);
  const claimed = accepted(parseChecksum(request)).expected?.algorithm;
  const algorithm = claimed ?? accepted(parseAlgorithm(request.ChecksumAlgorithm)).algorithm ?? fallback;
  const hash = needsReading(algorithm) ? runningChecksum(algorithm) : undefined;
  const blob = plainRef(await blobs.write(watched(request.Body ?? emptyBody(), hash)));
  if (request.ContentMD5 !== undefined && Buffer.from(blob.md5, 'hex').toString('base64') !== request.ContentMD5) {
    throw rejectionError(md5Mismatch);
  }
  const value = hash?.digest().toString('base64') ?? checksumOfBlob(blob, algorithm);
  const { expected } = accepted(parseChecksum(request));
  if (!expected) return { blob, checksum: { algorithm, value } };
  // A trailer may name an algorithm that no header announced: then the bytes are read once more.
  const own = expected.algorithm === algorithm ? value : await checksumOf(blobs, blob, expected.algorithm);
  if (expected.value !== own) throw rejectionError(checksumMismatch(expected.algorithm));
  return { blob, checksum: expected };
}

/** Only what is kept: an adapter's object may carry more members. */
export const plainRef = ({ digest, sizeBytes, md5, crc32: crc }: BlobRef): StoredContent['blob'] => ({
  digest,
  sizeBytes,
  md5,
  crc32: crc,
});

/** The blob store computes these for every blob; the others need the bytes once more. */
const needsReading = (algorithm: ChecksumAlgorithm): boolean => algorithm !== 'CRC32' && algorithm !== 'SHA256';

function checksumOfBlob(blob: BlobRef, algorithm: ChecksumAlgorithm): string {
  return algorithm === 'SHA256' ? Buffer.from(blob.digest, 'hex').toString('base64') : blob.crc32;
}

/** The checksum of a stored blob by any algorithm; reads it only where it must. */
export async function checksumOf(blobs: BlobStore, blob: BlobRef, algorithm: ChecksumAlgorithm): Promise<string> {
  if (!needsReading(algorithm)) return checksumOfBlob(blob, algorithm);
  const hash = runningChecksum(algorithm);
  for await (const chunk of blobs.open(blob.digest)) hash.update(chunk);
  return hash.digest().toString('base64');
}

/** A multipart object's checksum over the whole (by combining the parts' CRCs) or over the parts' checksums. */
export function checksumOfParts(
  parts: readonly PartDocument[],
  algorithm: ChecksumAlgorithm,
  type: StoredChecksum['type'],
): StoredChecksum {
  const values = parts.map((part) => Buffer.from(part.checksum?.value ?? '', 'base64'));
  if (type === 'COMPOSITE') {
    const value = hashOf(Buffer.concat(values), algorithm).toString('base64');
    return { algorithm, type, value: `${value}-${parts.length}` };
  }
  const size = algorithm === 'CRC64NVME' ? 16 : 8;
  const whole = values.reduce<bigint>((sum, value, at) => {
    const own = BigInt(`0x${value.toString('hex') || '0'}`);
    return at === 0 ? own : combinedCrc(algorithm as 'CRC32', sum, own, parts[at]?.blob.sizeBytes ?? 0);
  }, 0n);
  return { algorithm, type, value: Buffer.from(whole.toString(16).padStart(size, '0'), 'hex').toString('base64') };
}

function hashOf(bytes: Uint8Array, algorithm: ChecksumAlgorithm): Buffer {
  const hash = runningChecksum(algorithm);
  hash.update(bytes);
  return hash.digest();
}

/** S3's ETag of a multipart object: MD5 over the parts' binary MD5s, and how many there were. */
export function eTagOfParts(parts: readonly PartDocument[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part.blob.md5, 'hex');
  return `${hash.digest('hex')}-${parts.length}`;
}

async function* watched(body: AsyncIterable<Uint8Array>, hash: RunningChecksum | undefined): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > PUT_BYTES_MAX) throw tooLarge(sizeBytes);
    hash?.update(chunk);
    yield chunk;
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {
  // An absent body is an empty object.
}

const tooLarge = (sizeBytes: number): ServiceError =>
  new ServiceError('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
    ProposedSize: String(sizeBytes),
    MaxSizeAllowed: String(PUT_BYTES_MAX),
  });
