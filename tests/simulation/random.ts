/**
 * Randomness as an input: a seed fixes every choice of a run. Each part of the simulator draws from a fork of its own, so
 * that one more draw in one part does not shift what another part chooses.
 */
export interface Random {
  /** In [0, 1), in steps of 2^-32. */
  next(): number;
  /** An integer in [0, end); 0 where `end` is below 1. */
  int(end: number): number;
  /** True with a probability of `p`; draws once also where the answer is certain. */
  chance(p: number): boolean;
  /** Throws on an empty list: who picks from nothing has a mistake of its own. */
  pick<T>(list: readonly T[]): T;
  /** A copy in another order. */
  shuffle<T>(list: readonly T[]): T[];
  /** A stream of its own, fixed by this stream's seed and the label alone: how much was drawn meanwhile does not matter. */
  fork(label: string): Random;
}

/** A stream for `seed`; any number, of which the lower 53 bits count. */
export function createRandom(seed: number): Random {
  return randomOf(mixed(seed >>> 0), mixed(Math.floor(seed / 2 ** 32) ^ 0x5bf03635));
}

/** sfc32: four words of state, passes the usual batteries, three additions per draw. */
function randomOf(high: number, low: number): Random {
  let [a, b, c, count] = [high | 0, low | 0, mixed(high ^ Math.imul(low, 0x9e3779b1)) | 0, 1];
  const word = (): number => {
    const sum = (((a + b) | 0) + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // the first words still resemble the seed
  for (let round = 0; round < 12; round += 1) word();

  const int = (end: number) => Math.floor((word() / 2 ** 32) * end);
  return {
    next: () => word() / 2 ** 32,
    int,
    chance: (p) => word() / 2 ** 32 < p,
    pick(list) {
      if (list.length === 0) throw new RangeError('there is nothing to pick from');
      return list[int(list.length)] as (typeof list)[number];
    },
    shuffle(list) {
      const shuffled = [...list];
      for (let last = shuffled.length - 1; last > 0; last -= 1) {
        const other = int(last + 1);
        const kept = shuffled[last] as (typeof list)[number];
        shuffled[last] = shuffled[other] as (typeof list)[number];
        shuffled[other] = kept;
      }
      return shuffled;
    },
    fork: (label) => randomOf(mixed(high ^ textHash(label, 0x811c9dc5)), mixed(low ^ textHash(label, 0x01000193))),
  };
}

/** The finisher of MurmurHash3: neighbouring numbers come out far apart. */
function mixed(word: number): number {
  let bits = (word + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 units. */
function textHash(text: string, start: number): number {
  let bits = start;
  for (let at = 0; at < text.length; at += 1) bits = Math.imul(bits ^ text.charCodeAt(at), 0x01000193);
  return bits >>> 0;
}
