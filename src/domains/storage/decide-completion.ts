import type { Rejection } from '../../platform/errors/rejection.ts';
import type { PartDocument } from './resources.ts';

const PART_BYTES_MIN = 5 * 1024 * 1024;

/** A part as CompleteMultipartUpload lists it; `checksum` is the value given for the upload's algorithm. */
export interface ListedPart {
  readonly partNumber: number;
  /** With or without quotes. */
  readonly eTag: string;
  readonly checksum?: string;
}

/** Before any part is read: the list must not be empty and must ascend. */
export function checkPartOrder(listed: readonly ListedPart[]): Rejection | undefined {
  if (listed.length === 0) {
    return {
      code: 'MalformedXML',
      message: 'The XML you provided was not well-formed or did not validate against our published schema',
    };
  }
  const ascending = listed.every((part, at) => at === 0 || part.partNumber > (listed[at - 1]?.partNumber ?? 0));
  return ascending
    ? undefined
    : {
        code: 'InvalidPartOrder',
        message: 'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
      };
}

/** Every listed part must be the one uploaded last under its number, and all but the last at least 5 MiB. */
export function planCompletion(
  uploadId: string,
  listed: readonly ListedPart[],
  uploaded: readonly (PartDocument | undefined)[],
): { parts: readonly PartDocument[] } | Rejection {
  const parts: PartDocument[] = [];
  for (const [at, wanted] of listed.entries()) {
    const part = uploaded[at];
    const eTag = wanted.eTag.replace(/^"(.*)"$/, '$1');
    const sameChecksum = wanted.checksum === undefined || !part?.checksum || wanted.checksum === part.checksum.value;
    if (!part || part.blob.md5 !== eTag || !sameChecksum) return invalidPart(uploadId, wanted.partNumber, eTag);
    parts.push(part);
  }
  const small = parts.slice(0, -1).find((part) => part.blob.sizeBytes < PART_BYTES_MIN);
  if (small) {
    return {
      code: 'EntityTooSmall',
      message: 'Your proposed upload is smaller than the minimum allowed size',
      members: {
        ProposedSize: String(small.blob.sizeBytes),
        MinSizeAllowed: String(PART_BYTES_MIN),
        PartNumber: String(small.partNumber),
        ETag: small.blob.md5,
      },
    };
  }
  return { parts };
}

/** `[size, how many in a row]`: short even for ten thousand parts, since all but the last usually have one size. */
export function runsOf(sizes: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const size of sizes) {
    const last = runs.at(-1);
    if (last && last[0] === size) last[1] += 1;
    else runs.push([size, 1]);
  }
  return runs;
}

const invalidPart = (uploadId: string, partNumber: number, eTag: string): Rejection => ({
  code: 'InvalidPart',
  message:
    'One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag ' +
    "may not match the part's entity tag.",
  members: { UploadId: uploadId, PartNumber: String(partNumber), ETag: eTag },
});
