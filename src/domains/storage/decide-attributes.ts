import { isRejection, type Rejection } from '../../platform/errors/rejection.ts';
import { parseTagging } from './decide-tags.ts';
import type { ObjectAttributes, ObjectHeaders } from './resources.ts';

/** What PutObject, CopyObject and CreateMultipartUpload have in common. */
export interface AttributeRequest {
  readonly ACL?: string;
  readonly CacheControl?: string;
  readonly ContentDisposition?: string;
  readonly ContentEncoding?: string;
  readonly ContentLanguage?: string;
  readonly ContentType?: string;
  readonly Expires?: number;
  readonly Metadata?: { readonly [name: string]: string };
  readonly ServerSideEncryption?: string;
  readonly SSEKMSKeyId?: string;
  readonly StorageClass?: string;
  /** `key=value&…`, URL-encoded. */
  readonly Tagging?: string;
  readonly WebsiteRedirectLocation?: string;
}

const USER_METADATA_BYTES_MAX = 2048;
const STORAGE_CLASSES = ['STANDARD', 'REDUCED_REDUNDANCY', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING'];
const OWNER_ACLS = ['private', 'bucket-owner-read', 'bucket-owner-full-control'];

/** Members of inputs that would change what S3 does and that nothing here acts on: refused rather than passed over. */
const UNBUILT = [
  'GrantFullControl',
  'GrantRead',
  'GrantReadACP',
  'GrantWrite',
  'GrantWriteACP',
  'SSECustomerAlgorithm',
  'SSECustomerKey',
  'CopySourceSSECustomerAlgorithm',
  'CopySourceSSECustomerKey',
  'ObjectLockMode',
  'ObjectLockRetainUntilDate',
  'ObjectLockLegalHoldStatus',
  'ObjectLockEnabledForBucket',
  'WriteOffsetBytes',
  'IfMatchLastModifiedTime',
  'IfMatchSize',
  'MFA',
];

export function checkBuilt(input: object): Rejection | undefined {
  const given = input as { readonly [member: string]: unknown };
  const unbuilt = UNBUILT.find((member) => given[member] !== undefined && given[member] !== false);
  return unbuilt === undefined ? undefined : notBuilt(unbuilt);
}

/** The attributes a request gives an object, or why they cannot be kept. */
export function decideAttributes(input: AttributeRequest): ObjectAttributes | Rejection {
  if (input.ACL !== undefined && !OWNER_ACLS.includes(input.ACL)) return aclRefusal;
  if (input.StorageClass !== undefined && !STORAGE_CLASSES.includes(input.StorageClass)) {
    return notBuilt(`StorageClass ${input.StorageClass}`);
  }
  const tags = input.Tagging === undefined ? undefined : parseTagging(input.Tagging);
  if (isRejection(tags)) return tags;
  const metadata = lowerNames(input.Metadata ?? {});
  const sizeBytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + byteLength(name) + byteLength(value), 0);
  if (sizeBytes > USER_METADATA_BYTES_MAX) {
    return {
      code: 'MetadataTooLarge',
      message: 'Your metadata headers exceed the maximum allowed metadata size',
      members: { Size: String(sizeBytes), MaxSizeAllowed: String(USER_METADATA_BYTES_MAX) },
    };
  }
  return {
    headers: headersOf(input),
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(input.StorageClass !== undefined && input.StorageClass !== 'STANDARD' && { storageClass: input.StorageClass }),
    ...(tags && tags.tags.length > 0 && { tags: tags.tags }),
    ...(input.ServerSideEncryption !== undefined && {
      requestedEncryption: {
        algorithm: input.ServerSideEncryption,
        ...(input.SSEKMSKeyId !== undefined && { keyId: input.SSEKMSKeyId }),
      },
    }),
  };
}

function headersOf(input: AttributeRequest): ObjectHeaders {
  const headers: ObjectHeaders = {};
  if (input.ContentType) headers.ContentType = input.ContentType;
  if (input.CacheControl) headers.CacheControl = input.CacheControl;
  if (input.ContentDisposition) headers.ContentDisposition = input.ContentDisposition;
  const encoding = withoutChunking(input.ContentEncoding);
  if (encoding) headers.ContentEncoding = encoding;
  if (input.ContentLanguage) headers.ContentLanguage = input.ContentLanguage;
  if (input.Expires !== undefined) headers.Expires = input.Expires;
  if (input.WebsiteRedirectLocation) headers.WebsiteRedirectLocation = input.WebsiteRedirectLocation;
  return headers;
}

/** `aws-chunked` tells how a request travelled, not what the object is. */
const withoutChunking = (encoding: string | undefined): string | undefined =>
  encoding
    ?.split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '' && token !== 'aws-chunked')
    .join(',');

const lowerNames = (metadata: { readonly [name: string]: string }): { [name: string]: string } =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));

const byteLength = (text: string): number => new TextEncoder().encode(text).length;

/** As in buckets whose owner owns all objects, which is S3's default: policies decide, not access lists. */
export const aclRefusal: Rejection = { code: 'AccessControlListNotSupported', message: 'The bucket does not allow ACLs' };

const notBuilt = (what: string): Rejection => ({
  code: 'NotImplemented',
  message: `A header you provided implies functionality that is not implemented: ${what}.`,
  members: { Header: what },
});
