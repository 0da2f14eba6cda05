import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from './random.ts';

const draws = (random: ReturnType<typeof createRandom>, count = 8) => Array.from({ length: count }, () => random.next());

test('a seed fixes every draw, and neighbouring seeds share none', () => {
  assert.deepEqual(draws(createRandom(7)), draws(createRandom(7)));
  const firsts = new Set([0, 1, 2, 3, 2 ** 32, 2 ** 32 + 1, 2 ** 52].flatMap((seed) => draws(createRandom(seed))));
  assert.equal(firsts.size, 7 * 8);
});

test('a fork depends on seed and label alone', () => {
  const [one, other] = [createRandom(7), createRandom(7)];
  draws(other, 100);
  assert.deepEqual(draws(one.fork('disk')), draws(other.fork('disk')));
  assert.notDeepEqual(draws(one.fork('disk')), draws(one.fork('clients')));
  assert.notDeepEqual(draws(one.fork('a').fork('b')), draws(one.fork('b').fork('a')));
  assert.notDeepEqual(draws(createRandom(7).fork('disk')), draws(createRandom(8).fork('disk')));
});

test('draws are even: each tenth, each bit of an integer, each place of a shuffle', () => {
  const random = createRandom(1);
  const tenths = new Array<number>(10).fill(0);
  for (let count = 0; count < 20_000; count += 1) {
    const at = random.int(10);
    tenths[at] = (tenths[at] ?? 0) + 1;
  }
  assert.ok(
    tenths.every((count) => Math.abs(count - 2_000) < 200),
    tenths.join(),
  );
  const places = new Array<number>(5).fill(0);
  for (let count = 0; count < 10_000; count += 1) {
    const shuffled = random.shuffle([0, 1, 2, 3, 4]);
    assert.deepEqual([...shuffled].sort(), [0, 1, 2, 3, 4]);
    const at = shuffled.indexOf(0);
    places[at] = (places[at] ?? 0) + 1;
  }
  assert.ok(
    places.every((count) => Math.abs(count - 2_000) < 200),
    places.join(),
  );
  const hits = Array.from({ length: 10_000 }, () => random.chance(0.3)).filter(Boolean).length;
  assert.ok(Math.abs(hits - 3_000) < 200, String(hits));
  assert.throws(() => random.pick([]), RangeError);
});
