import type { Ids } from '../../../src/platform/ids.ts';
import type { Random } from '../random.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Identifiers and secrets fixed by the seed. */
export function createSeededIds(random: Random): Ids {
  const bytes = (size: number): Buffer => {
    const made = Buffer.alloc(size);
    for (let at = 0; at < size; at += 1) made[at] = random.int(256);
    return made;
  };
  return {
    bytes,
    uuid() {
      const hex = bytes(16).toString('hex');
      return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20)].join('-');
    },
    alphanumeric(length) {
      let text = '';
      while (text.length < length) text += ALPHABET[random.int(ALPHABET.length)];
      return text;
    },
  };
}
