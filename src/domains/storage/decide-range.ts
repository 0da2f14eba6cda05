import type { Rejection } from '../../platform/errors/rejection.ts';

/** Inclusive-exclusive, as the blob store takes it. */
export interface ByteRange {
  readonly startByte: number;
  readonly endByte: number;
}

/**
 * What part of an object a `Range` header asks for; undefined means all of it. S3 serves one range a request and, as HTTP
 * has it, takes a header that it cannot read for absent.
 */
export function decideRange(header: string | undefined, sizeBytes: number): { range: ByteRange | undefined } | Rejection {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(/\s/g, '') ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (!match || (first === '' && last === '')) return { range: undefined };
  if (first === '') {
    const suffixBytes = Number(last);
    if (suffixBytes === 0 || sizeBytes === 0) return notSatisfiable(header ?? '', sizeBytes);
    return { range: { startByte: Math.max(0, sizeBytes - suffixBytes), endByte: sizeBytes } };
  }
  const startByte = Number(first);
  if (last !== '' && Number(last) < startByte) return { range: undefined };
  if (startByte >= sizeBytes) return notSatisfiable(header ?? '', sizeBytes);
  return { range: { startByte, endByte: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) } };
}

/** `bytes=<first>-<last>` of UploadPartCopy: both ends given, inside the source. */
export function decideCopyRange(header: string, sizeBytes: number): { range: ByteRange } | Rejection {
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  const [startByte, lastByte] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || lastByte < startByte) {
    return {
      code: 'InvalidArgument',
      message:
        'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      members: { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header },
    };
  }
  if (lastByte >= sizeBytes) {
    return {
      code: 'InvalidArgument',
      message: `Range specified is not valid for source object of size: ${sizeBytes}`,
      members: { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header },
    };
  }
  return { range: { startByte, endByte: lastByte + 1 } };
}

/** The bytes of part `partNumber` of an object made of runs of `[size, how many]`; an object in one piece is part 1. */
export function rangeOfPart(
  partSizes: readonly (readonly [number, number])[] | undefined,
  sizeBytes: number,
  partNumber: number,
): { range: ByteRange; partCount: number } | undefined {
  const runs = partSizes ?? [[sizeBytes, 1] as const];
  const partCount = runs.reduce((sum, [, count]) => sum + count, 0);
  let startByte = 0;
  let left = partNumber - 1;
  for (const [size, count] of runs) {
    if (left < count) return { range: { startByte: startByte + left * size, endByte: startByte + (left + 1) * size }, partCount };
    startByte += size * count;
    left -= count;
  }
  return undefined;
}

const notSatisfiable = (header: string, sizeBytes: number): Rejection => ({
  code: 'InvalidRange',
  message: 'The requested range is not satisfiable',
  members: { RangeRequested: header, ActualObjectSize: String(sizeBytes) },
});
