import type { Principal } from '../authorization/principal.ts';
import type { CallOrigin, Calls } from '../calls/operation.ts';
import { InvariantError, ServiceError } from '../errors/families.ts';
import type { BlobBody } from './port.ts';
import { formatS3Uri, parseS3Uri } from './s3-uri.ts';

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
      Bucket: location.bucket,
      Key: location.key,
    });
    const { blob } = (output.Body ?? {}) as BlobBody;
    if (!blob) throw new InvariantError('s3:GetObject between rooms gives a body with its digest', { uri });
    return { uri, digest: blob.digest, sizeBytes: blob.sizeBytes, eTag: output.ETag ?? '' };
  } catch (error) {
    if (error instanceof ServiceError && ['NoSuchKey', 'NoSuchBucket', 'NotFound'].includes(error.code)) return undefined;
    throw error;
  }
}

/** What one artefact of a model consists of: the archive its URI names, or every object under it. */
export type PinnedArtifact = {
  readonly uri: string;
  readonly form: 'object' | 'prefix';
  readonly objects: readonly PinnedObject[];
};

/** A folder of model files beyond this is refused rather than pinned in part. */
const PREFIX_OBJECTS_MAX = 10_000;

/** Every object under an S3 prefix, by digest; an absent bucket has none. */
export async function pinPrefix(reader: PinReader, uri: string): Promise<readonly PinnedObject[]> {
  const location = parseS3Uri(uri);
  if (!location) return [];
  const objects: PinnedObject[] = [];
  let token: string | undefined;
  do {
    const page = await reader.calls.call(reader.principal, reader.origin, 's3:ListObjectsV2', {
      Bucket: location.bucket,
      Prefix: location.key,
      ...(token !== undefined && { ContinuationToken: token }),
    });
    for (const { Key } of page.Contents ?? []) {
      if (Key === undefined || Key.endsWith('/')) continue; // folder markers hold no bytes
      const pinned = await pinObject(reader, formatS3Uri({ bucket: location.bucket, key: Key }));
      if (pinned) objects.push(pinned);
      if (objects.length > PREFIX_OBJECTS_MAX) {
        throw new ServiceError(
          'ValidationException',
          `There are more than ${PREFIX_OBJECTS_MAX} objects under ${uri}: name a narrower prefix.`,
        );
      }
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return objects;
}

/**
 * An answer that carries, beside AWS's members, the artefacts pinned behind its model data. Rooms read it from calls in
 * this process; on the wire only the members of the API's model are written.
 */
export type WithArtifacts<O> = O & { readonly artifacts?: readonly PinnedArtifact[] };
