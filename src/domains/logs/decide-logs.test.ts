import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideBatch } from './decide-batch.ts';
import { escapeControls, isJobGroup, packNewlines, unpackNewlines } from './decide-text.ts';
import { formatEventToken, parseEventToken } from './decide-tokens.ts';

test('tokens look as AWS has them and come back', () => {
  const text = formatEventToken({ direction: 'f', atByte: 1234 });
  assert.match(text, /^f\/0{52}1234\/s$/);
  assert.deepEqual(parseEventToken(text), { direction: 'f', atByte: 1234 });
  assert.deepEqual(parseEventToken(text.replace('f', 'b')), { direction: 'b', atByte: 1234 });
  for (const bad of ['', 'f/12/s', 'x/'.padEnd(58, '0'), `f/${'9'.repeat(56)}/s`])
    assert.equal(parseEventToken(bad), undefined, bad);
});

test('job logs show control characters in octal, other groups as they are', () => {
  assert.equal(escapeControls('[0]\ttrain-rmse:1.5\tvalidation-rmse:2\r'), '[0]#011train-rmse:1.5#011validation-rmse:2#015');
  assert.equal(escapeControls('\u001b[31mé'), '#033[31mé');
  assert.ok(isJobGroup('/aws/sagemaker/TrainingJobs') && isJobGroup('/aws/sagemaker/ProcessingJobs'));
  assert.ok(!isJobGroup('/aws/sagemaker/Endpoints/e') && !isJobGroup('/aws/lambda/f'));
  assert.equal(unpackNewlines(packNewlines('a\nb\n')), 'a\nb\n');
});

test('batches: order, span, size and the time window', () => {
  const nowMs = 1_700_000_000_000;
  const day = 24 * 3600 * 1000;
  const at = (...offsets: number[]) =>
    decideBatch(
      offsets.map((offset) => ({ timestamp: nowMs + offset, message: 'm' })),
      nowMs,
    );
  assert.ok('refusal' in at(1, 0));
  assert.ok('refusal' in at(-day - 1, 0));
  assert.ok('refusal' in decideBatch([{ timestamp: nowMs, message: 'x'.repeat(1_048_576) }], nowMs));
  const old = at(-14 * day - 1000, -14 * day - 1, -14 * day + 1);
  assert.deepEqual('accepted' in old && [old.accepted.length, old.rejected], [1, { tooOldLogEventEndIndex: 2 }]);
  const early = at(0, 2 * 3600 * 1000, 2 * 3600 * 1000 + 1);
  assert.deepEqual('accepted' in early && [early.accepted.length, early.rejected], [2, { tooNewLogEventStartIndex: 2 }]);
});
