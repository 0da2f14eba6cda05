import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkEnd } from '../../platform/ports/work.ts';
import { checkConfig, runtimeKind } from './decide-config.ts';
import { decideEventEnd, type EventPolicy } from './decide-event.ts';
import { parseFunctionName } from './decide-names.ts';
import { exited } from './decide-outcome.ts';
import type { InvocationDocument } from './invocations.ts';

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
