import type { Rejection } from '../../platform/errors/rejection.ts';

export interface Preconditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSinceMs?: number;
  readonly ifUnmodifiedSinceMs?: number;
}

export interface Current {
  /** Without quotes. */
  readonly eTag: string;
  /** Whole seconds. */
  readonly modifiedAtMs: number;
}

/**
 * RFC 9110's order, as S3 follows it: an ETag condition that is given makes the date condition beside it void.
 * `use`: a read that need not be repeated answers NotModified, a copy fails.
 */
export function checkPreconditions(given: Preconditions, current: Current, use: 'read' | 'copy'): Rejection | undefined {
  if (given.ifMatch !== undefined) {
    if (!matches(given.ifMatch, current.eTag)) return failed('If-Match');
  } else if (given.ifUnmodifiedSinceMs !== undefined && current.modifiedAtMs > given.ifUnmodifiedSinceMs) {
    return failed('If-Unmodified-Since');
  }
  if (given.ifNoneMatch !== undefined) {
    if (matches(given.ifNoneMatch, current.eTag)) return use === 'read' ? notModified(current) : failed('If-None-Match');
  } else if (given.ifModifiedSinceMs !== undefined && current.modifiedAtMs <= given.ifModifiedSinceMs) {
    return use === 'read' ? notModified(current) : failed('If-Modified-Since');
  }
  return undefined;
}

function matches(header: string, eTag: string): boolean {
  return header.split(',').some((candidate) => {
    const plain = candidate
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return plain === '*' || plain === eTag;
  });
}

const failed = (condition: string): Rejection => ({
  code: 'PreconditionFailed',
  message: 'At least one of the pre-conditions you specified did not hold',
  members: { Condition: condition },
});

const notModified = (current: Current): Rejection => ({
  code: 'NotModified',
  message: 'Not Modified',
  members: { ETag: `"${current.eTag}"`, LastModified: new Date(current.modifiedAtMs).toUTCString() },
});
