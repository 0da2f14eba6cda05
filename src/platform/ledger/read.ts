import { DatabaseSync } from 'node:sqlite';
import type { LedgerInput } from './entry.ts';

/** The entries of a store file, oldest first, read-only; a server may run meanwhile. Says nothing about the chain: see verify. */
export function* readLedger(path: string): Generator<LedgerInput & { readonly sequence: number }> {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
  try {
    for (const { sequence, entry } of db.prepare('select sequence, entry from ledger order by sequence').iterate()) {
      yield { ...(JSON.parse(String(entry)) as LedgerInput), sequence: Number(sequence) };
    }
  } finally {
    db.close();
  }
}
