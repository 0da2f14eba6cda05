import { rmSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import type { LedgerHead } from '../ledger/entry.ts';
import { schemaVersion } from '../store/sqlite/migrations.ts';

/** A server may write meanwhile, and holds the file for as long as one transaction. */
const BUSY_MS = 10_000;
const PAGES_AT_ONCE = 4096;

export interface Snapshot {
  readonly schema: number;
  readonly head: LedgerHead;
  /** Of the contents that its rows name. */
  readonly digests: readonly string[];
}

/** Digests of the contents that rows of a store file name. */
export function contentsIn(path: string): string[] {
  return reading(path, digestsOf);
}

function reading<T>(path: string, read: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
  try {
    return read(db);
  } finally {
    db.close();
  }
}

function digestsOf(db: DatabaseSync): string[] {
  const statement = db.prepare('select distinct digest from blob_use order by digest');
  return statement.all().map(({ digest }) => String(digest));
}

/**
 * Copies the store file as it is at one moment, whoever writes to it meanwhile; a whole database by itself. `atThatMoment` runs once the
 * moment is fixed.
 */
export async function snapshotStore(from: string, to: string, atThatMoment: () => void): Promise<Snapshot> {
  for (const path of [to, `${to}-wal`, `${to}-shm`]) rmSync(path, { force: true });
  const source = new DatabaseSync(from, { readOnly: true, timeout: BUSY_MS });
  try {
    source.exec('begin');
    // the first read fixes the moment, and the transaction keeps it: without one a copy would begin anew with every change
    const head = source.prepare('select sequence, hash from ledger_head').get() as unknown as LedgerHead;
    atThatMoment();
    await backup(source, to, { rate: PAGES_AT_ONCE });
    const snapshot = { schema: schemaVersion(source), head: { ...head }, digests: digestsOf(source) };
    // one file, that can be read where nothing may be written beside it
    const copy = new DatabaseSync(to);
    copy.exec('pragma journal_mode = delete');
    copy.close();
    return snapshot;
  } finally {
    source.close();
  }
}
