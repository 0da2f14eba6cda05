import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRejection } from '../../platform/errors/rejection.ts';
import type { JsonObject } from '../../platform/json.ts';
import { matchesEvent } from '../../platform/patterns/decide-match.ts';
import { type Pattern, parsePattern } from '../../platform/patterns/decide-pattern.ts';
import { compileRules } from './decide-rule-index.ts';

function pattern(value: object): Pattern {
  const parsed = parsePattern(JSON.stringify(value));
  if (isRejection(parsed)) throw new Error(parsed.message);
  return parsed;
}

/** Which of `values` a field may have under `matchers`. */
const taken = (matchers: unknown[], values: unknown[]): unknown[] =>
  values.filter((x) => matchesEvent(pattern({ detail: { x: matchers } }), { detail: { x } } as JsonObject));

test('exact values: text, numbers by value, null, the empty text', () => {
  assert.deepEqual(taken(['a', ''], ['a', 'A', '', 'ab', null, 0]), ['a', '']);
  assert.deepEqual(taken([300], [300, 3e2, '300', 300.1]), [300, 3e2]);
  assert.deepEqual(taken([null], [null, 'null', false]), [null]);
  assert.deepEqual(taken([true], [true, 'true', false]), [true]);
  assert.equal(matchesEvent(pattern({ x: [300] }), JSON.parse('{"x": 300.0}') as JsonObject), true);
  assert.equal(matchesEvent(pattern({ x: [null] }), {}), false);
});

test('prefix, suffix, any case, wildcard', () => {
  assert.deepEqual(taken([{ prefix: 'ab' }], ['ab', 'abc', 'AB', 'xab', 7]), ['ab', 'abc']);
  assert.deepEqual(taken([{ suffix: '.png' }], ['a.png', '.png', 'a.PNG']), ['a.png', '.png']);
  assert.deepEqual(taken([{ prefix: { 'equals-ignore-case': 'Ab' } }], ['abc', 'ABX', 'xab']), ['abc', 'ABX']);
  assert.deepEqual(taken([{ suffix: { 'equals-ignore-case': '.PNG' } }], ['a.png', 'a.jpg']), ['a.png']);
  assert.deepEqual(taken([{ 'equals-ignore-case': 'Alice' }], ['alice', 'ALICE', 'alices']), ['alice', 'ALICE']);
  assert.deepEqual(taken([{ wildcard: 'dir/*.png' }], ['dir/a.png', 'dir/.png', 'dir/a.pngx', 'xdir/a.png']), [
    'dir/a.png',
    'dir/.png',
  ]);
  assert.deepEqual(taken([{ wildcard: '*a*b*' }], ['ab', 'xaxbx', 'ba']), ['ab', 'xaxbx']);
  assert.deepEqual(taken([{ wildcard: 'a\\*b' }], ['a*b', 'axb']), ['a*b']);
});

test('anything but: values, lists, and what texts look like', () => {
  assert.deepEqual(taken([{ 'anything-but': 'a' }], ['a', 'b', 7, null]), ['b', 7, null]);
  assert.deepEqual(taken([{ 'anything-but': ['a', 'b'] }], ['a', 'b', 'c']), ['c']);
  assert.deepEqual(taken([{ 'anything-but': [1, 2] }], [1, 2.0, 3, '1']), [3, '1']);
  assert.deepEqual(taken([{ 'anything-but': { prefix: 'a' } }], ['ab', 'ba']), ['ba']);
  assert.deepEqual(taken([{ 'anything-but': { suffix: ['a', 'b'] } }], ['xa', 'xb', 'xc']), ['xc']);
  assert.deepEqual(taken([{ 'anything-but': { wildcard: '*/lib/*' } }], ['a/lib/b', 'a/src/b']), ['a/src/b']);
  assert.deepEqual(taken([{ 'anything-but': { 'equals-ignore-case': ['a'] } }], ['A', 'b']), ['b']);
});

test('numbers and addresses by range', () => {
  assert.deepEqual(taken([{ numeric: ['>', 0, '<=', 5] }], [0, 0.1, 5, 5.1, '3']), [0.1, 5]);
  assert.deepEqual(taken([{ numeric: ['=', 3.018e2] }], [301.8, 301]), [301.8]);
  assert.deepEqual(taken([{ numeric: ['<', 10] }], [-1e9, 9.99, 10]), [-1e9, 9.99]);
  assert.deepEqual(taken([{ cidr: '10.0.0.0/24' }], ['10.0.0.255', '10.0.1.0', 'x', 10]), ['10.0.0.255']);
  assert.deepEqual(taken([{ cidr: '2001:db8::/32' }], ['2001:db8::1', '2001:db9::1', '10.0.0.1']), ['2001:db8::1']);
});

test('what is there and what is not, on leaves alone', () => {
  const there = pattern({ detail: { x: [{ exists: true }] } });
  const gone = pattern({ detail: { x: [{ exists: false }] } });
  for (const [event, exists] of [
    [{ detail: { x: 1 } }, true],
    [{ detail: { x: null } }, true],
    [{ detail: { x: [] } }, false],
    [{ detail: { x: { y: 1 } } }, false],
    [{ detail: {} }, false],
    [{}, false],
  ] as [JsonObject, boolean][]) {
    assert.equal(matchesEvent(there, event), exists, JSON.stringify(event));
    assert.equal(matchesEvent(gone, event), !exists, JSON.stringify(event));
  }
  assert.deepEqual(taken([{ exists: false }, 'a'], ['a', 'b']), ['a']);
});

test('an array fits when one of its values does; conditions on objects of an array must hold in one of them', () => {
  assert.deepEqual(taken(['a'], [['b', 'a'], ['b'], []]), [['b', 'a']]);
  const both = pattern({ people: { first: ['Ann'], last: ['Lee'] } });
  assert.equal(matchesEvent(both, { people: [{ first: 'Ann', last: 'Lee' }] }), true);
  assert.equal(
    matchesEvent(both, {
      people: [
        { first: 'Ann', last: 'Poe' },
        { first: 'Bob', last: 'Lee' },
      ],
    }),
    false,
  );
  const nested = pattern({ a: { b: { c: [1], d: [2] } } });
  assert.equal(matchesEvent(nested, { a: [{ b: [{ c: 1 }, { d: 2 }] }, { b: [{ c: 1, d: 2 }] }] }), true);
  assert.equal(matchesEvent(nested, { a: [{ b: [{ c: 1 }] }, { b: [{ d: 2 }] }] }), false);
});

test('$or at any depth, with what stands beside it', () => {
  const either = pattern({
    source: ['aws.s3'],
    detail: { $or: [{ count: [{ numeric: ['>', 0] }] }, { limit: [{ exists: true }], kind: ['x'] }] },
  });
  assert.equal(matchesEvent(either, { source: 'aws.s3', detail: { count: 3 } }), true);
  assert.equal(matchesEvent(either, { source: 'aws.s3', detail: { count: 0, limit: 1, kind: 'x' } }), true);
  assert.equal(matchesEvent(either, { source: 'aws.s3', detail: { limit: 1 } }), false);
  assert.equal(matchesEvent(either, { source: 'other', detail: { count: 3 } }), false);
});

test('what is no pattern is refused in the words of the service', () => {
  for (const [text, reason] of [
    ['{', 'The event pattern is not valid JSON.'],
    ['[]', 'Filter is not an object'],
    ['{}', 'Empty objects are not allowed'],
    ['{"a": []}', 'Empty arrays are not allowed'],
    ['{"a": 1}', '"a" must be an object or an array'],
    ['{"a": [[1]]}', 'Match value must be String, number, true, false, or null'],
    ['{"a": [{"like": "x"}]}', 'Unrecognized match type like'],
    ['{"a": [{"prefix": 1}]}', 'prefix match pattern must be a string'],
    ['{"a": [{"prefix": "a", "suffix": "b"}]}', 'Only one key allowed in match expression'],
    ['{"a": [{"exists": 1}]}', 'exists match pattern must be either true or false.'],
    ['{"a": [{"numeric": ["<"]}]}', 'Value of < must be numeric'],
    ['{"a": [{"numeric": [">", 5, "<", 1]}]}', 'Bottom must be less than top'],
    ['{"a": [{"numeric": [">=", 5, "<=", 5]}]}', 'Bottom must be less than top'],
    ['{"a": [{"wildcard": "a**b"}]}', 'Consecutive wildcard characters at pos 2'],
    ['{"a": [{"wildcard": "a\\\\b"}]}', 'Invalid escape character at pos 2'],
    ['{"a": [{"cidr": "10.0.0.0/33"}]}', 'IPv4 mask bits must be < 32'],
    ['{"a": [{"anything-but": ["a", 1]}]}', /mixed type is not supported/],
    ['{"a": [{"anything-but": {"prefix": ""}}]}', 'Null prefix/suffix not allowed'],
    ['{"$or": [{"a": [1]}]}', 'There must have at least 2 Objects in $or relationship.'],
    ['{"$or": [{"a": [1]}, {"prefix": ["x"]}]}', /reserved fieldName/],
  ] as const) {
    const parsed = parsePattern(text);
    assert.ok(isRejection(parsed), text);
    assert.equal(parsed.code, 'InvalidEventPatternException');
    const said = parsed.message.replace('Event pattern is not valid. Reason: ', '');
    if (typeof reason === 'string') assert.equal(said, reason, text);
    else assert.match(said, reason, text);
  }
  const or = { $or: Array.from({ length: 11 }, (_, x) => ({ a: [x] })) };
  const many = JSON.stringify({ x: or, y: or, z: or });
  const parsed = parsePattern(many);
  assert.ok(isRejection(parsed) && /more than 1000/.test(parsed.message));
});

test('an event of many elements takes no more than its size, also where nothing fits', () => {
  const hard = pattern({ a: { x: [1], y: [1] }, b: { x: [1], y: [1] }, c: { x: [1], y: [2] } });
  const elements = () => Array.from({ length: 3000 }, () => ({ x: 1, y: 1 }));
  assert.equal(matchesEvent(hard, { a: elements(), b: elements(), c: elements() }), false);
});

test('rules by source and detail type give the same as each pattern by itself', () => {
  const patterns = [
    { source: ['aws.s3'] },
    { source: ['aws.s3', 'aws.sqs'], detail: { x: [1] } },
    { 'detail-type': ['Made'] },
    { source: [{ prefix: 'aws.' }] },
    { detail: { x: [{ exists: false }] } },
    { $or: [{ source: ['other'] }, { detail: { x: [1] } }] },
  ].map((one) => pattern(one));
  const index = compileRules(patterns.map((one, rule) => ({ rule, pattern: one })));
  for (const source of ['aws.s3', 'aws.sqs', 'other', '']) {
    for (const type of ['Made', 'Gone']) {
      for (const detail of [{}, { x: 1 }, { x: 2 }]) {
        const event = { source, 'detail-type': type, detail } as JsonObject;
        const each = patterns.flatMap((one, rule) => (matchesEvent(one, event) ? [rule] : []));
        assert.deepEqual(index.matching(event), each, JSON.stringify(event));
      }
    }
  }
});
