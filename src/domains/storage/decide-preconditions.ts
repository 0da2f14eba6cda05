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
 * `use`: a read that need not be repeated answers NotModified, a copy fails and names its header.
 */
export function checkPreconditions(given: Preconditions, current: Current, use: 'read' | 'copy'): Rejection | undefined {
  const failed = (condition: string): Rejection => unmet(use === 'copy' ? `x-amz-copy-source-${condition}` : condition);
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

/** `If-None-Match: *`: only when nothing is there. `If-Match`: only over what the caller has seen. */
export interface WriteConditions {
  readonly IfMatch?: string;
  readonly IfNoneMatch?: string;
}

/** Whether a write may go ahead over the object with this ETag; undefined when there is none. */
export function checkWriteConditions({ IfMatch, IfNoneMatch }: WriteConditions, eTag: string | undefined): Rejection | undefined {
  if (IfNoneMatch !== undefined) {
    if (IfNoneMatch.trim() !== '*') {
      return {
        code: 'NotImplemented',
        message: 'A header you provided implies functionality that is not implemented',
        members: { Header: 'If-None-Match', AdditionalMessage: 'Conditional writes take * only' },
      };
    }
    if (eTag !== undefined) return unmet('If-None-Match');
  }
  if (IfMatch === undefined) return undefined;
  if (eTag === undefined) return { code: 'NoSuchKey', message: 'The specified key does not exist.' };
  return matches(IfMatch, eTag) ? undefined : unmet('If-Match');
}

function matches(header: string, eTag: string): boolean {
  return header.split(',').some((candidate) => {
    const plain = candidate
      .trim()
      .replace(/^W\//, '')
      // S3 does not mind a quote that is missing on one side
      .replace(/^"/, '')
      .replace(/"$/, '');
    return plain === '*' || plain === eTag;
  });
}

const unmet = (condition: string): Rejection => ({
  code: 'PreconditionFailed',
  message: 'At least one of the pre-conditions you specified did not hold',
  members: { Condition: condition },
});

const notModified = (current: Current): Rejection => ({
  code: 'NotModified',
  message: 'Not Modified',
  members: { ETag: `"${current.eTag}"`, LastModified: new Date(current.modifiedAtMs).toUTCString() },
});
