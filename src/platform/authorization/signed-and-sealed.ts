import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { Ids } from '../ids.ts';

/**
 * What this server gives out and knows again without a row. What is signed everyone may read, and only this server can make; what is sealed
 * nobody else can read either. Much of it outlives the server that made it (links in mails, tokens of running work, secrets in rows): its
 * forms, and which form of the key signs it, stay as they are.
 */

/** In constant time for texts of one length. Where the length is secret, compare digests. */
export function sameText(expected: string, given: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const signature = (key: string | Uint8Array, text: string): string => createHmac('sha256', key).update(text).digest('base64url');

/** The signature of a text, 43 characters of base64url, under the sealing key (hex). One made for another purpose is not it. */
export const signText = (sealingKey: string, purpose: string, text: string): string =>
  signature(Buffer.from(sealingKey, 'hex'), `${purpose}\n${text}`);

export const isSigned = (sealingKey: string, purpose: string, text: string, given: string): boolean =>
  sameText(signText(sealingKey, purpose, text), given);

/** `<content as JSON, base64url>.<signature>`. The key counts as it is given: hex text and its bytes are two keys. */
export function signToken(key: string | Uint8Array, purpose: string, content: object): string {
  const text = Buffer.from(JSON.stringify(content)).toString('base64url');
  return `${text}.${signature(key, `${purpose}:${text}`)}`;
}

/** Undefined for whatever was not signed with this key for this purpose. */
export function openToken<C>(key: string | Uint8Array, purpose: string, token: string): C | undefined {
  const [text = '', given = ''] = token.split('.');
  if (!sameText(signature(key, `${purpose}:${text}`), given)) return undefined;
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as C;
}

/** First byte of what is sealed, so that a later form can be told apart. */
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Sealed text, base64url: version, nonce, ciphertext, tag. `boundTo` must be given again to open it. */
export function sealText(sealingKey: string, text: string, boundTo: string, ids: Pick<Ids, 'bytes'>): string {
  const nonce = ids.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(sealingKey, 'hex'), nonce);
  cipher.setAAD(Buffer.from(boundTo));
  const body = [cipher.update(text, 'utf8'), cipher.final()];
  return Buffer.concat([Uint8Array.of(VERSION), nonce, ...body, cipher.getAuthTag()]).toString('base64url');
}

/** Undefined for whatever was not sealed with this key for `boundTo`. */
export function openText(sealingKey: string, sealed: string, boundTo: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(sealingKey, 'hex'), bytes.subarray(1, 1 + NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(boundTo));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    return undefined; // the tag does not fit: forged, damaged, or sealed for another access key
  }
}
