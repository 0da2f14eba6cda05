import { ALGORITHM, type HeaderSource, parseQuery, parseTimestamp, formatTimestamp, type Scope } from './canonical.ts';

/** What a request says about who signed it, before anything is believed. */
export interface SignatureClaim {
  /** `query` and `query-v2` are presigned URLs, new and old style. */
  readonly kind: 'header' | 'query' | 'query-v2';
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** As signed, `YYYYMMDDTHHMMSSZ`. */
  readonly timestamp: string;
  readonly timestampMs: number;
  readonly sessionToken: string | undefined;
  /** Presigned URLs: when they end. */
  readonly expiresAtMs?: number;
  /** `x-amz-content-sha256` as sent. */
  readonly payloadHash: string | undefined;
}

/** Why a request's signature is not accepted; `signature-errors.ts` gives each its code and text per protocol. */
export interface SignatureFault {
  readonly fault:
    | 'missing'
    | 'incomplete'
    | 'unsupported-algorithm'
    | 'unknown-key'
    | 'mismatch'
    | 'skewed'
    | 'url-expired'
    | 'token-expired'
    | 'token-invalid'
    | 'headers-not-signed'
    | 'payload-hash-invalid'
    | 'payload-hash-missing'
    | 'payload-mismatch';
  readonly detail?: string;
}

export interface SignedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderSource;
}

const SKEW_MS = 15 * 60_000;
const EXPIRES_SECONDS_MAX = 604_800;

export function parseClaim(request: SignedRequest): SignatureClaim | SignatureFault {
  const authorization = request.headers['authorization'];
  if (typeof authorization === 'string') return parseHeaderClaim(authorization, request);
  const mark = request.target.indexOf('?');
  const query = mark < 0 ? '' : request.target.slice(mark + 1);
  if (query.includes('X-Amz-Algorithm=') || query.includes('X-Amz-Signature=')) return parseQueryClaim(query, request);
  if (query.includes('AWSAccessKeyId=') && query.includes('Signature=')) return parseOldQueryClaim(query);
  return { fault: 'missing' };
}

function parseHeaderClaim(authorization: string, request: SignedRequest): SignatureClaim | SignatureFault {
  const space = authorization.indexOf(' ');
  const algorithm = space < 0 ? authorization : authorization.slice(0, space);
  if (algorithm !== ALGORITHM) {
    return { fault: 'unsupported-algorithm', detail: `Unsupported AWS 'algorithm': '${printable(algorithm)}'.` };
  }
  const fields = new Map<string, string>();
  for (const part of authorization.slice(space + 1).split(',')) {
    const equals = part.indexOf('=');
    if (equals > 0) fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const absent = ['Credential', 'Signature', 'SignedHeaders'].filter((name) => !fields.get(name));
  if (absent.length > 0) {
    const list = absent.map((name) => `Authorization header requires '${name}' parameter.`).join(' ');
    return { fault: 'incomplete', detail: list };
  }
  const time = headerTime(request.headers);
  if (!time) {
    return {
      fault: 'incomplete',
      detail: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header in the form YYYYMMDDTHHMMSSZ.",
    };
  }
  const token = request.headers['x-amz-security-token'];
  return buildClaim('header', fields, time, typeof token === 'string' ? token : undefined, request);
}

function headerTime(headers: HeaderSource): { timestamp: string; ms: number } | undefined {
  const amzDate = headers['x-amz-date'];
  if (typeof amzDate === 'string') {
    const ms = parseTimestamp(amzDate);
    return ms === undefined ? undefined : { timestamp: amzDate, ms };
  }
  const date = headers['date'];
  if (typeof date !== 'string') return undefined;
  const ms = parseTimestamp(date) ?? Date.parse(date);
  return Number.isNaN(ms) ? undefined : { timestamp: formatTimestamp(ms), ms };
}

type Fields = ReadonlyMap<string, string>;
type Time = { readonly timestamp: string; readonly ms: number };

function buildClaim(
  kind: 'header' | 'query',
  fields: Fields,
  time: Time,
  sessionToken: string | undefined,
  request: SignedRequest,
): SignatureClaim | SignatureFault {
  const credential = fields.get('Credential') ?? '';
  const parts = credential.split('/');
  const [service, date, region] = [parts.at(-2) ?? '', parts.at(-4) ?? '', parts.at(-3) ?? ''];
  const wellFormed = parts.length === 5 && parts[4] === 'aws4_request' && /^\d{8}$/.test(date);
  if (!wellFormed || !parts[0] || !/^[a-z0-9-]{1,64}$/.test(region) || !/^[a-z0-9-]{1,64}$/.test(service)) {
    return {
      fault: 'incomplete',
      detail: `Credential must have 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request, got '${printable(credential)}'.`,
    };
  }
  if (date !== time.timestamp.slice(0, 8)) {
    return {
      fault: 'mismatch',
      detail: `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${time.timestamp.slice(0, 8)}', from '${time.timestamp}'.`,
    };
  }
  const payloadHash = request.headers['x-amz-content-sha256'];
  return {
    kind,
    accessKeyId: parts[0],
    scope: { date, region, service },
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';').map((name) => name.toLowerCase()),
    signature: fields.get('Signature') ?? '',
    timestamp: time.timestamp,
    timestampMs: time.ms,
    sessionToken,
    payloadHash: typeof payloadHash === 'string' ? payloadHash : undefined,
  };
}

function parseQueryClaim(query: string, request: SignedRequest): SignatureClaim | SignatureFault {
  const fields = new Map<string, string>();
  for (const [name, value] of parseQuery(query) ?? []) {
    if (name.startsWith('X-Amz-')) fields.set(name.slice('X-Amz-'.length), value);
  }
  if (fields.get('Algorithm') !== ALGORITHM) {
    return { fault: 'unsupported-algorithm', detail: `X-Amz-Algorithm only supports "${ALGORITHM}".` };
  }
  const absent = ['Credential', 'Signature', 'SignedHeaders', 'Date', 'Expires'].filter((name) => !fields.get(name));
  const ms = parseTimestamp(fields.get('Date') ?? '');
  const expires = Number(fields.get('Expires'));
  if (absent.length > 0 || ms === undefined) {
    return {
      fault: 'incomplete',
      detail: `Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters; wrong or absent: ${absent.map((name) => `X-Amz-${name}`).join(', ') || 'X-Amz-Date'}.`,
    };
  }
  if (!Number.isInteger(expires) || expires < 1 || expires > EXPIRES_SECONDS_MAX) {
    return {
      fault: 'incomplete',
      detail: `X-Amz-Expires must be between 1 and ${EXPIRES_SECONDS_MAX} seconds, got '${printable(fields.get('Expires') ?? '')}'.`,
    };
  }
  const time = { timestamp: fields.get('Date') ?? '', ms };
  const claim = buildClaim('query', fields, time, fields.get('Security-Token'), request);
  return 'fault' in claim ? claim : { ...claim, expiresAtMs: ms + expires * 1000 };
}

const OLD_PARAMETERS = new Set(['awsaccesskeyid', 'signature', 'expires', 'content-md5', 'content-type']);

/** Presigned URLs of the older kind: what boto3 makes for S3 with a custom endpoint unless told otherwise. */
function parseOldQueryClaim(query: string): SignatureClaim | SignatureFault {
  const pairs = parseQuery(query) ?? [];
  const fields = new Map(pairs);
  // a parameter given twice would be signed as one value and mean another
  const names = pairs.map(([name]) => name.toLowerCase()).filter((name) => OLD_PARAMETERS.has(name) || name.startsWith('x-amz-'));
  const expires = Number(fields.get('Expires'));
  if (new Set(names).size < names.length) {
    return { fault: 'incomplete', detail: 'A parameter of the signature is given twice.' };
  }
  if (!fields.get('AWSAccessKeyId') || !fields.get('Signature') || !Number.isInteger(expires)) {
    return {
      fault: 'incomplete',
      detail: 'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters.',
    };
  }
  return {
    kind: 'query-v2',
    accessKeyId: fields.get('AWSAccessKeyId') ?? '',
    scope: { date: '', region: '', service: 's3' },
    signedHeaders: [],
    signature: fields.get('Signature') ?? '',
    timestamp: '',
    timestampMs: 0,
    sessionToken: fields.get('x-amz-security-token'),
    expiresAtMs: expires * 1000,
    payloadHash: undefined,
  };
}

/** Clock and coverage: is the claim of our time, and does it cover every header we are going to act on? */
export function checkClaim(claim: SignatureClaim, headers: HeaderSource, nowMs: number): SignatureFault | undefined {
  if (claim.expiresAtMs !== undefined && nowMs > claim.expiresAtMs) return { fault: 'url-expired' };
  if (claim.kind === 'query-v2') return undefined;
  if (claim.kind === 'header' && nowMs - claim.timestampMs > SKEW_MS) {
    const earliest = formatTimestamp(nowMs - SKEW_MS);
    const detail = `Signature expired: ${claim.timestamp} is now earlier than ${earliest} (${formatTimestamp(nowMs)} - 15 min.)`;
    return { fault: 'skewed', detail };
  }
  if (claim.timestampMs - nowMs > SKEW_MS) {
    const latest = formatTimestamp(nowMs + SKEW_MS);
    const detail = `Signature not yet current: ${claim.timestamp} is still later than ${latest} (${formatTimestamp(nowMs)} + 15 min.)`;
    return { fault: 'skewed', detail };
  }
  const signed = new Set(claim.signedHeaders);
  const unsigned = Object.keys(headers).filter((name) => mustBeSigned(name) && !signed.has(name));
  if (!signed.has('host')) unsigned.unshift('host');
  if (unsigned.length > 0) return { fault: 'headers-not-signed', detail: unsigned.join(', ') };
  return undefined;
}

/** All of `x-amz-*` steers the request. The user agent is added by clients after signing and steers nothing. */
const mustBeSigned = (name: string): boolean => name.startsWith('x-amz-') && name !== 'x-amz-user-agent';

/** Sent text goes into error messages: short and without control characters. */
export const printable = (text: string): string => text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
