import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../../models/load.ts';
import { cborCodec } from './cbor.ts';
import { readCbor } from './cbor-read.ts';
import { writeCborValue } from './cbor-write.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('items of RFC 8949, appendix A, as JSON would give them', () => {
  const cases: [string, unknown][] = [
    ['00', 0],
    ['1903e8', 1000],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['3903e7', -1000],
    ['fb3ff199999999999a', 1.1],
    ['f93e00', 1.5],
    ['f9c400', -4],
    ['fa47c35000', 100000],
    ['f97c00', 'Infinity'],
    ['f4', false],
    ['f6', null],
    ['c1fb41d452d9ec200000', 1363896240.5],
    ['4401020304', 'AQIDBA=='],
    ['62c3bc', 'ü'],
    ['83010203', [1, 2, 3]],
    ['a26161016162820203', { a: 1, b: [2, 3] }],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
    ['7f657374726561646d696e67ff', 'streaming'],
  ];
  for (const [bytes, value] of cases) assert.deepEqual(readCbor(hex(bytes)), value, bytes);
});

test('what is cut off, nested without end or of no known form is the caller’s mistake', () => {
  for (const bytes of [
    '',
    '18',
    '62c3',
    '83 01',
    'a1 01 02',
    'ff',
    '0000',
    '9b ffffffffffffffff',
    '5b 7fffffffffffffff',
    'fc',
    '81'.repeat(70) + '00',
  ]) {
    assert.throws(() => readCbor(hex(bytes)), { code: 'SerializationException' }, bytes);
  }
});

test('values survive writing and reading', () => {
  for (const value of [
    0,
    23,
    24,
    255,
    256,
    65536,
    2 ** 40,
    -1,
    -25,
    1.5,
    'x'.repeat(300),
    [1, ['a']],
    { a: { b: null }, c: true },
  ]) {
    assert.deepEqual(readCbor(writeCborValue(value)), value);
  }
});

test('an operation: times are tagged seconds, errors bear their type', () => {
  const service = loadService('codebuild');
  const operation = service.operations.get('BatchGetBuilds');
  assert.ok(operation);
  const input = { method: 'POST', path: '/', query: [], headers: {}, labels: {}, body: writeCborValue({ ids: ['a:b'] }) };
  assert.deepEqual(cborCodec.decode(service, operation, input), { ids: ['a:b'] });
  const { body } = cborCodec.encode(service, operation, { builds: [{ startTime: 1_500, buildNumber: 3, unknown: 1 }] }, 'r');
  assert.deepEqual(readCbor(body as Uint8Array), { builds: [{ startTime: 1.5, buildNumber: 3 }] });
  assert.ok(Buffer.from(body as Uint8Array).includes(Buffer.from('c1fb3ff8', 'hex')));
  const error = cborCodec.encodeError(service, {
    status: 400,
    code: 'ResourceNotFoundException',
    message: 'gone',
    messageMember: 'message',
    members: {},
    requestId: 'r',
    resource: '',
  });
  assert.deepEqual(readCbor(error.body as Uint8Array), {
    __type: 'com.amazonaws.codebuild#ResourceNotFoundException',
    message: 'gone',
  });
});
