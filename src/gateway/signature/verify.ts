import { createHmac } from 'node:crypto';
import { sameText } from '../../platform/authorization/signed-and-sealed.ts';
import { canonicalRequest, hmacHex, parseQuery, signingKey, stringToSign, UNSIGNED_PAYLOAD } from './canonical.ts';
import type { SignatureClaim, SignatureFault, SignedRequest } from './claim.ts';
import { pathWithBucket } from './host-bucket.ts';

/** Chunked upload forms of S3: the body is signed or checked chunk by chunk (see `body.ts`). */
export const STREAMING_FORMS = [
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
];

/**
 * What the client says of the body's hash, before the body is read: a hex hash or literal to sign with, undefined where the
 * verifier has to hash the body itself (only S3 requires the header), or a fault.
 */
export function claimedPayload(claim: SignatureClaim): { hash: string | undefined } | SignatureFault {
  const sent = claim.payloadHash;
  const s3 = claim.scope.service === 's3';
  if (sent === undefined) {
    if (!s3) return { hash: undefined };
    return claim.kind === 'header' ? { fault: 'payload-hash-missing' } : { hash: UNSIGNED_PAYLOAD };
  }
  if (/^[0-9a-f]{64}$/.test(sent)) return { hash: sent };
  if (s3 && (sent === UNSIGNED_PAYLOAD || STREAMING_FORMS.includes(sent))) return { hash: sent };
  return { fault: 'payload-hash-invalid' };
}

/** Whether the claim was made with `secret`; compares in constant time. */
export function signatureMatches(claim: SignatureClaim, secret: string, request: SignedRequest, payloadHash: string): boolean {
  if (claim.kind === 'query-v2') return matchesOld(claim, secret, request);
  const omitQuery = claim.kind === 'query' ? 'X-Amz-Signature' : undefined;
  const parts = { ...request, signedHeaders: claim.signedHeaders, payloadHash, omitQuery };
  const canonical = canonicalRequest(parts, claim.scope.service);
  if (canonical === undefined) return false;
  const text = stringToSign(claim.timestamp, claim.scope, canonical);
  return sameText(hmacHex(signingKey(secret, claim.scope), text), claim.signature);
}

/** Query parameters that are part of what the older presigned URLs sign. */
const OLD_SUBRESOURCES = new Set([
  'acl',
  'cors',
  'delete',
  'lifecycle',
  'location',
  'logging',
  'notification',
  'partNumber',
  'policy',
  'requestPayment',
  'restore',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
]);

/** Signature Version 2 for S3 in the query: HMAC-SHA1 over verb, a few headers, expiry and the resource. */
function matchesOld(claim: SignatureClaim, secret: string, request: SignedRequest): boolean {
  const mark = request.target.indexOf('?');
  const pairs = parseQuery(request.target.slice(mark + 1));
  if (!pairs) return false;
  const header = (name: string): string => {
    const value = request.headers[name];
    return typeof value === 'string' ? value.trim() : '';
  };
  const amz = new Map<string, string>();
  for (const name of Object.keys(request.headers)) if (name.startsWith('x-amz-')) amz.set(name, header(name));
  for (const [parameter, value] of pairs) {
    const name = parameter.toLowerCase();
    if (!name.startsWith('x-amz-')) continue;
    // only one of the two is signed, and a reader might take the other
    if (amz.has(name) && amz.get(name) !== value) return false;
    amz.set(name, value);
  }
  const amzLines = [...amz].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}\n`);
  const parameter = (name: string): string => pairs.find(([key]) => key.toLowerCase() === name)?.[1] ?? '';
  const subresources = pairs
    .filter(([name]) => OLD_SUBRESOURCES.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
  const path = pathWithBucket(header('host'), request.target.slice(0, mark));
  const resource = path + (subresources ? `?${subresources}` : '');
  const text = [
    request.method,
    header('content-md5') || parameter('content-md5'),
    header('content-type') || parameter('content-type'),
    parameter('expires'),
    amzLines.join('') + resource,
  ].join('\n');
  return sameText(createHmac('sha1', secret).update(text).digest('base64'), claim.signature);
}
