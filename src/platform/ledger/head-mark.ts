import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { readTextFile } from '../read-text-file.ts';
import type { LedgerHead } from './entry.ts';

/**
 * The last entry of a ledger, written beside its store after each commit that is durable. A store whose ledger ends before it, or has another
 * entry there, has lost what was acknowledged: an end of the log that was cut off cannot be told from the file alone. It costs one
 * write without fsync, so after a loss of power it may lag behind, and then tells less; ahead of the store it can never be.
 */
export interface HeadMark {
  write(head: LedgerHead): void;
  close(): void;
}

export const headMarkPath = (store: string): string => `${store}-head`;

const DIGITS = 16;
const FORM = /^(\d{16}) ([0-9a-f]{64})\n$/;

/** For a store that was compared with its mark, so that it may write over it. */
export function openHeadMark(store: string): HeadMark {
  const mark = openSync(headMarkPath(store), constants.O_RDWR | constants.O_CREAT, 0o600);
  return {
    write({ sequence, hash }) {
      // as wide as it will ever be, in one write at the start: a reader sees one or the other
      writeSync(mark, `${String(sequence).padStart(DIGITS, '0')} ${hash}\n`, 0);
    },
    close: () => closeSync(mark),
  };
}

/** undefined when there is none, or none that says anything (a loss of power may leave half of one). */
export function readHeadMark(store: string): LedgerHead | undefined {
  const found = FORM.exec(readTextFile(headMarkPath(store), 'latin1') ?? '');
  return found ? { sequence: Number(found[1]), hash: found[2] ?? '' } : undefined;
}

/** What is wrong with a ledger that ends with `last`, by the mark; `hashAt` gives the hash of an entry. undefined: nothing. */
export function lossProblem(
  mark: LedgerHead | undefined,
  last: LedgerHead,
  hashAt: (sequence: number) => string | undefined,
): string | undefined {
  if (!mark || mark.sequence === 0) return undefined;
  if (mark.sequence > last.sequence)
    return `its ledger ends with entry ${last.sequence}, but entry ${mark.sequence} had been acknowledged`;
  if (hashAt(mark.sequence) !== mark.hash) return `entry ${mark.sequence} of its ledger is another one than was acknowledged`;
  return undefined;
}
