import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unmetExpectations } from './smoke-test.ts';

const atLeastHalf = [{ path: '0', operator: 'GreaterThanOrEqualTo' as const, value: 0.5 }];

test('a CSV answer is judged by its column', () => {
  assert.deepEqual(unmetExpectations(atLeastHalf, '0.91\n', 'text/csv'), []);
  assert.deepEqual(unmetExpectations(atLeastHalf, '0.2', 'text/csv; charset=utf-8'), [
    '0 is 0.2, expected GreaterThanOrEqualTo 0.5',
  ]);
  assert.deepEqual(unmetExpectations(atLeastHalf, '', 'text/csv'), ['0 is nothing, expected GreaterThanOrEqualTo 0.5']);
  assert.equal(unmetExpectations(atLeastHalf, 'high', 'text/csv').length, 1);
});

test('a JSON answer is judged by its path', () => {
  const expect = [{ path: 'predictions.0.label', operator: 'Equals' as const, value: 'benign' }];
  assert.deepEqual(unmetExpectations(expect, '{"predictions":[{"label":"benign"}]}', 'application/json'), []);
  assert.equal(unmetExpectations(expect, '{"predictions":[]}', 'application/json').length, 1);
  assert.equal(unmetExpectations(expect, 'not JSON', 'application/json').length, 1);
});
