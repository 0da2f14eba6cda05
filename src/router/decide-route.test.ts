import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickInstance, pickVariant } from './decide-route.ts';

test('variants share traffic by relative weight', () => {
  const variants = [
    { name: 'a', weight: 1 },
    { name: 'b', weight: 3 },
    { name: 'c', weight: 0 },
  ];
  const counts: Record<string, number> = {};
  for (let step = 0; step < 400; step += 1) {
    const name = pickVariant(variants, step / 400)?.name ?? 'none';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  assert.deepEqual(counts, { a: 100, b: 300 });
});

test('an endpoint whose weights are all 0 still answers', () => {
  assert.equal(pickVariant([{ name: 'a', weight: 0 }], 0.99)?.name, 'a');
  assert.equal(pickVariant([], 0.5), undefined);
});

test('the least loaded instance is taken; one that just refused only when there is no other', () => {
  const instance = (id: string, inFlight: number, refusedAtMs = 0) => ({ id, inFlight, refusedAtMs });
  const nowMs = 10_000;
  assert.equal(pickInstance([instance('a', 2), instance('b', 1)], new Set(), nowMs, 0)?.id, 'b');
  assert.equal(pickInstance([instance('a', 0, nowMs - 10), instance('b', 5)], new Set(), nowMs, 0)?.id, 'b');
  assert.equal(pickInstance([instance('a', 0, nowMs - 10)], new Set(), nowMs, 0)?.id, 'a');
  assert.equal(pickInstance([instance('a', 0)], new Set(['a']), nowMs, 0), undefined);
});
