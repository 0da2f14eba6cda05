import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RetryPolicy, Step } from '../../../sdk/definition/index.ts';
import { parseDefinition } from '../../../sdk/definition/index.ts';
import { decideRetry, exceptionOf } from './decide-retry.ts';

const step = (...RetryPolicies: RetryPolicy[]): Step => ({ Name: 'S', Type: 'Training', Arguments: {}, RetryPolicies });

/** Seconds after which each attempt begins when every one fails at once. */
function waits(of: Step, exception: Parameters<typeof decideRetry>[1], startedAtMs = 0): number[] {
  let nowMs = startedAtMs;
  let retries: Readonly<Record<string, number>> = {};
  const found: number[] = [];
  for (;;) {
    const retry = decideRetry(of, exception, { retries, startedAtMs }, nowMs);
    if (!retry || found.length > 100) return found;
    found.push((retry.atMs - nowMs) / 1000);
    nowMs = retry.atMs;
    retries = retry.retries;
  }
}

test('defaults: five retries, after 1, 2, 4, 8 and 16 seconds', () => {
  assert.deepEqual(waits(step({ ExceptionType: ['SageMaker.CAPACITY_ERROR'] }), 'SageMaker.CAPACITY_ERROR'), [1, 2, 4, 8, 16]);
});

test('interval, rate and number are those of the first policy that names the exception; 0 means never', () => {
  const of = step(
    { ExceptionType: ['Step.THROTTLING'], MaxAttempts: 0 },
    { ExceptionType: ['SageMaker.JOB_INTERNAL_ERROR'], IntervalSeconds: 10, BackoffRate: 1.5, MaxAttempts: 3 },
    { ExceptionType: ['SageMaker.JOB_INTERNAL_ERROR', 'SageMaker.RESOURCE_LIMIT'], MaxAttempts: 20, IntervalSeconds: 40_000 },
  );
  assert.deepEqual(waits(of, 'Step.THROTTLING'), []);
  assert.deepEqual(waits(of, 'SageMaker.JOB_INTERNAL_ERROR'), [10, 15, 22.5]);
  assert.deepEqual(waits(of, 'Step.SERVICE_FAULT'), []);
  const limited = waits(of, 'SageMaker.RESOURCE_LIMIT');
  assert.deepEqual([limited.length, limited[0], Math.max(...limited)], [20, 40_000, 43_200], 'no wait is longer than AWS allows');
});

test('ExpireAfterMin: no attempt begins later than that after the step', () => {
  const of = step({ ExceptionType: ['Step.SERVICE_FAULT'], IntervalSeconds: 30, BackoffRate: 1, ExpireAfterMin: 2 });
  assert.deepEqual(waits(of, 'Step.SERVICE_FAULT', 5_000), [30, 30, 30, 30]);
});

test('each policy counts for itself', () => {
  const of = step(
    { ExceptionType: ['SageMaker.CAPACITY_ERROR'], MaxAttempts: 1 },
    { ExceptionType: ['SageMaker.JOB_INTERNAL_ERROR'], MaxAttempts: 1 },
  );
  const once = decideRetry(of, 'SageMaker.CAPACITY_ERROR', { retries: {}, startedAtMs: 0 }, 0)!;
  assert.equal(decideRetry(of, 'SageMaker.CAPACITY_ERROR', { retries: once.retries, startedAtMs: 0 }, 0), undefined);
  assert.ok(decideRetry(of, 'SageMaker.JOB_INTERNAL_ERROR', { retries: once.retries, startedAtMs: 0 }, 0));
});

test('failures by what they are; the user’s own are none', () => {
  assert.equal(exceptionOf({ code: 'ThrottlingException' }), 'Step.THROTTLING');
  assert.equal(exceptionOf({ code: 'ServiceUnavailable' }), 'Step.SERVICE_FAULT');
  assert.equal(exceptionOf({ code: 'ResourceLimitExceeded' }), 'SageMaker.RESOURCE_LIMIT');
  assert.equal(exceptionOf({ reason: 'InternalServerError: The job was lost.' }), 'SageMaker.JOB_INTERNAL_ERROR');
  assert.equal(
    exceptionOf({ reason: 'CapacityError: Unable to provision requested ML compute capacity.' }),
    'SageMaker.CAPACITY_ERROR',
  );
  for (const reason of ['AlgorithmError: InternalServerError, exit code: 1', 'ClientError: no']) {
    assert.equal(exceptionOf({ reason }), undefined, reason);
  }
  assert.equal(exceptionOf({ code: 'ValidationException' }), undefined);
});

test('a policy with both limits, or with a number that is none, is refused with its path', () => {
  const problems = (policy: object) =>
    parseDefinition({ Version: '2020-12-01', Steps: [{ ...step(policy as RetryPolicy) }] }).problems?.map(({ path }) => path);
  const at = 'Steps[0].RetryPolicies[0]';
  assert.deepEqual(problems({ ExceptionType: ['Step.THROTTLING'], MaxAttempts: 1, ExpireAfterMin: 1 }), [at]);
  assert.deepEqual(problems({ ExceptionType: ['Step.THROTTLING'], MaxAttempts: 21 }), [`${at}.MaxAttempts`]);
  assert.deepEqual(problems({ ExceptionType: ['Step.THROTTLING'], ExpireAfterMin: 14_401 }), [`${at}.ExpireAfterMin`]);
  assert.deepEqual(problems({ ExceptionType: ['Step.THROTTLING'], IntervalSeconds: 43_201 }), [`${at}.IntervalSeconds`]);
  assert.deepEqual(problems({ ExceptionType: ['Step.TROTTLING'] }), [`${at}.ExceptionType[0]`]);
  assert.equal(problems({ ExceptionType: ['Step.THROTTLING'], MaxAttempts: 20 }), undefined);
});
