import type { Principal } from '../authorization/principal.ts';
import type { CallOrigin, Calls } from '../calls/operation.ts';
import { InvariantError, ServiceError } from '../errors/families.ts';
import type { BlobBody } from './port.ts';
import { parseS3Uri } from './s3-uri.ts';

/** Bytes an S3 URI named at one moment, by digest, so that later overwrites and deletes change nothing. */
export type PinnedObject = {
  readonly uri: string;
  /** SHA-256, lower-case hex. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly eTag: string;
};

/** Whom a pin reads for, and where. */
export interface PinReader {
  readonly calls: Calls;
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

/**
 * The digest behind an S3 URI, read with the rights of `principal`. Undefined when bucket or object are absent; a denial
 * is thrown as it came.
 */
export async function pinObject(reader: PinReader, uri: string): Promise<PinnedObject | undefined> {
  const location = parseS3Uri(uri);
  if (!location || location.key === '') return undefined;
  try {
    const output = await reader.calls.call(reader.principal, reader.origin, 's3:GetObject', {
      Bucket: location.bucket, Key: location.key,
    });
    const { blob } = (output.Body ?? {}) as BlobBody;
    if (!blob) throw new InvariantError('s3:GetObject between rooms gives a body with its digest', { uri });
    return { uri, digest: blob.digest, sizeBytes: blob.sizeBytes, eTag: output.ETag ?? '' };
  } catch (error) {
    if (error instanceof ServiceError && ['NoSuchKey', 'NoSuchBucket', 'NotFound'].includes(error.code)) return undefined;
    throw error;
  }
}
