import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { runningCrc } from './crc.ts';
import type { ChecksumAlgorithm } from './port.ts';

/** A checksum over chunks that pass by. `digest` gives the bytes as S3 shows them in base64; CRCs are big-endian. */
export interface RunningChecksum {
  update(chunk: Uint8Array): unknown;
  digest(): Buffer;
}

export function runningChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  if (algorithm === 'CRC32C' || algorithm === 'CRC64NVME') return runningCrc(algorithm);
  if (algorithm !== 'CRC32') return createHash(algorithm.toLowerCase());
  let value = 0;
  return {
    update: (chunk) => (value = crc32(chunk, value)),
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    },
  };
}
