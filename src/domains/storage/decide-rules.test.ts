import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideAttributes } from './decide-attributes.ts';
import { checkContentMd5, decideChecksumType, parseChecksum } from './decide-checksums.ts';
import { checkPartOrder, planCompletion, runsOf } from './decide-completion.ts';
import { parseCopySource } from './decide-copy.ts';
import { checkBucketName, checkKeySize, decideBucketRegion } from './decide-names.ts';
import { checkPreconditions } from './decide-preconditions.ts';
import { decideCopyRange, decideRange, rangeOfPart } from './decide-range.ts';

const codeOf = (decision: object | undefined): unknown => (decision as { code?: unknown } | undefined)?.code;

test('bucket names', () => {
  for (const good of ['abc', 'my.bucket-1', 'sagemaker-us-east-1-123456789012', '1a3', 'a'.repeat(63)]) {
    assert.equal(checkBucketName(good), undefined, good);
  }
  const bad = [
    'ab',
    'a'.repeat(64),
    'Abc',
    'a_b',
    '-ab',
    'ab-',
    'a..b',
    '.ab',
    '10.0.0.1',
    'xn--a',
    'sthree-a',
    'ab-s3alias',
    'a/b',
    'ab\n',
  ];
  for (const name of bad) assert.equal(codeOf(checkBucketName(name)), 'InvalidBucketName', name);
});

test('keys have at most 1024 bytes', () => {
  assert.equal(checkKeySize(1024), undefined);
  assert.deepEqual(checkKeySize(1025)?.members, { Size: '1025', MaxSizeAllowed: '1024' });
});

test('the location constraint against the region of the request', () => {
  assert.deepEqual(decideBucketRegion('us-east-1', undefined), { region: 'us-east-1' });
  assert.deepEqual(decideBucketRegion('us-east-1', 'eu-west-1'), { region: 'eu-west-1' });
  assert.deepEqual(decideBucketRegion('us-east-1', 'EU'), { region: 'eu-west-1' });
  assert.deepEqual(decideBucketRegion('eu-west-1', 'eu-west-1'), { region: 'eu-west-1' });
  assert.equal(codeOf(decideBucketRegion('eu-west-1', undefined)), 'IllegalLocationConstraintException');
  assert.equal(codeOf(decideBucketRegion('eu-west-1', 'us-west-2')), 'IllegalLocationConstraintException');
  assert.equal(codeOf(decideBucketRegion('us-east-1', 'us-east-1')), 'InvalidLocationConstraint');
  assert.equal(codeOf(decideBucketRegion('us-east-1', 'nowhere')), 'InvalidLocationConstraint');
});

test('ranges', () => {
  const whole = { range: undefined };
  assert.deepEqual(decideRange(undefined, 10), whole);
  assert.deepEqual(decideRange('bytes=0-4', 10), { range: { startByte: 0, endByte: 5 } });
  assert.deepEqual(decideRange('bytes=4-', 10), { range: { startByte: 4, endByte: 10 } });
  assert.deepEqual(decideRange('bytes=4-100', 10), { range: { startByte: 4, endByte: 10 } });
  assert.deepEqual(decideRange('bytes=-3', 10), { range: { startByte: 7, endByte: 10 } });
  assert.deepEqual(decideRange('bytes=-30', 10), { range: { startByte: 0, endByte: 10 } });
  for (const ignored of ['bytes=-', 'bytes=5-2', 'bytes=0-1,4-5', 'lines=1-2', 'nonsense'])
    assert.deepEqual(decideRange(ignored, 10), whole, ignored);
  for (const [header, size] of [
    ['bytes=10-', 10],
    ['bytes=99-100', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-1', 0],
  ] as const) {
    assert.equal(codeOf(decideRange(header, size)), 'InvalidRange', header);
  }
});

test('ranges of copied parts must lie inside the source', () => {
  assert.deepEqual(decideCopyRange('bytes=2-5', 6), { range: { startByte: 2, endByte: 6 } });
  for (const bad of ['bytes=2-6', 'bytes=-3', 'bytes=3-', 'bytes=4-2', '2-5'])
    assert.equal(codeOf(decideCopyRange(bad, 6)), 'InvalidArgument', bad);
});

test('parts of a multipart object by number', () => {
  const sizes = runsOf([5, 5, 5, 2]);
  assert.deepEqual(sizes, [
    [5, 3],
    [2, 1],
  ]);
  assert.deepEqual(rangeOfPart(sizes, 17, 3), { range: { startByte: 10, endByte: 15 }, partCount: 4 });
  assert.deepEqual(rangeOfPart(sizes, 17, 4), { range: { startByte: 15, endByte: 17 }, partCount: 4 });
  assert.equal(rangeOfPart(sizes, 17, 5), undefined);
  assert.deepEqual(rangeOfPart(undefined, 17, 1), { range: { startByte: 0, endByte: 17 }, partCount: 1 });
});

test('preconditions: an ETag condition makes the date beside it void', () => {
  const current = { eTag: 'abc', modifiedAtMs: 5000 };
  const check = (given: Parameters<typeof checkPreconditions>[0]) => codeOf(checkPreconditions(given, current, 'read'));
  assert.equal(check({ ifMatch: '"abc"' }), undefined);
  assert.equal(check({ ifMatch: '"x", W/"abc"' }), undefined);
  assert.equal(check({ ifMatch: '*' }), undefined);
  assert.equal(check({ ifMatch: '"abd"' }), 'PreconditionFailed');
  assert.equal(check({ ifMatch: '"abc"', ifUnmodifiedSinceMs: 1 }), undefined);
  assert.equal(check({ ifUnmodifiedSinceMs: 4000 }), 'PreconditionFailed');
  assert.equal(check({ ifNoneMatch: '"abc"' }), 'NotModified');
  assert.equal(check({ ifNoneMatch: '"x"', ifModifiedSinceMs: 9000 }), undefined);
  assert.equal(check({ ifModifiedSinceMs: 5000 }), 'NotModified');
  assert.equal(check({ ifModifiedSinceMs: 4000 }), undefined);
  assert.equal(check({ ifMatch: 'abc"' }), undefined);
  const refused = checkPreconditions({ ifNoneMatch: 'abc' }, current, 'copy');
  assert.equal(codeOf(refused), 'PreconditionFailed');
  assert.deepEqual(refused?.members, { Condition: 'x-amz-copy-source-If-None-Match' });
});

test('copy sources are decoded once, plus stays plus', () => {
  assert.deepEqual(parseCopySource('b/a%20b%2Bc+d'), { bucket: 'b', key: 'a b+c+d' });
  assert.deepEqual(parseCopySource('/b/k%2525?versionId=null'), { bucket: 'b', key: 'k%25', versionId: 'null' });
  assert.deepEqual(parseCopySource('b/%C3%A9/'), { bucket: 'b', key: 'é/' });
  assert.deepEqual(parseCopySource('b/why?'), { bucket: 'b', key: 'why?' });
  for (const bad of ['', 'b', 'b/', '/', 'b/%zz', 'b/%C3', 'b/k?versionId=3'])
    assert.equal(codeOf(parseCopySource(bad)), 'InvalidArgument', bad);
});

test('checksums in a request', () => {
  assert.deepEqual(parseChecksum({ ChecksumCRC32: 'NhCmhg==' }), { expected: { algorithm: 'CRC32', value: 'NhCmhg==' } });
  assert.deepEqual(parseChecksum({}), { expected: undefined });
  assert.equal(codeOf(parseChecksum({ ChecksumCRC32: 'short' })), 'InvalidRequest');
  assert.equal(codeOf(parseChecksum({ ChecksumCRC32: 'NhCmhg==', ChecksumSHA1: 'x' })), 'InvalidRequest');
  assert.equal(codeOf(parseChecksum({ ChecksumXXHASH3: 'x' })), 'NotImplemented');
  assert.equal(codeOf(checkContentMd5('abc')), 'InvalidDigest');
  assert.equal(checkContentMd5('1B2M2Y8AsgTpgAmY7PhCfg=='), undefined);
  assert.deepEqual(decideChecksumType('CRC64NVME', undefined), { type: 'FULL_OBJECT' });
  assert.deepEqual(decideChecksumType('CRC32', undefined), { type: 'COMPOSITE' });
  assert.equal(codeOf(decideChecksumType('SHA256', 'FULL_OBJECT')), 'InvalidRequest');
  assert.equal(codeOf(decideChecksumType('CRC64NVME', 'COMPOSITE')), 'InvalidRequest');
});

test('completing needs ascending parts that are there, of 5 MiB but for the last', () => {
  const part = (partNumber: number, sizeBytes: number) => ({
    partNumber,
    blob: { digest: `d${partNumber}`, sizeBytes, md5: `m${partNumber}`, crc32: '' },
  });
  const MiB = 1024 * 1024;
  const listed = [
    { partNumber: 1, eTag: '"m1"' },
    { partNumber: 3, eTag: 'm3' },
  ];
  assert.equal(checkPartOrder(listed), undefined);
  assert.equal(codeOf(checkPartOrder([])), 'MalformedXML');
  assert.equal(codeOf(checkPartOrder(listed.toReversed())), 'InvalidPartOrder');
  assert.equal(codeOf(checkPartOrder([listed[0]!, listed[0]!])), 'InvalidPartOrder');
  assert.ok('parts' in planCompletion('u', listed, [part(1, 5 * MiB), part(3, 1)]));
  assert.equal(codeOf(planCompletion('u', listed, [part(1, 5 * MiB - 1), part(3, 1)])), 'EntityTooSmall');
  assert.equal(codeOf(planCompletion('u', listed, [part(1, 5 * MiB), undefined])), 'InvalidPart');
  assert.equal(codeOf(planCompletion('u', [{ partNumber: 1, eTag: 'other' }], [part(1, 1)])), 'InvalidPart');
});

test('attributes: names of metadata are lower-case, transfer codings are no encodings', () => {
  const made = decideAttributes({
    Metadata: { Owner: 'me' },
    ContentEncoding: 'gzip, aws-chunked',
    StorageClass: 'STANDARD',
    ContentType: 'text/csv',
  });
  assert.deepEqual(made, { headers: { ContentType: 'text/csv', ContentEncoding: 'gzip' }, metadata: { owner: 'me' } });
  assert.equal(codeOf(decideAttributes({ Metadata: { a: 'x'.repeat(2048) } })), 'MetadataTooLarge');
  assert.equal(codeOf(decideAttributes({ ACL: 'public-read' })), 'AccessControlListNotSupported');
  assert.equal(codeOf(decideAttributes({ StorageClass: 'GLACIER' })), 'NotImplemented');
});
