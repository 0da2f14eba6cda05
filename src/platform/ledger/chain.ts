import { hash } from 'node:crypto';

/** What stands for "the hash before the first entry". */
export const CHAIN_START = '0'.repeat(64);

/**
 * SHA-256 (lower-case hex) over the previous hash and the canonical JSON of `{ entry, sequence }`. `entryText` is the
 * entry's canonical JSON; its sequence is only known where the commit is written, so it is wrapped here.
 */
export const chainHash = (previousHash: string, sequence: number, entryText: string): string =>
  hash('sha256', `${previousHash}{"entry":${entryText},"sequence":${sequence}}`);
