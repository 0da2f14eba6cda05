import type { IncomingMessage } from 'node:http';
import type { SignatureClaim } from './signature/claim.ts';

type Headers = IncomingMessage['headers'];

/** What is about the signature and no header of the operation; tags S3 takes from a header only. */
const NO_HEADER = /^x-amz-(algorithm|credential|date|expires|signedheaders|signature|security-token|content-sha256|tagging)$/;
/** What SDKs of the older presigned URLs move into them besides; their signature covers both. */
const OLD_HOISTED = new Set(['content-type', 'content-md5']);

/**
 * The headers a presigned URL of S3 carries in its query, where SDKs put `x-amz-*` when they sign (metadata, storage class,
 * checksums). They are part of what was signed, so they win over a header of the same name, which in the older form is not.
 */
export function hoistedHeaders(claim: SignatureClaim, query: readonly (readonly [string, string])[], headers: Headers): Headers {
  if (claim.kind === 'header' || claim.scope.service !== 's3') return {};
  const hoisted: Headers = {};
  for (const [parameter, value] of query) {
    const name = parameter.toLowerCase();
    if (name.startsWith('x-amz-') && !NO_HEADER.test(name)) hoisted[name] = value;
    else if (claim.kind === 'query-v2' && OLD_HOISTED.has(name) && headers[name] === undefined) hoisted[name] = value;
  }
  return hoisted;
}
