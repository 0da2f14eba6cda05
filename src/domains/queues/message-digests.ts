import { createHash } from 'node:crypto';
import type { StoredAttribute } from './resources.ts';

/** MD5 sums that clients compare with their own. */

export const bodyDigest = (body: string): string => createHash('md5').update(body, 'utf8').digest('hex');

/**
 * AWS's digest of message attributes: in order of their names, each as length and bytes of name, length and bytes of type, one byte
 * that tells text (1) from binary (2), length and bytes of the value; lengths are four bytes, the greatest first.
 */
export function attributesDigest(attributes: { readonly [name: string]: StoredAttribute } | undefined): string | undefined {
  const names = Object.keys(attributes ?? {}).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (!attributes || names.length === 0) return undefined;
  const digest = createHash('md5');
  const add = (bytes: Uint8Array): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    digest.update(length).update(bytes);
  };
  for (const name of names) {
    const { type, text, binary } = attributes[name] as StoredAttribute;
    add(Buffer.from(name));
    add(Buffer.from(type));
    digest.update(Uint8Array.of(text !== undefined ? 1 : 2));
    add(text !== undefined ? Buffer.from(text) : Buffer.from(binary ?? '', 'base64'));
  }
  return digest.digest('hex');
}

/** What a FIFO queue takes two messages for one by, when their sender says nothing. */
export const contentDigest = (body: string): string => createHash('sha256').update(body, 'utf8').digest('hex');
