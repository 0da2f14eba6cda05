import { pickFrom, type Random } from '../../src/contract/generate-text.ts';
import { bytesOf, type FuzzRequest, type Target } from './fuzz-request.ts';
import { mutateTree, nastyText, nastyValue } from './nasty-values.ts';

type Spoiler = (request: FuzzRequest, random: Random) => FuzzRequest;

/** The same request with a body that is wrong in one of many ways; signed as it is, so that it is read. */
export function spoilBody(request: FuzzRequest, random: Random): FuzzRequest {
  const text = Buffer.from(request.body).toString('utf8');
  const spoil = pickFrom(
    [...SPOILERS, ...(text.startsWith('{') ? JSON_SPOILERS : text.startsWith('<') ? XML_SPOILERS : FORM_SPOILERS)],
    random,
  );
  return spoil ? spoil(request, random) : request;
}

const withBody = (request: FuzzRequest, body: string | Uint8Array): FuzzRequest => ({
  ...request,
  body: Buffer.from(body as string),
});
const textOf = ({ body }: FuzzRequest): string => Buffer.from(body).toString('utf8');
const place = (length: number, random: Random): number => Math.floor(random() * length);

/** For any body. */
const SPOILERS: readonly Spoiler[] = [
  (request, random) => {
    const body = Buffer.from(request.body);
    for (let turn = 1 + place(4, random); turn > 0; turn -= 1) body[place(body.length, random)] = place(256, random);
    return withBody(request, body);
  },
  (request, random) => withBody(request, request.body.subarray(0, place(request.body.length, random))),
  (request, random) => withBody(request, Buffer.concat([request.body, Buffer.from(nastyText(random).slice(0, 2000) || '}')])),
  (request) => withBody(request, Buffer.concat([Buffer.from('\ufeff'), request.body])),
  (request, random) => {
    const at = place(request.body.length, random);
    const bad = pickFrom([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88], [0x00]], random) ?? [0xff];
    return withBody(request, Buffer.concat([request.body.subarray(0, at), Buffer.from(bad), request.body.subarray(at)]));
  },
  (request, random) => ({ ...request, headers: { ...request.headers, 'content-type': pickFrom(TYPES, random) ?? '' } }),
  (request, random) => withBody(request, nastyText(random)),
  (request) => withBody(request, Buffer.from(textOf(request), 'utf16le')),
];

const TYPES: readonly string[] = [
  '',
  'text/plain',
  'application/json',
  'application/cbor',
  'application/x-amz-json-1.0',
  'application/x-amz-json-1.1; charset=utf-16',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=a',
  'application/xml',
  'a'.repeat(5000),
];

const JSON_SPOILERS: readonly Spoiler[] = [
  (request, random) => withBody(request, JSON.stringify(mutateTree(parsed(request), random)) ?? 'null'),
  (request, random) => withBody(request, JSON.stringify(mutateTree(parsed(request), random)) ?? 'null'),
  (request, random) => withBody(request, JSON.stringify(mutateTree(parsed(request), random)) ?? 'null'),
  (request, random) => withBody(request, JSON.stringify(nastyValue(random)) ?? 'null'),
  (request, random) =>
    withBody(
      request,
      textOf(request).replace(/"[^"]*"(?=[,}\]])/, () => pickFrom(LITERALS, random) ?? ''),
    ),
  (request, random) =>
    withBody(
      request,
      textOf(request).replace(/:(-?\d+|"[^"]*"|true|false)/, () => `:${pickFrom(LITERALS, random)}`),
    ),
  (request) =>
    withBody(request, textOf(request).replace(/\{/, '{"__proto__":{"PipelineName":"x"},"constructor":{"prototype":{}},')),
  (request) => withBody(request, `${textOf(request).slice(0, -1)},${textOf(request).slice(1)}`),
  (request) => withBody(request, textOf(request).replaceAll('"', "'")),
  (request) => withBody(request, `[${textOf(request)}]`),
  (request, random) => withBody(request, textOf(request).replace(/:\{/, `:${'{"a":'.repeat(place(3000, random))}{`)),
];

const LITERALS: readonly string[] = [
  'NaN',
  'Infinity',
  '-Infinity',
  '1e400',
  '-1e400',
  '1e-400',
  '0x10',
  '01',
  '1.',
  '123456789012345678901234567890',
  '-9223372036854775809',
  '9223372036854775807',
  '2147483648',
  '1.5',
  '"\\ud800"',
  '"\\u0000"',
  '"\\x00"',
  '""',
  '{}',
  '[]',
  'null',
  'undefined',
  '{"toString":1}',
  '{"length":9}',
  '[[[[[[]]]]]]',
];

function parsed(request: FuzzRequest): unknown {
  try {
    return JSON.parse(textOf(request));
  } catch {
    return {}; // an object's content that only begins like JSON
  }
}

const XML_SPOILERS: readonly Spoiler[] = [
  (request) => withBody(request, `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${textOf(request)}`),
  (request, random) =>
    withBody(
      request,
      textOf(request).replace(/>([^<]+)</, () => `>${pickFrom(XML_TEXTS, random)}<`),
    ),
  (request, random) =>
    withBody(
      request,
      textOf(request).replace(/<[A-Za-z]+>/, (tag) => tag + (pickFrom(XML_TEXTS, random) ?? '')),
    ),
  (request) => withBody(request, textOf(request).replace(/<(\w+)>/g, '<x:$1 xmlns:x="urn:x" xmlns:x="urn:y">')),
  (request, random) =>
    withBody(
      request,
      textOf(request).replace(/<\/(\w+)>/, () => `</${nastyText(random).slice(0, 50)}>`),
    ),
  (request) =>
    withBody(
      request,
      textOf(request).replace(/<(\w+)>.*?<\/\1>/, (element) => element + element),
    ),
  (request) => withBody(request, `<__proto__><constructor>1</constructor>${textOf(request)}</__proto__>`),
  (request) => withBody(request, textOf(request).toLowerCase()),
];

const XML_TEXTS: readonly string[] = [
  '&x;',
  '&#x110000;',
  '&#0;',
  '&#xD800;',
  '&lt;&lt;',
  '<![CDATA[<a>]]>',
  '<?php echo ?>',
  '<!-- -->',
  '<__proto__>1</__proto__>',
  '<toString/>',
  '99999999999999999999',
  '-1',
  'NaN',
  '',
];

const FORM_SPOILERS: readonly Spoiler[] = [
  (request) => withBody(request, `${textOf(request)}&__proto__.a=1&constructor.prototype.b=2&toString=3`),
  (request) => withBody(request, `${textOf(request)}&Tags.member.999999999.Key=a&Tags.member.0.Key=b&Tags.member.01.Key=c`),
  (request) => withBody(request, `${textOf(request)}&${'a.'.repeat(45)}b=1`),
  (request) => withBody(request, `${textOf(request)}&Action=ListUsers`),
  (request) => withBody(request, textOf(request).replace('Action=', 'action=')),
  (request) => withBody(request, `${textOf(request)}&%zz=%&=%00`),
  (request, random) =>
    withBody(
      request,
      textOf(request).replace(/=([^&]*)(?=&|$)/, () => `=${encodeURIComponent(nastyText(random).toWellFormed())}`),
    ),
  (request, random) =>
    withBody(
      request,
      textOf(request).replace(/(\w+)=/, () => `${pickFrom(['__proto__', 'a.b', '', 'x%2Ey'], random)}=`),
    ),
];

/** A target that is wrong; signed where it can be. */
export function spoilTarget(request: FuzzRequest, random: Random): FuzzRequest {
  const { target } = request;
  const change = pickFrom(TARGETS, random);
  const spoiled: FuzzRequest = { ...request, target: change ? change(target, random) : target };
  return random() < 0.2 ? { ...spoiled, method: pickFrom(METHODS, random) ?? 'GET' } : spoiled;
}

const METHODS: readonly string[] = ['GET', 'PUT', 'POST', 'HEAD', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'];

const TARGETS: readonly ((target: string, random: Random) => string)[] = [
  (target) => `${target}%`,
  (target) => `${target}${target.includes('?') ? '&' : '?'}%zz=1`,
  (target) => target.replace('/', '/%2e%2e/%2e%2e/'),
  (target) => target.replace('/', '/..%c0%af../'),
  (target) => target.replace('/', '//'),
  (target) => `${target}/`,
  (target) => `${target}%00`,
  (target) => `http://elsewhere.example${target}`,
  (target) => `${target}${target.includes('?') ? '&' : '?'}${'a=b&'.repeat(5000)}`,
  (target) => `${target}${'/a'.repeat(10_000)}`,
  (target, random) => `${target.split('?')[0]}?${pickFrom(SUBRESOURCES, random)}`,
  (target, random) =>
    `${target}${target.includes('?') ? '&' : '?'}${pickFrom(SUBRESOURCES, random)}=${encodeURIComponent(nastyText(random).slice(0, 3000).toWellFormed())}`,
  (target) => `${target}#fragment`,
  (target) => target.replace(/[a-z]/gi, (char) => `%${char.charCodeAt(0).toString(16)}`),
  () => '*',
  () => '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Signature=c',
  () => '/fuzz-bucket/kept?AWSAccessKeyId=a&Signature=b&Expires=c',
];

const SUBRESOURCES: readonly string[] = [
  'acl',
  'tagging',
  'uploads',
  'uploadId',
  'versions',
  'versionId',
  'list-type',
  'max-keys',
  'prefix',
  'delimiter',
  'continuation-token',
  'partNumber',
  'encoding-type',
  'marker',
  'Marker',
  'MaxItems',
  'Qualifier',
  'delete',
  'policy',
  'response-content-type',
  'x-id',
  '__proto__',
];

/** Bytes that may be no HTTP at all, on a connection of their own. */
export function makeHttpJunk(make: () => FuzzRequest | undefined, target: Target, random: Random): FuzzRequest | undefined {
  const base = make();
  const junk = pickFrom(HTTP_JUNK, random);
  return base && junk ? { ...junk(base, random, make, target), expect: { kind: 'bytes' } } : undefined;
}

type Junk = (base: FuzzRequest, random: Random, make: () => FuzzRequest | undefined, target: Target) => FuzzRequest;

const named = (base: FuzzRequest, kind: string, change: Partial<FuzzRequest>): FuzzRequest => ({
  ...base,
  ...change,
  ...(change.twist?.kind === 'raw' && { method: 'GET' }),
  kind: `http ${kind}`,
});

const HTTP_JUNK: readonly Junk[] = [
  (base) =>
    named(base, 'length too small', { twist: { kind: 'length', text: `content-length: ${Math.max(0, base.body.length - 3)}` } }),
  (base) => named(base, 'length too large', { twist: { kind: 'length', text: `content-length: ${base.body.length + 10}` } }),
  (base, random) =>
    named(base, 'length that is none', { twist: { kind: 'length', text: `content-length: ${pickFrom(LENGTHS, random)}` } }),
  (base) => named(base, 'two lengths', { twist: { kind: 'length', text: 'content-length: 1\r\ncontent-length: 2' } }),
  (base) =>
    named(base, 'length and chunks', {
      twist: { kind: 'length', text: `content-length: ${base.body.length}\r\ntransfer-encoding: chunked` },
    }),
  (base, random) => named(base, 'chunks', { twist: { kind: 'chunked' }, body: chunked(base.body, random) }),
  (base, random) => named(base, 'flipped', { twist: { kind: 'flip', at: [[place(900, random), place(256, random)]] } }),
  (base, random) =>
    named(base, 'flipped in many places', {
      twist: { kind: 'flip', at: Array.from({ length: 20 }, () => [place(2000, random), place(256, random)] as const) },
    }),
  (base, random) =>
    named(base, 'a flood of headers', {
      twist: { kind: 'lines', lines: Array.from({ length: place(400, random) }, (_, i) => `x-h${i}: v`) },
    }),
  (base, random) =>
    named(base, 'a long header', { twist: { kind: 'lines', lines: [`x-long: ${'v'.repeat(place(90_000, random))}`] } }),
  (base, random) => named(base, 'an odd header', { twist: { kind: 'lines', lines: [pickFrom(LINES, random) ?? ''] } }),
  (base) => named(base, 'no such length of target', { target: `/${'a'.repeat(80_000)}` }),
  (base, random) => named(base, 'stalled', { twist: { kind: 'stall', bytes: place(500, random), pauseMs: place(500, random) } }),
  (base, random) =>
    named(base, 'garbage', {
      twist: { kind: 'raw' },
      body: Buffer.from(Array.from({ length: place(300, random) }, () => place(256, random))),
    }),
  (base, random) =>
    named(base, 'another protocol', { twist: { kind: 'raw' }, body: Buffer.from(pickFrom(PREFACES, random) ?? '', 'latin1') }),
  (base, _random, make, target) => {
    const parts = [base, make(), make(), make()].filter((each) => each !== undefined && each.port === base.port) as FuzzRequest[];
    const calls = parts.filter(({ method, operation }) => method !== 'HEAD' && operation !== 'lambda:Invoke');
    return named(base, 'pipelined', {
      twist: { kind: 'raw' },
      body: Buffer.concat(calls.map((part) => bytesOf(part, target))),
      method: 'POST',
    });
  },
  (base, random) =>
    named(base, 'a signature of somebody', {
      service: undefined,
      headers: { ...base.headers, authorization: pickFrom(AUTHORIZATIONS, random) ?? '' },
    }),
  (base, random) =>
    named(base, 'an odd target header', { headers: { ...base.headers, 'x-amz-target': pickFrom(X_TARGETS, random) ?? '' } }),
  (base, random) => named(base, 'an odd hash', { payloadHash: pickFrom(HASHES, random) ?? '' }),
];

const LENGTHS: readonly string[] = ['-1', '+1', '0x10', '1e3', '99999999999999999999', ' ', '1,1', '1 1', 'abc'];
const LINES: readonly string[] = [
  'expect: 100-continue',
  'expect: 200-maybe',
  'upgrade: h2c\r\nconnection: upgrade',
  'connection: close, keep-alive',
  'transfer-encoding: gzip, chunked',
  'transfer-encoding : chunked',
  ' folded: yes',
  'host: elsewhere.example',
  'x-amz-date: 20200101T000000Z',
  'content-encoding: gzip',
  'x: \u0000',
  ': nameless',
  'no colon',
  'range: bytes=0-,5-,-3,99999999999999999999-',
  'x-amz-meta-\u00e9: 1',
  'cookie: a=b; slipway=%00',
];
const PREFACES: readonly string[] = [
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'GET / HTTP/0.9\r\n\r\n',
  'GET /\r\n\r\n',
  'CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  'GET / HTTP/1.1\nhost: a\n\n',
  'GET  /  HTTP/1.1\r\nhost: a\r\n\r\n',
  'GET /_slipway/ws HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: a\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  '\r\n\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n\r\n',
];
const AUTHORIZATIONS: readonly string[] = [
  'AWS4-HMAC-SHA256',
  'AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=',
  'AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/__proto__/aws4_request, SignedHeaders=host, Signature=00',
  'AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=;;;, Signature=zz',
  `AWS4-HMAC-SHA256 Credential=${'a'.repeat(9000)}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00`,
  'AWS a:b',
  'Basic QVdTOmE=',
  'Bearer a.b.c',
  'AWS4-ECDSA-P256-SHA256 Credential=a/20260101/s3/aws4_request, SignedHeaders=host, Signature=00',
];
const X_TARGETS: readonly string[] = [
  'SageMaker.__proto__',
  'SageMaker.constructor',
  'SageMaker.',
  '.',
  'SageMaker',
  'Logs_20140328.toString',
  'a'.repeat(9000),
];
const HASHES: readonly string[] = [
  'UNSIGNED-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'x',
  '0'.repeat(64),
];

/** Chunks of which something may be wrong. */
function chunked(body: Uint8Array, random: Random): Buffer {
  const size = pickFrom(
    [
      body.length.toString(16),
      `${body.length.toString(16)};ext=1`,
      '-1',
      'zz',
      'ffffffffffffffff',
      '0',
      (body.length + 5).toString(16),
    ],
    random,
  );
  const end = pickFrom(['\r\n0\r\n\r\n', '\r\n0\r\ntrailer: 1\r\n\r\n', '0\r\n\r\n', '\r\n'], random);
  return Buffer.concat([Buffer.from(`${size}\r\n`), body, Buffer.from(end ?? '')]);
}
