import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkEnd } from '../../platform/ports/work.ts';
import { checkConfig, runtimeKind } from './decide-config.ts';
import { decideEventEnd, type EventPolicy } from './decide-event.ts';
import { parseFunctionName } from './decide-names.ts';
import { exited } from './decide-outcome.ts';
import { findZipDirectory, leadsOut, readZipDirectory } from './decide-zip.ts';
import type { InvocationDocument } from './invocations.ts';
import { zipOf } from './functions-rig.ts';

const PLACE = { account: '123456789012', region: 'us-east-1' };

test('a function is named by its name, a partial ARN or its ARN, with the qualifier in it or beside it', () => {
  const arn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
  for (const [text, beside, expected] of [
    ['f', undefined, { name: 'f' }],
    ['f:7', undefined, { name: 'f', qualifier: '7' }],
    ['f', 'live', { name: 'f', qualifier: 'live' }],
    ['function:f', undefined, { name: 'f' }],
    ['123456789012:function:f:$LATEST', '$LATEST', { name: 'f', qualifier: '$LATEST' }],
    ['123456789012:f', undefined, { name: 'f' }],
    [arn, undefined, { name: 'f' }],
    [`${arn}:live`, undefined, { name: 'f', qualifier: 'live' }],
  ] as const) {
    assert.deepEqual(parseFunctionName(text, beside, PLACE), expected, text);
  }
  for (const [text, beside, code] of [
    ['f:1', '2', 'InvalidParameterValueException'],
    ['arn:aws:lambda:eu-west-1:123456789012:function:f', undefined, 'ResourceNotFoundException'],
    ['210987654321:function:f', undefined, 'ResourceNotFoundException'],
    ['a b', undefined, 'ValidationException'],
    ['n'.repeat(65), undefined, 'ValidationException'],
  ] as const) {
    assert.equal((parseFunctionName(text, beside, PLACE) as { code?: string }).code, code, text);
  }
});

test('what cannot be run is refused, and what AWS reserves', () => {
  assert.deepEqual(['python3.8', 'python3.14', 'nodejs24.x', 'java21', 'python2.7', 'provided.al2023'].map(runtimeKind), [
    'python',
    'python',
    'node',
    undefined,
    undefined,
    undefined,
  ]);
  const code = (input: Parameters<typeof checkConfig>[0]) => checkConfig(input)?.code;
  assert.equal(code({ Runtime: 'go1.x' }), 'NotImplementedException');
  assert.equal(code({ Layers: [] }), undefined);
  assert.equal(code({ Environment: { Variables: { AWS_LAMBDA_X: '1' } } }), 'InvalidParameterValueException');
  assert.equal(code({ Environment: { Variables: { AWS_ENDPOINT_URL: 'x', PYTHONPATH: 'y' } } }), undefined);
  assert.equal(code({ Environment: { Variables: { BIG: 'x'.repeat(5000) } } }), 'InvalidParameterValueException');
  assert.equal(code({ DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:123456789012:q' } }), undefined);
  assert.equal(code({ DeadLetterConfig: { TargetArn: 'arn:aws:sns:us-east-1:123456789012:t' } }), 'NotImplementedException');
});

test('a zip file tells its members and their size; whatever is cut or changed in it never makes the reader fail', () => {
  const bytes = zipOf({ 'a.py': 'x = 1', 'b/c.py': 'y'.repeat(1000) });
  const directory = findZipDirectory(bytes, bytes.length);
  assert.ok(directory);
  const read = readZipDirectory(bytes.subarray(directory.startByte, directory.endByte), directory.entries);
  assert.deepEqual(read, { names: ['a.py', 'b/c.py'], unpackedBytes: 1005 });
  assert.equal(findZipDirectory(Buffer.from('no zip'), 6), undefined);
  for (let at = 0; at < bytes.length; at += 1) {
    const cut = bytes.subarray(0, at);
    assert.equal(findZipDirectory(cut, cut.length), undefined);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    const found = findZipDirectory(changed, changed.length);
    if (found) readZipDirectory(changed.subarray(found.startByte, found.endByte), found.entries);
  }
  assert.deepEqual(['a/b', '../a', 'a/../../b', '/a', '\\a', 'a\\..\\..\\b', 'a..b/c'].map(leadsOut), [
    false,
    true,
    true,
    true,
    true,
    true,
    false,
  ]);
});

test('the end of a process is told in the words of Lambda', () => {
  const text = (end: Partial<WorkEnd>) =>
    JSON.parse(exited('id', { phase: 'ended', reason: 'exited', endedAtMs: 0, isolation: 'x', ...end }).payload) as object as {
      errorType: string;
      errorMessage: string;
    };
  assert.match(text({ exitCode: 3 }).errorMessage, /^RequestId: id Error: Runtime exited with error: exit status 3$/);
  assert.match(text({ exitCode: 139 }).errorMessage, /signal: segmentation fault$/);
  assert.match(text({ exitCode: 0 }).errorMessage, /without providing a reason$/);
  assert.equal(text({ reason: 'out-of-memory', exitCode: 137 }).errorType, 'Runtime.OutOfMemory');
});

test('a failed event is tried again until retries or age are used up; then it goes where the function says', () => {
  const queue = 'arn:aws:sqs:us-east-1:123456789012:q';
  const event: InvocationDocument = {
    requestId: 'id',
    functionName: 'f',
    payload: '{"a":1}',
    kind: 'event',
    status: 'Running',
    failures: 0,
    queuedAtMs: 0,
    notBeforeMs: 0,
  };
  const failed = { payload: '{"errorType":"E"}', functionError: 'Unhandled' } as const;
  const policy: EventPolicy = { retries: 2, maxAgeMs: 3_600_000, onSuccess: queue, onFailure: queue, deadLetter: queue };
  const decide = (
    document: InvocationDocument,
    outcome = failed as { payload: string; functionError?: 'Unhandled' },
    more = {},
  ) =>
    decideEventEnd(
      document,
      outcome,
      { ...policy, ...more },
      { functionArn: 'arn', version: '1', nowMs: 1000, retryDelaysMs: undefined },
    );
  assert.deepEqual(decide(event), { kind: 'retry', atMs: 61_000 });
  assert.deepEqual(decide({ ...event, failures: 1 }), { kind: 'retry', atMs: 121_000 });
  const conditions = (end: ReturnType<typeof decide>) =>
    end.kind === 'end' &&
    end.messages.map(({ body }) => (JSON.parse(body) as { requestContext?: { condition: string } }).requestContext?.condition);
  assert.deepEqual(
    conditions(decide({ ...event, failures: 2 })),
    ['RetriesExhausted', undefined],
    'the dead letter is the event',
  );
  assert.deepEqual(conditions(decide(event, failed, { retries: 0 })), ['RetriesExhausted', undefined]);
  assert.deepEqual(conditions(decide(event, failed, { maxAgeMs: 30_000 })), ['EventAgeExceeded', undefined]);
  assert.deepEqual(conditions(decide(event, { payload: '1' })), ['Success']);
});

test('a zip file that says less of itself than a reader unpacks is none', () => {
  const whole = zipOf({ 'a.py': 'x = 1', 'b.py': 'y'.repeat(1000) });
  const end = whole.lastIndexOf(Buffer.from('PK\x05\x06'));
  const fewer = Buffer.from(whole);
  fewer.writeUInt16LE(1, end + 10); // entries: Python goes on to the directory's end
  const directory = findZipDirectory(fewer, fewer.length);
  assert.ok(directory);
  assert.equal(readZipDirectory(fewer.subarray(directory.startByte, directory.endByte), directory.entries), undefined);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1'); // of a second directory, which Python prefers
  const twice = Buffer.concat([whole.subarray(0, end), locator, whole.subarray(end)]);
  assert.equal(findZipDirectory(twice, twice.length), undefined);
});
