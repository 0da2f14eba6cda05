import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

/** Signature Version 4: the text both sides sign, and the key they sign it with. Shared by verifier and client signer. */

export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/** `<date>/<region>/<service>/aws4_request`. */
export interface Scope {
  /** `YYYYMMDD`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export const scopeText = (scope: Scope): string => `${scope.date}/${scope.region}/${scope.service}/aws4_request`;

/** Headers as Node gives them: names in lower case. */
export type HeaderSource = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface SignedParts {
  readonly method: string;
  /** Path and query as on the wire. */
  readonly target: string;
  readonly headers: HeaderSource;
  /** Lower-case names in ascending order. */
  readonly signedHeaders: readonly string[];
  /** Hex SHA-256 of the body, or one of AWS's literals such as UNSIGNED-PAYLOAD. */
  readonly payloadHash: string;
  /** Query parameter left out of the canonical query (`X-Amz-Signature` of presigned URLs). */
  readonly omitQuery?: string;
}

/** The canonical request, or undefined where the target cannot be decoded (a stray `%`). */
export function canonicalRequest(parts: SignedParts, service: string): string | undefined {
  const mark = parts.target.indexOf('?');
  const rawPath = mark < 0 ? parts.target : parts.target.slice(0, mark);
  const path = canonicalPath(rawPath, service);
  const query = mark < 0 ? '' : canonicalQuery(parts.target.slice(mark + 1), parts.omitQuery);
  if (path === undefined || query === undefined) return undefined;
  let headers = '';
  for (const name of parts.signedHeaders) headers += `${name}:${canonicalValue(parts.headers[name])}\n`;
  return `${parts.method}\n${path}\n${query}\n${headers}\n${parts.signedHeaders.join(';')}\n${parts.payloadHash}`;
}

function canonicalValue(value: string | readonly string[] | undefined): string {
  if (value === undefined) return '';
  const text = typeof value === 'string' ? value : value.join(',');
  const trimmed = text.trim();
  return trimmed.includes('  ') ? trimmed.replace(/ {2,}/g, ' ') : trimmed;
}

const PLAIN_PATH = /^[A-Za-z0-9\-._~/]*$/;

/** S3 signs the path encoded once and never normalised; every other service signs the normalised path encoded twice. */
function canonicalPath(rawPath: string, service: string): string | undefined {
  if (service !== 's3') return encodePath(normalizePath(rawPath));
  if (PLAIN_PATH.test(rawPath)) return rawPath || '/';
  const decoded = decodePercent(rawPath);
  return decoded === undefined ? undefined : encodePath(decoded);
}

/** Drops empty and `.` segments and resolves `..`, keeping a final slash. */
function normalizePath(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path || '/';
  const kept: string[] = [];
  const segments = path.split('/');
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  const directory = kept.length > 0 && segments.at(-1) === '' ? '/' : '';
  return `/${kept.join('/')}${directory}`;
}

const encodePath = (path: string): string => (PLAIN_PATH.test(path) ? path || '/' : path.split('/').map(encodeRfc3986).join('/'));

/** Percent-encodes all but the unreserved characters of RFC 3986. */
function encodeRfc3986(text: string): string {
  // unpaired surrogates would make encodeURIComponent throw
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `decodeURIComponent` that answers undefined instead of throwing. */
export function decodePercent(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a stray % or bytes that are no UTF-8
  }
}

/** Names and values decoded (`+` is a space in queries), in the order given; undefined when undecodable. */
export function parseQuery(query: string): [name: string, value: string][] | undefined {
  if (query === '') return [];
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decodePercent((equals < 0 ? part : part.slice(0, equals)).replaceAll('+', ' '));
    const value = equals < 0 ? '' : decodePercent(part.slice(equals + 1).replaceAll('+', ' '));
    if (name === undefined || value === undefined) return undefined;
    pairs.push([name, value]);
  }
  return pairs;
}

function canonicalQuery(query: string, omit: string | undefined): string | undefined {
  const pairs = parseQuery(query);
  return pairs
    ?.filter(([name]) => name !== omit)
    .map(([name, value]): [string, string] => [encodeRfc3986(name), encodeRfc3986(value)])
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

export const sha256Hex = (content: string | Uint8Array): string =>
  // header bytes arrive as Latin-1 text; hashing them as UTF-8 would change them
  hash('sha256', typeof content === 'string' ? Buffer.from(content, 'latin1') : content, 'hex');

export const stringToSign = (timestamp: string, scope: Scope, canonical: string): string =>
  `${ALGORITHM}\n${timestamp}\n${scopeText(scope)}\n${sha256Hex(canonical)}`;

const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export const hmacHex = (key: KeyObject, text: string): string => createHmac('sha256', key).update(text).digest('hex');

/** Derived keys by secret and scope: a client uses one for a whole day. Bounded, cleared as a whole. */
const derivedKeys = new Map<string, KeyObject>();
const DERIVED_KEYS_MAX = 2_000;

export function signingKey(secret: string, scope: Scope): KeyObject {
  const cacheKey = `${secret} ${scope.date} ${scope.region} ${scope.service}`;
  let key = derivedKeys.get(cacheKey);
  if (!key) {
    // as a key object: Node prepares raw bytes anew for each use, which costs more than the hash
    key = createSecretKey(hmac(hmac(hmac(hmac(`AWS4${secret}`, scope.date), scope.region), scope.service), 'aws4_request'));
    if (derivedKeys.size >= DERIVED_KEYS_MAX) derivedKeys.clear();
    derivedKeys.set(cacheKey, key);
  }
  return key;
}

/** `YYYYMMDDTHHMMSSZ`. */
export const formatTimestamp = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');

/** Epoch milliseconds of `YYYYMMDDTHHMMSSZ`; undefined when it is none. */
export function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  const ms = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return formatTimestamp(ms) === text ? ms : undefined;
}
