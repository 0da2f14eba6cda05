import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSeal, seal } from './seal.ts';

const KEY = '5a'.repeat(32);

test('a seal holds for its text, its purpose and its key, and for nothing else', () => {
  const mark = seal(KEY, 'unsubscribe', 'arn:a');
  assert.match(mark, /^[\w-]{43}$/);
  assert.equal(isSeal(KEY, 'unsubscribe', 'arn:a', mark), true);
  assert.equal(isSeal(KEY, 'unsubscribe', 'arn:b', mark), false);
  assert.equal(isSeal(KEY, 'build-driver', 'arn:a', mark), false);
  assert.equal(isSeal('5b'.repeat(32), 'unsubscribe', 'arn:a', mark), false);
  for (const given of ['', mark.slice(0, -1), `${mark}A`, mark.toLowerCase()])
    assert.equal(isSeal(KEY, 'unsubscribe', 'arn:a', given), false);
});
