import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noticeTarget, retryOf } from './decide-notice-target.ts';

const at = (service: string, resource: string): string => `arn:aws:${service}:eu-west-1:123456789012:${resource}`;

test('an ARN says who gets what is sent to it, and nothing else is guessed', () => {
  const kindOf = (arn: string) => noticeTarget(arn, {}, 't')?.kind;
  assert.equal(kindOf(at('sqs', 'q')), 'queue');
  assert.equal(kindOf(at('sns', 't')), 'topic');
  assert.equal(kindOf(at('lambda', 'function:f')), 'function');
  assert.equal(kindOf(at('codepipeline', 'p')), 'call');
  const others = [
    at('lambda', 'layer:l'),
    at('sagemaker', 'endpoint/e'),
    at('codebuild', 'report/r'),
    at('ecs', 'cluster/c'),
    'q',
    '',
  ];
  for (const arn of others) assert.equal(kindOf(arn), undefined, arn);
});

test('what is started is named by its ARN or name, has its token, and of the input only what its call knows', () => {
  const asked = {
    parameters: [{ Name: 'n', Value: 'v', more: 1 }],
    members: (of: string) => ({ of, name: 'other', projectName: 'other' }),
  };
  const started = (arn: string) => {
    const to = noticeTarget(arn, asked, 'token');
    return to?.kind === 'call' ? [to.operation, to.input] : undefined;
  };
  const pipeline = at('sagemaker', 'pipeline/p');
  assert.deepEqual(started(pipeline), [
    'sagemaker:StartPipelineExecution',
    { PipelineName: pipeline, ClientRequestToken: 'token', PipelineParameters: [{ Name: 'n', Value: 'v' }] },
  ]);
  assert.deepEqual(started(at('codepipeline', 'p')), [
    'codepipeline:StartPipelineExecution',
    { of: 'codepipeline', projectName: 'other', name: 'p', clientRequestToken: 'token' },
  ]);
  assert.deepEqual(started(at('codebuild', 'project/p')), [
    'codebuild:StartBuild',
    { of: 'codebuild', name: 'other', projectName: 'p', idempotencyToken: 'token' },
  ]);
});

test('a policy says what it says, the rest is as on AWS', () => {
  assert.deepEqual(retryOf(), { attemptsMax: 185, ageSecondsMax: 86_400 });
  assert.deepEqual(retryOf({ MaximumRetryAttempts: 0 }), { attemptsMax: 0, ageSecondsMax: 86_400 });
});
