import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberFault } from './check-members.ts';

const body = Buffer.from('row');

test('what the model allows is let through', () => {
  const headers = { 'content-type': 'text/csv', 'x-amzn-sagemaker-session-id': 'NEW_SESSION', host: 'a' };
  assert.equal(memberFault('invocations', 'live', headers, body), undefined);
  assert.equal(
    memberFault('async-invocations', 'live', { 'x-amzn-sagemaker-inputlocation': 's3://a/b' }, Buffer.alloc(0)),
    undefined,
  );
});

test('a member that the model does not allow is refused with its path', () => {
  const cases = [
    ['invocations', 'x-amzn-sagemaker-inference-id', 'a'.repeat(65), /at 'inferenceId' failed .* less than or equal to 64/],
    ['invocations', 'x-amzn-sagemaker-session-id', 'a b', /'a b' at 'sessionId' failed .* pattern/],
    ['invocations-response-stream', 'x-amzn-sagemaker-target-variant', '-', /at 'targetVariant'/],
    [
      'async-invocations',
      'x-amzn-sagemaker-requestttlseconds',
      '5',
      /at 'requestTTLSeconds' failed .* greater than or equal to 60/,
    ],
    [
      'async-invocations',
      'x-amzn-sagemaker-requestttlseconds',
      'soon',
      /'soon' of the header x-amzn-sagemaker-requestttlseconds/,
    ],
  ] as const;
  for (const [path, header, value, message] of cases) {
    const fault = memberFault(path, 'live', { 'x-amzn-sagemaker-inputlocation': 's3://a/b', [header]: value }, body);
    assert.equal(fault?.code, 'ValidationError', value);
    assert.match(fault.message, message);
  }
});

test('what must not be seen is not shown', () => {
  const fault = memberFault('invocations', 'live', { 'x-amzn-sagemaker-custom-attributes': 'secret'.repeat(200) }, body);
  assert.doesNotMatch(fault?.message ?? 'secret', /secret/);
});
