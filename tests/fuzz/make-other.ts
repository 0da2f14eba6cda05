import { hash } from 'node:crypto';
import { pickFrom, type Random } from '../../src/contract/generate-text.ts';
import type { Corpus } from './corpus.ts';
import { documentFor } from './documents.ts';
import { presignUrl } from '../../src/gateway/signature/sign.ts';
import type { FuzzRequest, Target } from './fuzz-request.ts';
import type { KnownValues } from './known-values.ts';
import { nastyText } from './nasty-values.ts';

/** Requests that no operation's model makes: keys of objects, the image registry, pages. */

const wellFormed = (random: Random, most = 600): string => nastyText(random).slice(0, most).toWellFormed();

const KEYS: readonly string[] = [
  '../../../../etc/passwd',
  '..',
  '.',
  './a',
  'a/../b',
  '/',
  '//',
  '/leading',
  'trailing/',
  'a//b',
  '%2e%2e%2f',
  'a%00b',
  ' ',
  'a b',
  'a+b',
  '?',
  '#',
  '*',
  'é'.repeat(100),
  'k'.repeat(1024),
  'k'.repeat(1025),
  '\u{1f600}'.repeat(200),
  'x\ty',
  '~',
  'kept',
  'a/b c/ü.txt',
];

const encodeKey = (key: string): string =>
  key
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/');

/** An object under an odd key, with odd headers, or as chunks of which something is wrong. */
export function makeObjectRequest(known: KnownValues, random: Random): FuzzRequest {
  const key = random() < 0.7 ? (pickFrom(KEYS, random) ?? 'k') : wellFormed(random) || 'k';
  const bucket = random() < 0.8 ? 'fuzz-bucket' : (known.pick('s3', 'Bucket', random) ?? 'fuzz-bucket');
  const method = pickFrom(['GET', 'PUT', 'PUT', 'DELETE', 'HEAD', 'POST'], random) ?? 'GET';
  const body = method === 'PUT' || method === 'POST' ? Buffer.from(wellFormed(random)) : Buffer.alloc(0);
  const search = random() < 0.4 ? `?${pickFrom(SEARCHES, random)}` : '';
  const target = `/${encodeURIComponent(bucket)}/${encodeKey(key)}${search}`;
  const headers = random() < 0.5 ? Object.fromEntries([pickFrom(HEADERS, random) ?? ['x-amz-acl', 'private']]) : {};
  const request: FuzzRequest = {
    kind: 'object',
    port: 'main',
    method,
    target,
    headers,
    body,
    service: 's3',
    expect: { kind: 'any' },
  };
  return method === 'PUT' && random() < 0.4 ? inChunks(request, random) : request;
}

const SEARCHES: readonly string[] = [
  'versionId=null',
  'versionId=x',
  'tagging',
  'acl',
  'uploads',
  'uploadId=x&partNumber=1',
  'uploadId=x&partNumber=0',
  'uploadId=x&partNumber=99999999999',
  'partNumber=1',
  'response-content-type=a%0d%0ab',
  'response-expires=x',
  'x-id=PutObject',
  'attributes',
  'legal-hold',
];

const HEADERS: readonly (readonly [string, string])[] = [
  ['range', 'bytes=0-0'],
  ['range', 'bytes=-0'],
  ['range', 'bytes=5-1'],
  ['range', 'bytes=99999999999999999999-'],
  ['range', 'bytes=0-1,2-3'],
  ['range', 'lines=1-2'],
  ['if-match', '*'],
  ['if-none-match', '*'],
  ['if-match', '"'],
  ['if-modified-since', 'yesterday'],
  ['if-unmodified-since', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ['content-md5', 'x'],
  ['content-md5', '1B2M2Y8AsgTpgAmY7PhCfg=='],
  ['x-amz-checksum-crc32', 'AAAAAA=='],
  ['x-amz-checksum-sha256', '!'],
  ['x-amz-sdk-checksum-algorithm', 'CRC99'],
  ['x-amz-copy-source', 'fuzz-bucket/kept'],
  ['x-amz-copy-source', '/fuzz-bucket/a/b%20c/%C3%BC.txt?versionId=x'],
  ['x-amz-copy-source', '%'],
  ['x-amz-copy-source', ''],
  ['x-amz-copy-source', '../../etc/passwd'],
  ['x-amz-copy-source-range', 'bytes=0-99999999999'],
  ['x-amz-tagging', 'a=b&a=c'],
  ['x-amz-tagging', '%'],
  ['x-amz-tagging', 'a'.repeat(3000)],
  ['x-amz-meta-', 'x'],
  ['x-amz-meta-long', 'x'.repeat(3000)],
  ['x-amz-storage-class', 'NONE'],
  ['x-amz-server-side-encryption', 'none'],
  ['x-amz-server-side-encryption-customer-key', 'x'],
  ['x-amz-expected-bucket-owner', '999999999999'],
  ['x-amz-request-payer', 'nobody'],
  ['x-amz-object-lock-retain-until-date', 'never'],
  ['x-amz-website-redirect-location', '/x'],
  ['content-encoding', 'aws-chunked'],
  ['x-amz-decoded-content-length', '-1'],
  ['cache-control', 'x'.repeat(4000)],
  ['expires', 'x'],
];

/** A URL that carries its signature, of which something may be wrong. */
export function makePresignedRequest({ main, region, credentials }: Target, random: Random): FuzzRequest {
  const key = pickFrom(['kept', 'a/b%20c/%C3%BC.txt', 'none'], random) ?? 'kept';
  const method = pickFrom(['GET', 'PUT', 'DELETE', 'HEAD'], random) ?? 'GET';
  const expiresSeconds = pickFrom([60, 604_800, 604_801, 0, -1, 1e15, Number.NaN], random) ?? 60;
  const nowMs = Date.now() - (random() < 0.2 ? 1e8 : 0);
  const url = new URL(`/fuzz-bucket/${key}`, main);
  const signed = presignUrl({ method, url, service: 's3', region, credentials, nowMs, expiresSeconds });
  const [path = '/', query = ''] = (signed.pathname + signed.search).split('?');
  const pairs = query.split('&');
  const at = Math.floor(random() * pairs.length);
  const changed = [
    pairs,
    pairs,
    pairs.filter((_, i) => i !== at),
    [...pairs, pairs[at] ?? ''],
    pairs.map((pair, i) => (i === at ? `${pair.split('=')[0]}=${encodeURIComponent(wellFormed(random, 200))}` : pair)),
    pairs.map((pair, i) => (i === at ? pair.toLowerCase() : pair)),
    pairs.toReversed(),
  ];
  return {
    kind: 'presigned',
    port: 'main',
    method,
    target: `${path}?${(pickFrom(changed, random) ?? pairs).join('&')}`,
    headers: {},
    body: Buffer.from(method === 'PUT' ? 'content' : ''),
    expect: { kind: 'any' },
  };
}

function inChunks(request: FuzzRequest, random: Random): FuzzRequest {
  const { body } = request;
  const signature = pickFrom(['', `;chunk-signature=${'0'.repeat(64)}`, ';chunk-signature=x'], random);
  const size = pickFrom([body.length.toString(16), (body.length + 3).toString(16), '', 'zz', 'ffffffffffff', '0'], random);
  const trailer = pickFrom(['', 'x-amz-checksum-crc32:AAAAAA==\r\n', 'no colon\r\n', 'a:b\r\n'.repeat(30)], random);
  const whole = `${size}${signature}\r\n${Buffer.from(body).toString('utf8')}\r\n0${signature}\r\n${trailer}\r\n`;
  const payloadHash = pickFrom(
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'],
    random,
  );
  const lengths = pickFrom([String(body.length), String(body.length + 1), '0', 'x', '99999999999999'], random) ?? '0';
  return {
    ...request,
    kind: 'object in chunks',
    body: Buffer.from(whole),
    ...(payloadHash !== undefined && { payloadHash }),
    headers: {
      ...request.headers,
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': lengths,
      ...(trailer !== '' && { 'x-amz-trailer': pickFrom(['x-amz-checksum-crc32', 'x-amz-checksum-none', 'a'], random) ?? 'a' }),
    },
  };
}

const REPOSITORIES: readonly string[] = [
  'fuzz/images',
  'fuzz/images',
  'fuzz/images',
  'none',
  'fuzz/../x',
  'A',
  'a'.repeat(300),
  '%2e%2e',
];

/** A request of the image registry, mostly as somebody who may. */
export function makeRegistryRequest(corpus: Corpus, known: KnownValues, random: Random): FuzzRequest {
  const name = pickFrom(REPOSITORIES, random) ?? 'none';
  const content = Buffer.from(documentFor('imageManifest', random) ?? '');
  const own = `sha256:${hash('sha256', content, 'hex')}`;
  const pick = (member: string): string => known.pick('ecr', member, random) ?? 'one';
  const reference =
    pickFrom(['one', own, pick('imageTag'), pick('layerDigest'), 'sha256:x', wellFormed(random, 200)], random) ?? 'one';
  const upload = pickFrom([pick('uploadId'), 'x', '00000000-0000-4000-8000-000000000000'], random) ?? 'x';
  const path = pickFrom(
    [
      '/v2/',
      '/v2/_catalog?n=1&last=a',
      '/v2/_catalog?n=-1',
      `/v2/${name}/tags/list?n=${pickFrom(['0', '1', 'x', '9'.repeat(30)], random)}`,
      `/v2/${name}/manifests/${encodeURIComponent(reference)}`,
      `/v2/${name}/manifests/${encodeURIComponent(reference)}`,
      `/v2/${name}/blobs/${encodeURIComponent(reference)}`,
      `/v2/${name}/blobs/uploads/`,
      `/v2/${name}/blobs/uploads/?digest=${encodeURIComponent(own)}`,
      `/v2/${name}/blobs/uploads/?mount=${encodeURIComponent(reference)}&from=${name}`,
      `/v2/${name}/blobs/uploads/${upload}`,
      `/v2/${name}/blobs/uploads/${upload}?digest=${encodeURIComponent(own)}`,
      `/v2/${encodeURIComponent(wellFormed(random, 200))}`,
      `/v2/${'a/'.repeat(2000)}manifests/x`,
    ],
    random,
  );
  const method = pickFrom(['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'], random) ?? 'GET';
  const authorization =
    random() < 0.9 ? `Basic ${btoa(`AWS:${corpus.registryPassword}`)}` : (pickFrom(['Basic x', 'Bearer x', ''], random) ?? '');
  const more = pickFrom<Record<string, string>>(
    [
      {},
      {},
      { 'content-range': '0-9' },
      { 'content-range': '9-0' },
      { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      { range: 'bytes=5-' },
      { accept: 'x' },
    ],
    random,
  );
  return {
    kind: 'registry',
    port: 'main',
    method,
    target: path ?? '/v2/',
    headers: { authorization, ...more },
    body: method === 'GET' || method === 'HEAD' || method === 'DELETE' ? Buffer.alloc(0) : content,
    expect: { kind: 'any' },
  };
}

const PAGES: readonly string[] = [
  '/',
  '/favicon.ico',
  '/_slipway',
  '/_slipway/',
  '/_slipway/health',
  '/_slipway/metrics',
  '/_slipway/ui',
  '/_slipway/ui/',
  '/_slipway/ui/session',
  '/_slipway/ui/session?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0',
  '/_slipway/ui/identity',
  '/_slipway/ui/main.ts',
  '/_slipway/ui/..%2f..%2fpackage.json',
  '/_slipway/ui/../../../etc/passwd',
  '/_slipway/ui/%00',
  '/_slipway/credentials/',
  '/_slipway/credentials/x',
  '/_slipway/credentials/%',
  '/_slipway/functions/',
  '/_slipway/functions/2018-06-01/runtime/invocation/next',
  '/_slipway/git/x',
  '/_slipway/hooks/x',
  '/_slipway/mlflow',
];

const PAGE_CALLS: readonly string[] = [
  'api/sagemaker:ListPipelines',
  'api/sagemaker:ListPipelineExecutions',
  'api/sagemaker:DescribeEndpoint',
  'api/sagemaker:DeletePipeline',
  'api/logs:GetLogEvents',
  'api/__proto__:constructor',
  'api/sagemaker:__proto__',
  'api/',
  'text/',
  'invoke/target',
  'invoke/none',
  'invoke/%00',
  'constructor/x',
];

/** A page, or what a page asks for. */
export function makePageRequest(corpus: Corpus, known: KnownValues, random: Random): FuzzRequest {
  const calls = random() < 0.5;
  const target = calls ? `/_slipway/ui/${pickFrom(PAGE_CALLS, random)}` : (pickFrom(PAGES, random) ?? '/');
  const bodies = [
    '{}',
    JSON.stringify({ PipelineName: known.pick('sagemaker', 'PipelineName', random) }),
    JSON.stringify({ Bucket: 'fuzz-bucket', Key: pickFrom(KEYS, random) }),
    nastyText(random),
    '[',
    'null',
    '{"EndpointName":"target"}',
  ];
  const cookie =
    random() < 0.7
      ? corpus.cookie
      : (pickFrom(['', 'a', `${corpus.cookie}x`, corpus.cookie.slice(0, -8), '=', ';;'], random) ?? '');
  const origin = random() < 0.8 ? corpus.target.main : (pickFrom(['null', 'http://elsewhere.example', ''], random) ?? '');
  const method = calls ? 'POST' : (pickFrom(['GET', 'GET', 'HEAD', 'POST', 'PUT', 'OPTIONS'], random) ?? 'GET');
  return {
    kind: 'page',
    port: 'main',
    method,
    target,
    headers: { ...(cookie !== '' && { cookie }), ...(origin !== '' && { origin }) },
    body: method === 'POST' || method === 'PUT' ? Buffer.from(pickFrom(bodies, random) ?? '') : Buffer.alloc(0),
    expect: { kind: 'any' },
  };
}
