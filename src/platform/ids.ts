import { randomBytes, randomUUID } from 'node:crypto';

/** Identifiers and randomness as inputs; a simulator gives seeded ones. */
export interface Ids {
  /** A random UUID (request ids, tokens). */
  uuid(): string;
  /** `length` characters of [a-z0-9], as in pipeline execution ids. */
  alphanumeric(length: number): string;
  /** Cryptographically random bytes for secrets. */
  bytes(size: number): Uint8Array;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

export const systemIds: Ids = {
  uuid: () => randomUUID(),
  alphanumeric(length) {
    let text = '';
    while (text.length < length) {
      // 252 = 7 * 36: larger bytes would favour the first letters
      for (const byte of randomBytes(length)) if (byte < 252 && text.length < length) text += ALPHABET[byte % 36];
    }
    return text;
  },
  bytes: (size) => randomBytes(size),
};
