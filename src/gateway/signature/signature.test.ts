import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedBody, dechunkedBody } from './body.ts';
import { EMPTY_SHA256, sha256Hex, UNSIGNED_PAYLOAD } from './canonical.ts';
import { checkClaim, parseClaim, type SignatureClaim, type SignedRequest } from './claim.ts';
import { presignUrl, signRequest } from './sign.ts';
import { claimedPayload, signatureMatches } from './verify.ts';

/** The examples of AWS's own documentation. */
const S3_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const S3_CREDENTIAL = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
const S3_NOW = Date.UTC(2013, 4, 24);

const authorization = (credential: string, headers: string, signature: string): string =>
  `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${headers},Signature=${signature}`;

function claimOf(request: SignedRequest): SignatureClaim {
  const claim = parseClaim(request);
  assert.ok(!('fault' in claim), JSON.stringify(claim));
  return claim;
}

const getObject: SignedRequest = {
  method: 'GET',
  target: '/test.txt',
  headers: {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': EMPTY_SHA256,
    'x-amz-date': '20130524T000000Z',
    authorization: authorization(
      S3_CREDENTIAL,
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ),
  },
};

test('header signature: S3 GetObject of the documentation', () => {
  const claim = claimOf(getObject);
  assert.equal(checkClaim(claim, getObject.headers, S3_NOW), undefined);
  assert.deepEqual(claimedPayload(claim), { hash: EMPTY_SHA256 });
  assert.equal(signatureMatches(claim, S3_KEY, getObject, EMPTY_SHA256), true);
  assert.equal(signatureMatches(claim, `${S3_KEY}x`, getObject, EMPTY_SHA256), false);
  assert.equal(signatureMatches(claim, S3_KEY, { ...getObject, target: '/test.txt?acl' }, EMPTY_SHA256), false);
  assert.equal(signatureMatches(claim, S3_KEY, { ...getObject, method: 'HEAD' }, EMPTY_SHA256), false);
});

test('header signature: get-vanilla of the Signature Version 4 suite', () => {
  const request: SignedRequest = {
    method: 'GET',
    target: '/',
    headers: {
      host: 'example.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      authorization: authorization(
        'AKIDEXAMPLE/20150830/us-east-1/service/aws4_request',
        'host;x-amz-date',
        '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
      ),
    },
  };
  assert.equal(signatureMatches(claimOf(request), 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', request, EMPTY_SHA256), true);
});

test('query signature: presigned S3 URL of the documentation, until it expires', () => {
  const request: SignedRequest = {
    method: 'GET',
    target: `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(S3_CREDENTIAL)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`,
    headers: { host: 'examplebucket.s3.amazonaws.com' },
  };
  const claim = claimOf(request);
  assert.deepEqual(claimedPayload(claim), { hash: UNSIGNED_PAYLOAD });
  assert.equal(signatureMatches(claim, S3_KEY, request, UNSIGNED_PAYLOAD), true);
  assert.equal(checkClaim(claim, request.headers, S3_NOW + 86_400_000), undefined);
  assert.equal(checkClaim(claim, request.headers, S3_NOW + 86_400_001)?.fault, 'url-expired');
});

test('our signer and verifier agree on awkward paths and queries, for S3 and others', () => {
  for (const service of ['s3', 'sagemaker']) {
    for (const path of ['/', '/b/a%20b%2Bc/%C3%BC', '/b/x+y', '/b//double/./dots/../x', '/b/a%2Fb', "/b/(x)'!*"]) {
      for (const search of ['', '?a=1&a=0&b', '?prefix=a%2Fb%20c&list-type=2', '?x=~%7E']) {
        const url = new URL(`http://127.0.0.1:7600${path}${search}`);
        const body = 'x';
        const credentials = { accessKeyId: 'AKIA', secretAccessKey: 's', sessionToken: 'tok' };
        const common = { method: 'POST', url, body, region: 'eu-west-1', service, credentials, nowMs: S3_NOW };
        const target = url.pathname + url.search;
        const headers = signRequest({ ...common, headers: { 'X-Amz-Target': 'A.B' } });
        const signed = { method: 'POST', target, headers };
        const claim = claimOf(signed);
        assert.equal(checkClaim(claim, headers, S3_NOW), undefined);
        assert.equal(signatureMatches(claim, 's', signed, sha256Hex(body)), true, `${service} ${target}`);
        assert.equal(claim.sessionToken, 'tok');
        const presigned = presignUrl({ ...common, expiresSeconds: 60 });
        const bySigned = { method: 'POST', target: presigned.pathname + presigned.search, headers: { host: url.host } };
        const hash = service === 's3' ? UNSIGNED_PAYLOAD : sha256Hex(body);
        assert.equal(signatureMatches(claimOf(bySigned), 's', bySigned, hash), true, `presigned ${service} ${target}`);
      }
    }
  }
});

test('skew, scope date, unsigned headers and unsigned payloads are faults', () => {
  const claim = claimOf(getObject);
  assert.equal(checkClaim(claim, getObject.headers, S3_NOW + 15 * 60_000), undefined);
  assert.match(
    checkClaim(claim, getObject.headers, S3_NOW + 15 * 60_000 + 1)?.detail ?? '',
    /^Signature expired: 20130524T000000Z is now earlier than/,
  );
  assert.match(checkClaim(claim, getObject.headers, S3_NOW - 15 * 60_000 - 1)?.detail ?? '', /^Signature not yet current/);
  assert.deepEqual(checkClaim(claim, { ...getObject.headers, 'x-amz-copy-source': '/b/k' }, S3_NOW), {
    fault: 'headers-not-signed',
    detail: 'x-amz-copy-source',
  });
  const otherDay = { ...getObject, headers: { ...getObject.headers, 'x-amz-date': '20130525T000000Z' } };
  assert.equal((parseClaim(otherDay) as { fault: string }).fault, 'mismatch');
  const withHash = (service: string, payloadHash: string | undefined) =>
    claimedPayload({ ...claim, scope: { ...claim.scope, service }, payloadHash });
  assert.deepEqual(withHash('sagemaker', UNSIGNED_PAYLOAD), { fault: 'payload-hash-invalid' });
  assert.deepEqual(withHash('sagemaker', undefined), { hash: undefined });
  assert.deepEqual(withHash('s3', undefined), { fault: 'payload-hash-missing' });
  assert.deepEqual(withHash('s3', 'nonsense'), { fault: 'payload-hash-invalid' });
});

test('claims that are no claims', () => {
  const faultOf = (headers: Record<string, string>, target = '/') =>
    (parseClaim({ method: 'GET', target, headers }) as { fault?: string }).fault;
  assert.equal(faultOf({}), 'missing');
  assert.equal(faultOf({ authorization: 'Bearer x' }), 'unsupported-algorithm');
  assert.equal(faultOf({ authorization: 'AWS4-HMAC-SHA256' }), 'incomplete');
  assert.equal(faultOf({ authorization: authorization('a/b/c', 'host', 'x'), 'x-amz-date': '20130524T000000Z' }), 'incomplete');
  assert.equal(faultOf({ authorization: authorization(S3_CREDENTIAL, 'host', 'x') }), 'incomplete');
  assert.equal(
    faultOf({ authorization: authorization(S3_CREDENTIAL, 'host', 'x'), 'x-amz-date': '20131332T000000Z' }),
    'incomplete',
  );
  assert.equal(faultOf({}, '/?X-Amz-Algorithm=AWS4-HMAC-SHA256'), 'incomplete');
  assert.equal(faultOf({}, '/?AWSAccessKeyId=x&Signature=y'), 'incomplete');
});

async function* pieces(text: string, size: number): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

test('a streamed body that is not what was signed fails before its end', async () => {
  const good = checkedBody(pieces('hello', 2), { sizeBytes: 5, payloadHash: sha256Hex('hello') });
  assert.equal(await collect(good), 'hello');
  await assert.rejects(collect(checkedBody(pieces('hellO', 2), { sizeBytes: 5, payloadHash: sha256Hex('hello') })), {
    code: 'XAmzContentSHA256Mismatch',
  });
  await assert.rejects(collect(checkedBody(pieces('hell', 2), { sizeBytes: 5, payloadHash: UNSIGNED_PAYLOAD })), {
    code: 'IncompleteBody',
  });
});

/** The chunked upload of the S3 documentation: 64 KiB and 1 KiB of `a`. */
const chunkedClaim: SignatureClaim = {
  kind: 'header',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  scope: { date: '20130524', region: 'us-east-1', service: 's3' },
  signedHeaders: [],
  signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  timestamp: '20130524T000000Z',
  timestampMs: S3_NOW,
  sessionToken: undefined,
  payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
};
const chunk = (text: string, signature: string): string =>
  `${text.length.toString(16)};chunk-signature=${signature}\r\n${text}\r\n`;
const chunkedBody =
  chunk('a'.repeat(65_536), 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648') +
  chunk('a'.repeat(1_024), '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497') +
  chunk('', 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9');

test('signed chunks: the documentation example, in any cutting, and with one byte changed', async () => {
  const expected = { sizeBytes: 66_560, payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' };
  for (const size of [1_000, 65_537, 1_000_000]) {
    const decoded = await collect(dechunkedBody(pieces(chunkedBody, size), expected, chunkedClaim, S3_KEY, undefined));
    assert.equal(decoded, 'a'.repeat(66_560));
  }
  const changed = chunkedBody.replace(/a\r\n0;/, 'b\r\n0;');
  await assert.rejects(collect(dechunkedBody(pieces(changed, 1_000), expected, chunkedClaim, S3_KEY, undefined)), {
    code: 'SignatureDoesNotMatch',
  });
  await assert.rejects(
    collect(dechunkedBody(pieces(chunkedBody.slice(0, -90), 1_000), expected, chunkedClaim, S3_KEY, undefined)),
    { code: 'IncompleteBody' },
  );
});

test('unsigned chunks: the trailing checksum decides', async () => {
  const expected = { sizeBytes: 5, payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
  const decode = (body: string, trailer = 'x-amz-checksum-crc32') =>
    collect(dechunkedBody(pieces(body, 3), expected, chunkedClaim, S3_KEY, trailer));
  assert.equal(await decode('5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n'), 'hello');
  await assert.rejects(decode('5\r\nhellO\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n'), { code: 'BadDigest' });
  await assert.rejects(decode('5\r\nhello\r\n0\r\n\r\n'), { code: 'InvalidRequest' });
  await assert.rejects(decode('6\r\nhello!\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n'), { code: 'IncompleteBody' });
  await assert.rejects(decode('zz\r\nhello\r\n0\r\n\r\n'), { code: 'InvalidRequest' });
  const named = (name: string, value: string) => decode(`5\r\nhello\r\n0\r\n${name}:${value}\r\n\r\n`, name);
  assert.equal(await named('x-amz-checksum-crc64nvme', 'M3eFcAZSQlc='), 'hello');
  await assert.rejects(named('x-amz-checksum-crc64nvme', 'AAAAAAAAAAA='), { code: 'BadDigest' });
  assert.equal(await named('x-amz-checksum-crc32c', 'mnG7TA=='), 'hello');
  await assert.rejects(named('x-amz-checksum-xxhash3', 'x'), { code: 'NotImplemented' });
});
