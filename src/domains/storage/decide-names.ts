import type { Rejection } from '../../platform/errors/rejection.ts';

const KEY_BYTES_MAX = 1024;

/** S3's rules for names of general purpose buckets. */
export function checkBucketName(name: string): Rejection | undefined {
  const wellFormed =
    name.length >= 3 &&
    name.length <= 63 &&
    /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !/^(xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name);
  return wellFormed
    ? undefined
    : { code: 'InvalidBucketName', message: 'The specified bucket is not valid.', members: { BucketName: name } };
}

/** `sizeBytes` is the length of the key in UTF-8. */
export function checkKeySize(sizeBytes: number): Rejection | undefined {
  if (sizeBytes <= KEY_BYTES_MAX) return undefined;
  return {
    code: 'KeyTooLongError',
    message: 'Your key is too long',
    members: { Size: String(sizeBytes), MaxSizeAllowed: String(KEY_BYTES_MAX) },
  };
}

/** The region a new bucket gets, from the region the request was signed for and the constraint in its body. */
export function decideBucketRegion(signedRegion: string, constraint: string | undefined): { region: string } | Rejection {
  if (constraint === undefined || constraint === '') {
    return signedRegion === 'us-east-1' ? { region: signedRegion } : incompatible('unspecified');
  }
  // S3 knows us-east-1 only as the absence of a constraint.
  if (constraint === 'us-east-1' || !/^(EU|[a-z]{2}(-[a-z]+)+-\d)$/.test(constraint)) {
    return {
      code: 'InvalidLocationConstraint',
      message: 'The specified location-constraint is not valid',
      members: { LocationConstraint: constraint },
    };
  }
  const region = constraint === 'EU' ? 'eu-west-1' : constraint;
  return signedRegion === 'us-east-1' || signedRegion === region ? { region } : incompatible(constraint);
}

const incompatible = (constraint: string): Rejection => ({
  code: 'IllegalLocationConstraintException',
  message: `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`,
});

/** Our ids of versions have 32 characters; `null` is the version without one. Anything else cannot be an id, as S3 says it. */
export function checkVersionId(versionId: string | undefined): Rejection | undefined {
  if (versionId === undefined || versionId === 'null' || /^[a-z0-9]{32}$/.test(versionId)) return undefined;
  return {
    code: 'InvalidArgument',
    message: 'Invalid version id specified',
    members: { ArgumentName: 'versionId', ArgumentValue: versionId.slice(0, 200) },
  };
}

/** Buckets of the account's own namespace say so in their name (S3 User Guide, account regional namespaces). */
export function checkNamespace(
  { Bucket, BucketNamespace }: { readonly Bucket: string; readonly BucketNamespace?: string },
  account: string,
  region: string,
): Rejection | undefined {
  const suffix = `-${account}-${region}-an`;
  if (BucketNamespace !== 'account-regional' || Bucket.endsWith(suffix)) return undefined;
  return {
    code: 'InvalidNamespaceHeader',
    message: `A bucket in the account-regional namespace has to have a name that ends with ${suffix}.`,
    members: { BucketName: Bucket },
  };
}
