import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Filter, parseFilter, passesFilter, type Scope } from './decide-filter.ts';

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

test('a policy has five names at most; what stands below a name of a policy on bodies is not counted', () => {
  const six = Object.fromEntries(many(6).map((name) => [name, ['x']]));
  const why = 'Invalid parameter: FilterPolicy: Filter policy can not have more than 5 keys';
  assert.equal(refusal(six), why);
  assert.equal(refusal(six, 'MessageAttributes'), why);
  assert.equal(refusal({ a: { b: ['x'], c: ['x'], d: ['x'] }, e: { f: ['x'], g: ['x'], h: ['x'] } }), undefined);
});

test('an attribute of bytes is none that a policy can ask for', () => {
  const passes = (policy: object, type: string) =>
    passesFilter(parseFilter(JSON.stringify(policy), 'MessageAttributes') as Filter, 'm', {
      seal: { Type: type, Value: 'AAAA' },
    });
  assert.equal(passes({ seal: [{ prefix: 'AA' }] }, 'String'), true);
  for (const type of ['Binary', 'Binary.png']) {
    assert.equal(passes({ seal: [{ prefix: 'AA' }] }, type), false);
    assert.equal(passes({ seal: [{ exists: true }] }, type), false);
    assert.equal(passes({ seal: [{ exists: false }] }, type), true);
  }
});
