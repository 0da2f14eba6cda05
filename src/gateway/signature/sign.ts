import {
  ALGORITHM,
  canonicalRequest,
  EMPTY_SHA256,
  formatTimestamp,
  hmacHex,
  type Scope,
  scopeText,
  sha256Hex,
  signingKey,
  stringToSign,
  UNSIGNED_PAYLOAD,
} from './canonical.ts';

/** A small Signature Version 4 signer for our own clients (CLI, tests, benches). */

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface RequestToSign {
  readonly method: string;
  /** Absolute; path and query percent-encoded as they go on the wire. */
  readonly url: URL;
  /** Any case; all of them are signed. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly region: string;
  readonly service: string;
  readonly credentials: SigningCredentials;
  readonly nowMs: number;
  /** Signed instead of the body's hash: one of S3's literals such as UNSIGNED-PAYLOAD. */
  readonly payloadHash?: string;
}

/** The headers to send: those given, in lower case, plus host, date, token, content hash and authorization. */
export function signRequest(request: RequestToSign): Record<string, string> {
  const timestamp = formatTimestamp(request.nowMs);
  const scope: Scope = { date: timestamp.slice(0, 8), region: request.region, service: request.service };
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  headers['host'] = request.url.host;
  headers['x-amz-date'] = timestamp;
  if (request.credentials.sessionToken) headers['x-amz-security-token'] = request.credentials.sessionToken;
  const payloadHash = request.payloadHash ?? hashOf(request.body);
  headers['x-amz-content-sha256'] = payloadHash;
  const signedHeaders = Object.keys(headers).sort();
  const target = request.url.pathname + request.url.search;
  const signature = signatureOf(
    { method: request.method, target, headers, signedHeaders, payloadHash },
    scope,
    timestamp,
    request,
  );
  const credential = `${request.credentials.accessKeyId}/${scopeText(scope)}`;
  headers['authorization'] =
    `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
  return headers;
}

/** A URL that carries its own signature (query authentication) and holds for `expiresSeconds`. */
export function presignUrl(request: RequestToSign & { readonly expiresSeconds: number }): URL {
  const timestamp = formatTimestamp(request.nowMs);
  const scope: Scope = { date: timestamp.slice(0, 8), region: request.region, service: request.service };
  const url = new URL(request.url);
  const headers: Record<string, string> = { host: url.host };
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  const signedHeaders = Object.keys(headers).sort();
  url.searchParams.set('X-Amz-Algorithm', ALGORITHM);
  url.searchParams.set('X-Amz-Credential', `${request.credentials.accessKeyId}/${scopeText(scope)}`);
  url.searchParams.set('X-Amz-Date', timestamp);
  url.searchParams.set('X-Amz-Expires', String(request.expiresSeconds));
  url.searchParams.set('X-Amz-SignedHeaders', signedHeaders.join(';'));
  if (request.credentials.sessionToken) url.searchParams.set('X-Amz-Security-Token', request.credentials.sessionToken);
  const payloadHash = request.service === 's3' ? UNSIGNED_PAYLOAD : hashOf(request.body);
  const target = url.pathname + url.search;
  const signature = signatureOf(
    { method: request.method, target, headers, signedHeaders, payloadHash },
    scope,
    timestamp,
    request,
  );
  url.searchParams.set('X-Amz-Signature', signature);
  return url;
}

type Parts = Parameters<typeof canonicalRequest>[0];

function signatureOf(parts: Parts, scope: Scope, timestamp: string, request: RequestToSign): string {
  // URL objects hold only decodable targets
  const canonical = canonicalRequest(parts, request.service) ?? '';
  return hmacHex(signingKey(request.credentials.secretAccessKey, scope), stringToSign(timestamp, scope, canonical));
}

const hashOf = (body: string | Uint8Array | undefined): string =>
  body === undefined ? EMPTY_SHA256 : sha256Hex(typeof body === 'string' ? Buffer.from(body) : body);
