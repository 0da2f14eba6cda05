import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ServiceError } from '../../platform/errors/families.ts';

/** A checksum of S3's `x-amz-checksum-*` family over a passing stream; the digest is base64. */
export interface RunningChecksum {
  update(chunk: Uint8Array): void;
  digest(): string;
}

/** `name` is the header, e.g. `x-amz-checksum-crc32`; throws for algorithms we cannot compute rather than not checking. */
export function checksumOf(name: string): RunningChecksum {
  switch (name) {
    case 'x-amz-checksum-crc32':
      return crc((chunk, value) => crc32(chunk, value));
    case 'x-amz-checksum-crc32c':
      return crc(crc32c);
    case 'x-amz-checksum-sha1':
      return cryptographic('sha1');
    case 'x-amz-checksum-sha256':
      return cryptographic('sha256');
    case 'x-amz-checksum-sha512':
      return cryptographic('sha512');
    case 'x-amz-checksum-md5':
      return cryptographic('md5');
    default:
      throw new ServiceError(
        'NotImplemented',
        `The trailing checksum ${name.slice(0, 100)} is not implemented; use CRC32, CRC32C, SHA1 or SHA256.`,
      );
  }
}

function cryptographic(algorithm: string): RunningChecksum {
  const hasher = createHash(algorithm);
  return { update: (chunk) => void hasher.update(chunk), digest: () => hasher.digest('base64') };
}

function crc(step: (chunk: Uint8Array, value: number) => number): RunningChecksum {
  let value = 0;
  return {
    update(chunk) {
      value = step(chunk, value);
    },
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value >>> 0);
      return bytes.toString('base64');
    },
  };
}

/** Castagnoli polynomial, reflected. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

export function crc32c(chunk: Uint8Array, start = 0): number {
  let value = ~start;
  for (const byte of chunk) value = (CRC32C_TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}
