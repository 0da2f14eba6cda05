import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickInstance, pickVariant } from './decide-route.ts';

const variantsOf = (weights: Record<string, number>) => Object.entries(weights).map(([name, weight]) => ({ name, weight }));

/** A small generator of its own, so that a failure can be seen again. */
function* randoms(seed: number): Generator<number, never> {
  for (let value = seed; ; ) {
    value = (value * 48_271) % 2_147_483_647;
    yield value / 2_147_483_647;
  }
}

test('after every single request each variant has its share, but for less than one request per variant', () => {
  const cases: Record<string, number>[] = [
    { a: 1, b: 3, c: 0 },
    { a: 9, b: 1 },
    { a: 0.1, b: 0.2, c: 0.7, d: 5 },
    { a: 0, b: 0 },
  ];
  for (const weights of cases) {
    const variants = variantsOf(weights);
    const total = variants.reduce((sum, { weight }) => sum + weight, 0);
    for (let seed = 1; seed <= 20; seed += 1) {
      const credits: number[] = [];
      const counts: Record<string, number> = {};
      const random = randoms(seed);
      for (let asked = 1; asked <= 500; asked += 1) {
        const name = pickVariant(variants, credits, random.next().value)?.name ?? 'none';
        counts[name] = (counts[name] ?? 0) + 1;
        for (const variant of variants) {
          const share = total > 0 ? variant.weight / total : 1 / variants.length;
          const off = Math.abs((counts[variant.name] ?? 0) - asked * share);
          assert.ok(off < variants.length, `${variant.name} is off by ${off} after ${asked} (seed ${seed})`);
          if (total > 0 && variant.weight === 0) assert.equal(counts[variant.name], undefined);
        }
      }
    }
  }
});

test('the order is not foreseeable: every other request may go to either of two equal variants', () => {
  const variants = variantsOf({ a: 1, b: 1 });
  const credits: number[] = [];
  const random = randoms(7);
  const pairs = new Set<string>();
  for (let pair = 0; pair < 50; pair += 1) {
    pairs.add([0, 1].map(() => pickVariant(variants, credits, random.next().value)?.name).join(''));
  }
  assert.deepEqual([...pairs].sort(), ['ab', 'ba']);
});

test('an endpoint whose weights are all 0 still answers', () => {
  assert.equal(pickVariant([{ name: 'a', weight: 0 }], [], 0.99)?.name, 'a');
  assert.equal(pickVariant([], [], 0.5), undefined);
});

test('the least loaded instance is taken; one that just refused only when there is no other', () => {
  const instance = (id: string, inFlight: number, refusedAtMs = 0) => ({ id, inFlight, refusedAtMs });
  const nowMs = 10_000;
  assert.equal(pickInstance([instance('a', 2), instance('b', 1)], new Set(), nowMs, 0)?.id, 'b');
  assert.equal(pickInstance([instance('a', 0, nowMs - 10), instance('b', 5)], new Set(), nowMs, 0)?.id, 'b');
  assert.equal(pickInstance([instance('a', 0, nowMs - 10)], new Set(), nowMs, 0)?.id, 'a');
  assert.equal(pickInstance([instance('a', 0)], new Set(['a']), nowMs, 0), undefined);
});
