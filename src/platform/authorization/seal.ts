import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * A mark on a text that everyone may read and only this server can make: base64url, 43 characters, under the sealing key (hex). One made for
 * another purpose is not it. What nobody may read is sealed by `sealText`.
 */
export const seal = (sealingKey: string, purpose: string, text: string): string =>
  createHmac('sha256', Buffer.from(sealingKey, 'hex')).update(`${purpose}\n${text}`).digest('base64url');

/** Compared in constant time. */
export function isSeal(sealingKey: string, purpose: string, text: string, given: string): boolean {
  const expected = Buffer.from(seal(sealingKey, purpose, text));
  const found = Buffer.from(given);
  return found.length === expected.length && timingSafeEqual(found, expected);
}
