import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson } from './canonical.ts';

test('equal values have one spelling, whatever the order of their members', () => {
  assert.equal(
    canonicalJson({ b: 1, a: { d: [1, { z: 0, y: null }], c: 'x' } }),
    '{"a":{"c":"x","d":[1,{"y":null,"z":0}]},"b":1}',
  );
  assert.equal(
    canonicalJson({ a: { c: 'x', d: [1, { y: null, z: 0 }] }, b: 1 }),
    canonicalJson({ b: 1, a: { d: [1, { z: 0, y: null }], c: 'x' } }),
  );
});

test('absent members leave no trace, and what JSON cannot say becomes null as in JSON', () => {
  assert.equal(canonicalJson({ gone: undefined, list: [undefined, Number.NaN], n: -0 }), '{"list":[null,null],"n":0}');
});

test('members sort by UTF-16 code units and texts are escaped as JSON.stringify does', () => {
  assert.equal(
    canonicalJson({ '\u{1f600}': 1, '\uffff': 2, a: '"\\\n\u2028\ud800' }),
    '{"a":"\\"\\\\\\n\u2028\\ud800","\u{1f600}":1,"\uffff":2}',
  );
  assert.deepEqual(JSON.parse(canonicalJson({ a: 'é\u2028', __proto__x: [true] })), { a: 'é\u2028', __proto__x: [true] });
});
