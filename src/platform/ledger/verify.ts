import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { CHAIN_START, chainHash } from './chain.ts';
import type { LedgerHead } from './entry.ts';
import { lossProblem, readHeadMark } from './head-mark.ts';

export type LedgerVerdict =
  | { readonly ok: true; readonly entries: number; readonly head: LedgerHead }
  /** The first entry that is wrong, and why; the head's sequence when only the head is. */
  | { readonly ok: false; readonly sequence: number; readonly problem: string };

type EntryColumns = [sequence: unknown, hash: unknown, previousHash: unknown, entry: unknown];

/**
 * Walks the whole chain of a store file, read-only and in one snapshot; a server may run meanwhile. Detects an entry that
 * was changed, removed, inserted or moved, and an end that was cut off. `mark` is what had been acknowledged; that of the store it was
 * copied from, for a copy. Throws when the file is no store.
 */
export function verifyLedger(path: string, mark: LedgerHead | undefined = readHeadMark(path)): LedgerVerdict {
  // the mark was read before the snapshot: a server that runs meanwhile only moves on
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  const db = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
  try {
    db.exec('begin');
    const verdict = verifyChain(db);
    if (!verdict.ok) return verdict;
    const hashOf = db.prepare('select hash from ledger where sequence = ?');
    const problem = lossProblem(mark, verdict.head, (sequence) => (hashOf.get(sequence) as { hash?: string } | undefined)?.hash);
    return problem === undefined
      ? verdict
      : { ok: false, sequence: Math.min(mark?.sequence ?? 0, verdict.head.sequence + 1), problem };
  } finally {
    db.close();
  }
}

function verifyChain(db: DatabaseSync): LedgerVerdict {
  const entries = db.prepare('select sequence, hash, previous_hash, entry from ledger order by sequence');
  entries.setReturnArrays(true);
  let last: LedgerHead = { sequence: 0, hash: CHAIN_START };
  for (const columns of entries.iterate() as unknown as Iterable<EntryColumns>) {
    const problem = entryProblem(columns, last);
    if (problem) return problem;
    last = { sequence: columns[0] as number, hash: columns[1] as string };
  }
  const head = db.prepare('select sequence, hash from ledger_head').all() as unknown as LedgerHead[];
  return headProblem(head, last) ?? { ok: true, entries: last.sequence, head: last };
}

function entryProblem([sequence, hash, previousHash, entry]: EntryColumns, last: LedgerHead): LedgerVerdict | undefined {
  const expected = last.sequence + 1;
  if (sequence !== expected) {
    return typeof sequence === 'number' && sequence > expected
      ? { ok: false, sequence: expected, problem: `entry ${expected} is missing: entry ${sequence} follows ${last.sequence}` }
      : {
          ok: false,
          sequence: Number(sequence),
          problem: `entry ${String(sequence)} has no place in the chain, which starts at 1`,
        };
  }
  if (previousHash !== last.hash) {
    return {
      ok: false,
      sequence,
      problem: `entry ${sequence} does not continue the chain: it names another hash than entry ${last.sequence} has`,
    };
  }
  if (typeof entry !== 'string' || chainHash(last.hash, sequence, entry) !== hash) {
    return { ok: false, sequence, problem: `entry ${sequence} was changed: its content does not match its hash` };
  }
  return undefined;
}

function headProblem(heads: readonly LedgerHead[], last: LedgerHead): LedgerVerdict | undefined {
  const head = heads[0];
  if (!head || heads.length !== 1)
    return { ok: false, sequence: last.sequence, problem: 'the record of the last entry is missing' };
  if (head.sequence > last.sequence) {
    const sequence = last.sequence + 1;
    return { ok: false, sequence, problem: `entry ${sequence} is missing: the chain should end with entry ${head.sequence}` };
  }
  if (head.sequence < last.sequence || head.hash !== last.hash) {
    return {
      ok: false,
      sequence: last.sequence,
      problem: `the record of the last entry (${head.sequence}) does not match entry ${last.sequence}`,
    };
  }
  return undefined;
}
