import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRejection } from '../../platform/errors/rejection.ts';
import type { Json, JsonObject } from '../../platform/json.ts';
import { matchesEvent } from '../../platform/patterns/decide-match.ts';
import { parsePattern } from '../../platform/patterns/decide-pattern.ts';

/** Every comparison of the table in "Comparison operators for use in event patterns" of EventBridge's guide: a pattern, what it takes, what not. */
const EXAMPLES: readonly (readonly [what: string, pattern: JsonObject, taken: Json[], left: Json[]])[] = [
  ['and', { place: ['NY'], day: ['Mon'] }, [{ place: 'NY', day: 'Mon' }], [{ place: 'NY', day: 'Tue' }, { place: 'NY' }]],
  ['anything but', { state: [{ 'anything-but': 'off' }] }, [{ state: 'on' }], [{ state: 'off' }, {}]],
  [
    'anything but, of a list',
    { state: [{ 'anything-but': ['off', 'on'] }], size: [{ 'anything-but': [1, 2] }] },
    [{ state: 'idle', size: 3 }],
    [
      { state: 'on', size: 3 },
      { state: 'idle', size: 2 },
    ],
  ],
  ['anything but a prefix', { region: [{ 'anything-but': { prefix: 'us-' } }] }, [{ region: 'eu-1' }], [{ region: 'us-1' }]],
  ['anything but a suffix', { file: [{ 'anything-but': { suffix: '.png' } }] }, [{ file: 'a.jpg' }], [{ file: 'a.png' }]],
  [
    'anything but, in any case',
    { state: [{ 'anything-but': { 'equals-ignore-case': 'off' } }] },
    [{ state: 'on' }],
    [{ state: 'OFF' }],
  ],
  [
    'anything but a wildcard',
    { path: [{ 'anything-but': { wildcard: '*/lib/*' } }] },
    [{ path: '/src/a' }],
    [{ path: '/src/lib/a' }],
  ],
  ['begins with', { region: [{ prefix: 'us-' }] }, [{ region: 'us-1' }], [{ region: 'eu-us-1' }]],
  ['begins with, in any case', { name: [{ prefix: { 'equals-ignore-case': 'ev' } }] }, [{ name: 'EVENT' }], [{ name: 'LEVEL' }]],
  ['empty', { name: [''] }, [{ name: '' }], [{ name: ' ' }, { name: null }, {}]],
  ['equals', { name: ['Ann'] }, [{ name: 'Ann' }], [{ name: 'ann' }]],
  ['equals, in any case', { name: [{ 'equals-ignore-case': 'ann' }] }, [{ name: 'aNN' }], [{ name: 'anna' }]],
  ['ends with', { file: [{ suffix: '.png' }] }, [{ file: 'a.png' }], [{ file: 'a.png.gz' }]],
  ['ends with, in any case', { name: [{ suffix: { 'equals-ignore-case': 'Ge' } }] }, [{ name: 'bridGE' }], [{ name: 'gem' }]],
  ['exists', { name: [{ exists: true }] }, [{ name: null }, { name: 0 }], [{}, { name: {} }]],
  ['does not exist', { name: [{ exists: false }] }, [{}, { other: 1 }], [{ name: 'Ann' }]],
  ['null', { user: [null] }, [{ user: null }], [{}, { user: 'null' }, { user: '' }]],
  ['a number', { price: [{ numeric: ['=', 100] }] }, [{ price: 100 }, { price: 1e2 }], [{ price: '100' }, { price: 101 }]],
  ['a range', { price: [{ numeric: ['>', 10, '<=', 20] }] }, [{ price: 10.5 }, { price: 20 }], [{ price: 10 }, { price: 21 }]],
  ['or', { kind: ['credit', 'debit'] }, [{ kind: 'debit' }], [{ kind: 'cash' }]],
  [
    'or, of several fields',
    { $or: [{ place: ['NY'] }, { day: ['Mon'] }] },
    [{ place: 'NY' }, { place: 'LA', day: 'Mon' }],
    [{ place: 'LA', day: 'Tue' }],
  ],
  ['wildcard', { file: [{ wildcard: 'dir/*.png' }] }, [{ file: 'dir/a/b.png' }], [{ file: 'a.png' }, { file: 'dir/a.PNG' }]],
  ['an address', { from: [{ cidr: '10.0.0.0/24' }] }, [{ from: '10.0.0.7' }], [{ from: '10.0.1.7' }, { from: 'ten' }]],
  ['an array', { tags: ['a', 'b'] }, [{ tags: ['x', 'b'] }], [{ tags: ['x'] }, { tags: [] }]],
];

for (const [what, pattern, taken, left] of EXAMPLES) {
  test(`the guide's comparison: ${what}`, () => {
    const parsed = parsePattern(JSON.stringify({ detail: pattern }));
    if (isRejection(parsed)) return assert.fail(parsed.message);
    for (const detail of taken) assert.equal(matchesEvent(parsed, { detail }), true, JSON.stringify(detail));
    for (const detail of left) assert.equal(matchesEvent(parsed, { detail }), false, JSON.stringify(detail));
  });
}
