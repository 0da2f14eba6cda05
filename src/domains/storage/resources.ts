import { ServiceError } from '../../platform/errors/families.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { BlobRef, ChecksumAlgorithm } from '../../platform/objects/port.ts';
import { GLOBAL, type ResourceKey } from '../../platform/resource-key.ts';
import type { ResourceDeclaration } from '../../platform/resources/declaration.ts';

/** Buckets, objects and uploads are global: one namespace of the account, whatever region a request is signed for. */
export const BUCKET: ResourceDeclaration = {
  kind: 'Bucket',
  service: 's3',
  arnType: '',
  global: true,
  absent: { code: 'NoSuchBucket', message: () => 'The specified bucket does not exist' },
  exists: {
    code: 'BucketAlreadyOwnedByYou',
    message: () => 'Your previous request to create the named bucket succeeded and you already own it.',
  },
};

export const OBJECT: ResourceDeclaration = {
  kind: 'S3Object',
  service: 's3',
  arnType: '',
  global: true,
  absent: { code: 'NoSuchKey', message: () => 'The specified key does not exist.' },
  exists: {
    code: 'PreconditionFailed',
    message: () => 'At least one of the pre-conditions you specified did not hold',
  },
};

/** What is not current under its key in a bucket with versions: older objects, and delete markers. */
export const OBJECT_VERSION: ResourceDeclaration = {
  kind: 'S3ObjectVersion',
  service: 's3',
  arnType: '',
  global: true,
  absent: { code: 'NoSuchVersion', message: () => 'The specified version does not exist.' },
  exists: { code: 'OperationAborted', message: () => 'The version already exists.' },
};

export const UPLOAD: ResourceDeclaration = {
  kind: 'S3Upload',
  service: 's3',
  arnType: '',
  global: true,
  absent: {
    code: 'NoSuchUpload',
    message: () =>
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  },
  exists: { code: 'OperationAborted', message: () => 'The upload already exists.' },
};

export const UPLOAD_PART: ResourceDeclaration = {
  kind: 'S3UploadPart',
  service: 's3',
  arnType: '',
  global: true,
  absent: { code: 'InvalidPart', message: () => 'One or more of the specified parts could not be found.' },
  exists: { code: 'OperationAborted', message: () => 'The part already exists.' },
};

/** As on the wire, in the order given. */
export type TagSet = { Key: string; Value: string }[];

/** Whom a bucket tells of which changes of its objects. */
export type NotificationTarget = {
  id: string;
  kind: 'queue' | 'function' | 'event-bus';
  /** Of the queue or function; empty for the event bus. */
  arn: string;
  /** `s3:ObjectCreated:*` and the like. */
  events: string[];
  /** On the key. */
  prefix?: string;
  suffix?: string;
};

export type BucketDocument = {
  name: string;
  region: string;
  /** Absent: never enabled. */
  versioning?: 'Enabled' | 'Suspended';
  tags?: TagSet;
  notifications?: NotificationTarget[];
  /** Who set them up: they are sent with these rights. */
  notifiedBy?: JsonObject;
  /**
   * Set while a deletion checks that the bucket is empty: writes into the bucket are refused meanwhile, so that no object can
   * slip in between the check and the removal. Who asked goes to the ledger when the bucket is really gone.
   */
  deletion?: { actor: string; requestId: string; region: string };
};

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export type StoredChecksum = {
  algorithm: ChecksumAlgorithm;
  /** Base64, as on the wire; a composite one ends in `-<number of parts>`. */
  value: string;
  type: ChecksumType;
};

/** Headers that are kept with an object and given back as they came. `Expires` is epoch milliseconds. */
export type ObjectHeaders = {
  ContentType?: string;
  CacheControl?: string;
  ContentDisposition?: string;
  ContentEncoding?: string;
  ContentLanguage?: string;
  Expires?: number;
  WebsiteRedirectLocation?: string;
};

/** What a client says about an object besides its bytes; an upload keeps it until it is completed. */
export type ObjectAttributes = {
  headers: ObjectHeaders;
  /** User metadata by lower-case name without the `x-amz-meta-` prefix. */
  metadata?: { [name: string]: string };
  /** Absent means STANDARD. */
  storageClass?: string;
  /**
   * The encryption a client asked for. Bytes are stored as they are and answers name no encryption: a request is kept so that
   * nothing is lost when keys arrive, and because SDK uploads ask for it by default and must not fail.
   */
  requestedEncryption?: { algorithm: string; keyId?: string };
  tags?: TagSet;
};

export type ObjectDocument = ObjectAttributes & {
  /** Differs for every write of the key: tells our own write from another's. */
  writeId: string;
  /** Absent: the one S3 calls `null`, written while versioning was off or suspended. */
  versionId?: string;
  blob: BlobRef & { [member: string]: string | number };
  /** Without quotes: MD5 hex, or `<md5 of md5s>-<parts>`. */
  eTag: string;
  checksum: StoredChecksum;
  /** Multipart objects: runs of `[size, how many parts in a row]`, which stays short for ten thousand parts. */
  partSizes?: [number, number][];
};

/** A version that is not current. */
export type VersionDocument = {
  bucket: string;
  key: string;
  /** Counts from 1 under the key: the greatest is the newest. */
  order: number;
  versionId: string;
  /** Absent: a delete marker. */
  object?: ObjectDocument;
};

/** What S3 calls a version that has no id of its own. */
export const NULL_VERSION = 'null';

export const versionIdOf = (document: ObjectDocument): string => document.versionId ?? NULL_VERSION;

export type UploadStatus = 'Open' | 'Completed' | 'Aborted';

export type UploadDocument = ObjectAttributes & {
  bucket: string;
  key: string;
  uploadId: string;
  initiator: string;
  checksumAlgorithm?: ChecksumAlgorithm;
  checksumType?: ChecksumType;
  /** What completing gave; kept for a day, so that a client whose answer was lost may ask again. */
  completion?: { eTag: string; writeId: string; checksum: StoredChecksum; completedAtMs: number; versionId?: string };
};

export type PartDocument = {
  partNumber: number;
  blob: BlobRef & { [member: string]: string | number };
  checksum?: { algorithm: ChecksumAlgorithm; value: string };
};

const globalKey = (account: string, kind: string, name: string): ResourceKey => ({ account, region: GLOBAL, kind, name });

export const bucketKey = (account: string, bucket: string): ResourceKey => globalKey(account, BUCKET.kind, bucket);

export const objectKey = (account: string, bucket: string, key: string): ResourceKey =>
  globalKey(account, OBJECT.kind, `${bucket}/${key}`);

const ORDER_MAX = 10 ** 12;

/** Names sort by key, then newest first. */
export const versionKey = (account: string, bucket: string, key: string, order: number): ResourceKey =>
  globalKey(account, OBJECT_VERSION.kind, `${versionPrefix(bucket, key)}${String(ORDER_MAX - order).padStart(13, '0')}`);

/** The `parent` column of a version's row. */
export const versionParent = (bucket: string, key: string, versionId: string): string =>
  `${versionPrefix(bucket, key)}${versionId}`;

/** Before the names of all versions, or uploads, of a key, and of no other key's. */
export const versionPrefix = (bucket: string, key: string): string => `${bucket}/${keyInName(key)}\u0001`;

/**
 * A key, or a prefix of keys, as it stands in names where U+0001 ends it: then no key's names begin as another's. Keys in this form sort as
 * they do themselves.
 */
export const keyInName = (key: string): string => key.replaceAll('\u0002', '\u0002\u0002').replaceAll('\u0001', '\u0002\u0001');

/** Uploads of `a` come before those of `a!`, as S3 lists them. */
export const uploadName = (bucket: string, key: string, uploadId: string): string => `${versionPrefix(bucket, key)}${uploadId}`;

export const uploadKey = (account: string, bucket: string, key: string, uploadId: string): ResourceKey =>
  globalKey(account, UPLOAD.kind, uploadName(bucket, key, uploadId));

/** Part numbers have at most five digits; padded, names sort as numbers do. */
export const partName = (uploadId: string, partNumber: number): string => `${uploadId}/${String(partNumber).padStart(5, '0')}`;

export const partKey = (account: string, uploadId: string, partNumber: number): ResourceKey =>
  globalKey(account, UPLOAD_PART.kind, partName(uploadId, partNumber));

export const bucketArn = (bucket: string): string => `arn:aws:s3:::${bucket}`;
export const objectArn = (bucket: string, key: string): string => `arn:aws:s3:::${bucket}/${key}`;

export const noSuchBucket = (bucket: string): ServiceError =>
  new ServiceError(BUCKET.absent.code, BUCKET.absent.message(bucket, bucketArn(bucket)), { BucketName: bucket });

export const noSuchKey = (bucket: string, key: string): ServiceError =>
  new ServiceError(OBJECT.absent.code, OBJECT.absent.message(key, objectArn(bucket, key)), { Key: key });

export const noSuchVersion = (bucket: string, key: string, versionId: string): ServiceError =>
  new ServiceError(OBJECT_VERSION.absent.code, OBJECT_VERSION.absent.message(key, objectArn(bucket, key)), {
    Key: key,
    VersionId: versionId,
  });

export const noSuchUpload = (uploadId: string): ServiceError =>
  new ServiceError(UPLOAD.absent.code, UPLOAD.absent.message(uploadId, ''), { UploadId: uploadId });

/** S3 shows and compares whole seconds. */
export const wholeSeconds = (timeMs: number): number => Math.floor(timeMs / 1000) * 1000;

export const quoted = (eTag: string): string => `"${eTag}"`;

/** Names of this room's reconcilers; timer rows carry them. */
export const BUCKET_DELETION = 's3-bucket-deletion';
export const UPLOAD_CLEANUP = 's3-upload-cleanup';
