import { hash } from 'node:crypto';
import {
  ALGORITHM,
  canonicalRequest,
  formatTimestamp,
  hmacHex,
  type Scope,
  scopeText,
  signingKey,
  stringToSign,
} from '../../src/gateway/signature/canonical.ts';
import type { SigningCredentials } from '../../src/gateway/signature/sign.ts';

/** What an answer has to be; see check-answer.ts. */
export type Expectation =
  /** Allowed by the model: a success, or a refusal that is not about the request's form. */
  | { readonly kind: 'valid' }
  /** One constraint broken: refused, and the answer names where. */
  | { readonly kind: 'violation'; readonly path: string; readonly what: string }
  /** Whatever it is: an answer in the protocol's form, and no fault of ours. */
  | { readonly kind: 'any' }
  /** Bytes that may be no HTTP: no answer need come, but those that come are no fault of ours. */
  | { readonly kind: 'bytes' };

/** A request before it is signed, so that it can be kept in a file and sent to another server. */
export interface FuzzRequest {
  /** What made it, for the counts: `valid`, `nasty`, `registry` … */
  readonly kind: string;
  /** `sagemaker:CreateModel`, where it is meant for an operation. */
  readonly operation?: string;
  readonly port: 'main' | 'runtime';
  readonly method: string;
  /** Path and query as on the wire. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The signature's service; undefined: not signed. */
  readonly service?: string | undefined;
  /** Whose key; default: the user that may do everything. */
  readonly signer?: 'session';
  /** What `x-amz-content-sha256` says instead of the body's hash. */
  readonly payloadHash?: string;
  readonly expect: Expectation;
  /** What is done to the finished bytes. */
  readonly twist?: Twist;
  /** What went in, for harvesting names when it succeeded. */
  readonly input?: object;
}

export type Twist =
  /** The head is sent as it is, with these bytes for its Content-Length line. */
  | { readonly kind: 'length'; readonly text: string }
  /** Chunked: `body` is what follows the head, chunk sizes and all. */
  | { readonly kind: 'chunked' }
  /** Bytes of the finished request are changed: [from the start, new value]. */
  | { readonly kind: 'flip'; readonly at: readonly (readonly [place: number, value: number])[] }
  /** Only that many bytes are sent, then the connection stays silent for a while and is closed. */
  | { readonly kind: 'stall'; readonly bytes: number; readonly pauseMs: number }
  /** The body is the whole of what is sent. */
  | { readonly kind: 'raw' }
  /** Headers that are added to the finished head, one line each. */
  | { readonly kind: 'lines'; readonly lines: readonly string[] };

export interface Target {
  readonly main: string;
  readonly runtime: string;
  readonly region: string;
  readonly credentials: SigningCredentials;
  /** A session of a role that may do little. */
  readonly session: SigningCredentials;
}

/** The bytes on the wire. */
export function bytesOf(request: FuzzRequest, target: Target, nowMs = Date.now()): Buffer {
  const { twist } = request;
  if (twist?.kind === 'raw') return Buffer.from(request.body);
  const host = new URL(request.port === 'main' ? target.main : target.runtime).host;
  const headers = request.service === undefined ? { host, ...request.headers } : signed(request, target, host, nowMs);
  let head = `${request.method} ${request.target} HTTP/1.1\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (twist?.kind === 'lines') head += twist.lines.map((line) => `${line}\r\n`).join('');
  if (twist?.kind === 'length') head += `${twist.text}\r\n`;
  else if (twist?.kind === 'chunked') head += 'transfer-encoding: chunked\r\n';
  else head += `content-length: ${request.body.length}\r\n`;
  const bytes = Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), request.body]);
  if (twist?.kind === 'flip') for (const [place, value] of twist.at) bytes[place % bytes.length] = value;
  return twist?.kind === 'stall' ? bytes.subarray(0, twist.bytes) : bytes;
}

function signed(request: FuzzRequest, target: Target, host: string, nowMs: number): Record<string, string> {
  const { region } = target;
  const credentials = request.signer === 'session' ? target.session : target.credentials;
  const timestamp = formatTimestamp(nowMs);
  const scope: Scope = { date: timestamp.slice(0, 8), region, service: request.service ?? '' };
  const payloadHash = request.payloadHash ?? hash('sha256', request.body, 'hex');
  const headers: Record<string, string> = {
    host,
    ...request.headers,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': payloadHash,
  };
  if (credentials.sessionToken) headers['x-amz-security-token'] = credentials.sessionToken;
  const signedHeaders = Object.keys(headers).sort();
  const parts = { method: request.method, target: request.target, headers, signedHeaders, payloadHash };
  const canonical = canonicalRequest(parts, scope.service) ?? '';
  const signature = hmacHex(signingKey(credentials.secretAccessKey, scope), stringToSign(timestamp, scope, canonical));
  const credential = `${credentials.accessKeyId}/${scopeText(scope)}`;
  headers['authorization'] =
    `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
  return headers;
}

/** A request as a file: its body in base64. */
export const toFile = (request: FuzzRequest): string =>
  JSON.stringify({ ...request, input: undefined, body: Buffer.from(request.body).toString('base64') }, undefined, 2);

export function fromFile(text: string): FuzzRequest {
  const read = JSON.parse(text) as FuzzRequest & { body: string };
  return { ...read, body: Buffer.from(read.body, 'base64') };
}
