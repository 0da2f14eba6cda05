import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickForAsync, planAsync } from './decide-async.ts';

const ENDPOINT = { EndpointName: 'e', EndpointArn: 'arn', endpointCreatedAtMs: 1 };
const FACTS = { account: '123456789012', region: 'us-east-1', id: 'id', nowMs: 1_000 };
const INPUT = { 'x-amzn-sagemaker-inputlocation': 's3://in/a b.csv' };

test('a request becomes an invocation with the limits and places of its endpoint', () => {
  const planned = planAsync(
    {
      ...INPUT,
      'x-amzn-sagemaker-content-type': 'text/csv',
      'x-amzn-sagemaker-accept': 'application/json',
      'x-amzn-sagemaker-inference-id': 'mine',
      'x-amzn-sagemaker-requestttlseconds': '60',
      'x-amzn-sagemaker-invocationtimeoutseconds': '3600',
    },
    { OutputConfig: { S3OutputPath: 's3://out/folder//', S3FailurePath: 's3://bad' } },
    ENDPOINT,
    FACTS,
  );
  assert.deepEqual(planned, {
    ...ENDPOINT,
    inferenceId: 'mine',
    inputLocation: 's3://in/a b.csv',
    outputLocation: 's3://out/folder/id.out',
    failureLocation: 's3://bad/id-error.out',
    headers: { 'content-type': 'text/csv', accept: 'application/json', 'x-amzn-sagemaker-inference-id': 'mine' },
    receivedAtMs: 1_000,
    expiresAtMs: 61_000,
    timeoutMs: 3_600_000,
  });
});

test('what is left out has a default, and results a place in the default bucket', () => {
  const planned = planAsync(INPUT, { OutputConfig: {} }, ENDPOINT, FACTS);
  assert.ok(!('problem' in planned));
  assert.equal(planned.outputLocation, 's3://sagemaker-us-east-1-123456789012/async-endpoint-outputs/e/id.out');
  assert.deepEqual([planned.inferenceId, planned.timeoutMs, planned.expiresAtMs], ['id', 900_000, 21_601_000]);
  assert.equal(planned.failureLocation, undefined);
  assert.deepEqual(planned.headers, {}, 'the input object has a content type of its own');
});

test('a request that cannot be kept is told what is wrong with it', () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{}, /InputLocation is missing/],
    [{ 'x-amzn-sagemaker-inputlocation': 's3://bucket' }, /no S3 URI of an object/],
    [{ ...INPUT, 'x-amzn-sagemaker-requestttlseconds': '21601' }, /RequestTTLSeconds "21601"/],
    [{ ...INPUT, 'x-amzn-sagemaker-invocationtimeoutseconds': '0' }, /InvocationTimeoutSeconds "0"/],
    [{ ...INPUT, 'x-amzn-sagemaker-invocationtimeoutseconds': '1e3' }, /InvocationTimeoutSeconds "1e3"/],
    [{ ...INPUT, 'x-amzn-sagemaker-filename': 'x' }, /not implemented yet/],
  ];
  for (const [headers, problem] of cases) {
    const planned = planAsync(headers, { OutputConfig: {} }, ENDPOINT, FACTS);
    assert.match('problem' in planned ? planned.problem : '', problem);
  }
});

test('the instance with the least to do is asked, by the weight of its variant, and none above the concurrency', () => {
  const one = (id: string, weight: number, running: number) => ({ id, weight, running });
  assert.equal(pickForAsync([one('a', 1, 1), one('b', 1, 0)], 2, 0)?.id, 'b');
  assert.equal(pickForAsync([one('a', 1, 2), one('b', 1, 2)], 2, 0), undefined);
  assert.equal(pickForAsync([one('a', 0, 0), one('b', 1, 1)], 2, 0)?.id, 'b', 'a variant without weight takes none');
  assert.equal(pickForAsync([one('a', 0, 0)], 1, 0.5)?.id, 'a', 'unless there is no other');
  const counts = { a: 0, b: 0 };
  for (let n = 0; n < 100; n += 1) counts[pickForAsync([one('a', 3, 0), one('b', 1, 0)], 1, n / 100)?.id as 'a' | 'b'] += 1;
  assert.deepEqual(counts, { a: 75, b: 25 });
  assert.equal(pickForAsync([], 1, 0), undefined);
});
