import { ServiceError } from '../../platform/errors/families.ts';
import { type RunningChecksum, runningChecksum } from '../../platform/objects/checksums.ts';
import { CHECKSUM_ALGORITHMS } from '../../platform/objects/port.ts';

/**
 * The checksum a trailer such as `x-amz-checksum-crc32` will name; throws for algorithms we cannot compute rather than not
 * checking.
 */
export function checksumOfTrailer(name: string): RunningChecksum {
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => name === `x-amz-checksum-${known.toLowerCase()}`);
  if (algorithm) return runningChecksum(algorithm);
  throw new ServiceError(
    'NotImplemented',
    `The trailing checksum ${name.slice(0, 100)} is not implemented; use one of ${CHECKSUM_ALGORITHMS.join(', ')}.`,
  );
}
