import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFilter, type Scope } from './decide-filter.ts';

const refusal = (policy: unknown, scope: Scope = 'MessageBody'): string | undefined => {
  const parsed = parseFilter(JSON.stringify(policy), scope);
  return 'rejection' in parsed ? parsed.rejection.message : undefined;
};
const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `v${at}`);

test('values multiply, and of a nested key each level does; more than 150 combinations are too complex', () => {
  const complex = 'Invalid parameter: FilterPolicy: Filter policy is too complex';
  assert.equal(refusal({ a: many(150) }), undefined);
  assert.equal(refusal({ a: many(151) }), complex);
  assert.equal(refusal({ a: { b: many(75) } }), undefined);
  assert.equal(refusal({ a: { b: many(76) } }), complex);
  assert.equal(refusal({ 'a.b': many(150) }), undefined, 'a dot in a name is no level');
  assert.equal(refusal({ $or: [{ a: { b: many(40) } }, { c: many(70) }] }), undefined);
  assert.equal(refusal({ $or: [{ a: { b: many(40) } }, { c: many(71) }] }), complex);
});

test('numbers that filters cannot tell apart are refused', () => {
  assert.equal(refusal({ a: [1e9, -1e9] }, 'MessageAttributes'), undefined);
  assert.match(refusal({ a: [1e9 + 1] }, 'MessageAttributes') ?? '', /Numbers go from/);
  assert.match(refusal({ a: [{ numeric: ['>', -2e9] }] }, 'MessageAttributes') ?? '', /Numbers go from/);
});
