import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tooManyChildren } from './decide-for-each.ts';

test('a body repeated beyond what an execution holds is refused with its numbers', () => {
  assert.equal(tooManyChildren(1_000, 99, 1_000), undefined);
  assert.match(
    tooManyChildren(1_001, 99, 1_000) ?? '',
    /1000 items of 99 steps each are 99000 steps beside the 1001 .* at most 100000/,
  );
});
