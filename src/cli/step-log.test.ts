import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logPlaceOf } from './step-log.ts';

test('a job logs in streams of its own; a function in those of its processes, so only while the step ran', () => {
  const job = { Metadata: { TrainingJob: { Arn: 'arn:aws:sagemaker:us-east-1:123456789012:training-job/one' } } };
  assert.deepEqual(logPlaceOf(job), { group: '/aws/sagemaker/TrainingJobs', prefix: 'one/' });
  const Lambda = { Arn: 'arn:aws:lambda:us-east-1:123456789012:function:notify:live' };
  assert.deepEqual(logPlaceOf({ StartTime: 10.0004, EndTime: 12.5, Metadata: { Lambda } }), {
    group: '/aws/lambda/notify',
    prefix: undefined,
    fromMs: 10_000,
    untilMs: 13_500,
  });
  assert.equal(logPlaceOf({ StartTime: 10, Metadata: { Lambda } })?.untilMs, undefined, 'to the end, while it runs');
  assert.equal(logPlaceOf({ StartTime: 10, Metadata: { Callback: {} } }), undefined);
});
