import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from '../../platform/objects/port.ts';
import { isRejection, type Rejection } from '../../platform/errors/rejection.ts';
import type { ChecksumType } from './resources.ts';

/** The checksum members of any S3 input or output. */
export interface ChecksumMembers {
  readonly ChecksumCRC32?: string;
  readonly ChecksumCRC32C?: string;
  readonly ChecksumCRC64NVME?: string;
  readonly ChecksumSHA1?: string;
  readonly ChecksumSHA256?: string;
  readonly ChecksumSHA512?: string;
  readonly ChecksumMD5?: string;
  readonly ChecksumXXHASH64?: string;
  readonly ChecksumXXHASH3?: string;
  readonly ChecksumXXHASH128?: string;
}

const VALUE_BYTES: Record<ChecksumAlgorithm, number> = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 };

export interface ExpectedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

const isComputed = (algorithm: string): algorithm is ChecksumAlgorithm =>
  (CHECKSUM_ALGORITHMS as readonly string[]).includes(algorithm);

/** The algorithm a request names (`x-amz-sdk-checksum-algorithm`, or that of an upload); undefined when it names none. */
export function parseAlgorithm(name: string | undefined): { algorithm: ChecksumAlgorithm | undefined } | Rejection {
  if (name === undefined || name === '') return { algorithm: undefined };
  const upper = name.toUpperCase();
  if (isComputed(upper)) return { algorithm: upper };
  return {
    code: 'NotImplemented',
    message: `The checksum algorithm ${name} is not implemented. Use one of ${CHECKSUM_ALGORITHMS.join(', ')}.`,
  };
}

/** The checksum value a request carries: at most one. A composite value (`…-3`) is returned as it is. */
export function parseChecksum(members: ChecksumMembers): { expected: ExpectedChecksum | undefined } | Rejection {
  const given = Object.entries(members).filter(([name, value]) => /^Checksum(CRC|SHA|MD5|XX)/.test(name) && value !== undefined);
  const [first] = given;
  if (!first) return { expected: undefined };
  if (given.length > 1) {
    return {
      code: 'InvalidRequest',
      message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    };
  }
  const parsed = parseAlgorithm(first[0].slice('Checksum'.length));
  if (isRejection(parsed)) return parsed;
  if (!parsed.algorithm) return { expected: undefined };
  const { algorithm } = parsed;
  const value = String(first[1]);
  if (!isBase64Of(value.replace(/-\d+$/, ''), VALUE_BYTES[algorithm])) {
    return { code: 'InvalidRequest', message: `Value for x-amz-checksum-${algorithm.toLowerCase()} header is invalid.` };
  }
  return { expected: { algorithm, value } };
}

/** `Content-MD5` as base64 must be sixteen bytes. */
export function checkContentMd5(contentMd5: string | undefined): Rejection | undefined {
  if (contentMd5 === undefined || isBase64Of(contentMd5, 16)) return undefined;
  return { code: 'InvalidDigest', message: 'The Content-MD5 you specified was invalid.', members: { 'Content-MD5': contentMd5 } };
}

export const md5Mismatch: Rejection = {
  code: 'BadDigest',
  message: 'The Content-MD5 you specified did not match what we received.',
};

export const checksumMismatch = (algorithm: ChecksumAlgorithm): Rejection => ({
  code: 'BadDigest',
  message: `The ${algorithm} you specified did not match the calculated checksum.`,
});

/** What kind of checksum an upload's object will have; S3 allows not every pair. */
export function decideChecksumType(
  algorithm: ChecksumAlgorithm | undefined,
  asked: string | undefined,
): { type: ChecksumType | undefined } | Rejection {
  if (!algorithm) {
    if (asked === undefined) return { type: undefined };
    return {
      code: 'InvalidRequest',
      message: 'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    };
  }
  const type: ChecksumType = asked === 'FULL_OBJECT' || asked === 'COMPOSITE' ? asked : defaultType(algorithm);
  const isHash = algorithm.startsWith('SHA');
  if ((type === 'FULL_OBJECT' && isHash) || (type === 'COMPOSITE' && algorithm === 'CRC64NVME')) {
    return {
      code: 'InvalidRequest',
      message: `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    };
  }
  return { type };
}

const defaultType = (algorithm: ChecksumAlgorithm): ChecksumType => (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');

/** The output member of a checksum: `{ ChecksumCRC32: '…' }`. */
export const checksumMember = (checksum: { algorithm: ChecksumAlgorithm; value: string } | undefined): ChecksumMembers =>
  checksum ? { [`Checksum${checksum.algorithm}`]: checksum.value } : {};

function isBase64Of(text: string, sizeBytes: number): boolean {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return false;
  return (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0) === sizeBytes;
}
