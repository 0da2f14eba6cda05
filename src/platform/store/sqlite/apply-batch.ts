import { randomInt } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { chainHash } from '../../ledger/chain.ts';
import type { EncodedCommit, EncodedWrite, KeyColumns, Outcome } from './encoded-commit.ts';
import type { LedgerHead } from '../../ledger/entry.ts';
import { preparedStatements, type Statements } from './open-connection.ts';
import type { IndexColumns } from './reads.ts';

/** Applies commits on the writer's connection. */
export interface BatchWriter {
  /**
   * One transaction for all, one fsync; when one of them does not fit the schema, all are applied anew with a savepoint each. Throws when
   * the transaction as a whole failed (disk full, I/O error): then nothing of the batch is there.
   */
  apply(commits: readonly EncodedCommit[]): Outcome[];
  /** Removes at most `limit` of the oldest events that are older than `beforeMs`; returns how many. */
  pruneEvents(beforeMs: number, limit: number): number;
}

interface Head {
  sequence: number;
  hash: string;
}

/** `onHead` hears of the ledger's last entry once it is durable. */
export function createBatchWriter(db: DatabaseSync, onHead: (head: LedgerHead) => void = () => {}): BatchWriter {
  const statements = preparedStatements(db);
  const control = Object.fromEntries(
    (['begin immediate', 'commit', 'savepoint one', 'release one', 'rollback to one'] as const).map((sql) => [
      sql,
      db.prepare(sql),
    ]),
  ) as Record<
    'begin immediate' | 'commit' | 'savepoint one' | 'release one' | 'rollback to one',
    ReturnType<DatabaseSync['prepare']>
  >;

  const applyOne = (commit: EncodedCommit, head: Head): Outcome => {
    const before = { ...head };
    control['savepoint one'].run();
    try {
      const outcome = applyCommit(statements, commit, head);
      control['release one'].run();
      return outcome;
    } catch (error) {
      // an error that ended the whole transaction (disk full) has removed the savepoint, too: that is the batch's failure
      if (!db.isTransaction) throw error;
      control['rollback to one'].run();
      control['release one'].run();
      Object.assign(head, before);
      if (isStorageFailure(error)) throw error;
      return { outcome: 'refused', problem: error instanceof Error ? error.message : String(error) };
    }
  };

  const transact = (commits: readonly EncodedCommit[], one: (commit: EncodedCommit, head: Head) => Outcome): Outcome[] => {
    control['begin immediate'].run();
    try {
      // read inside the transaction: memory of a head that was rolled back would break the chain
      const [sequence, hash] = statements('ledgerHead').get() as unknown as [number, string];
      const head = { sequence, hash };
      const outcomes = commits.map((commit) => one(commit, head));
      if (head.sequence !== sequence) statements('setLedgerHead').run(head.sequence, head.hash);
      control.commit.run();
      if (head.sequence !== sequence) onHead(head);
      return outcomes;
    } catch (error) {
      if (db.isTransaction) db.exec('rollback');
      throw error;
    }
  };

  // a savepoint keeps every page as it was before: half of the work of a commit, and only what does not fit the schema needs it
  const apply = (commits: readonly EncodedCommit[]): Outcome[] => {
    try {
      return transact(commits, (commit, head) => applyCommit(statements, commit, head));
    } catch (error) {
      if (isStorageFailure(error)) throw error;
      return transact(commits, applyOne);
    }
  };

  return { apply, pruneEvents: (beforeMs, limit) => Number(statements('pruneEvents').run(limit, beforeMs).changes) };
}

/** SQLITE_IOERR, FULL, CORRUPT, READONLY, NOTADB, CANTOPEN, NOMEM, BUSY, LOCKED, PERM: no matter which commit it met. */
const STORAGE_FAILURES = new Set([3, 5, 6, 7, 8, 10, 11, 13, 14, 26]);

function isStorageFailure(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' && STORAGE_FAILURES.has(code & 0xff);
}

function applyCommit(statements: Statements, commit: EncodedCommit, head: Head): Outcome {
  // expectations come before any effect, so that a conflict has nothing to undo
  const known = new Map<string, IndexColumns | undefined>();
  const positions: number[] = [];
  commit.expect.forEach(([account, region, kind, name, version], position) => {
    const found = statements('getIndex').get(account, region, kind, name) as unknown as IndexColumns | undefined;
    if ((found?.[0] ?? 0) !== version) positions.push(position);
    known.set(keyOf([account, region, kind, name]), found);
  });
  if (positions.length > 0) return { outcome: 'conflict', positions };
  for (const key of commit.remove) removeRow(statements, key);
  const firstVersion = randomInt(1, FIRST_VERSION_MAX);
  for (const write of commit.write) writeRow(statements, write, known, firstVersion);
  for (const { from, to, drop } of commit.refer) statements(drop ? 'deleteReference' : 'putReference').run(from, to);
  for (const [reconciler, key, dueAtMs] of commit.timers) {
    if (dueAtMs === null) statements('deleteTimer').run(reconciler, key);
    else statements('putTimer').run(reconciler, key, dueAtMs);
  }
  for (const [timeMs, document] of commit.events) statements('insertEvent').run(timeMs, document);
  for (const entry of commit.ledger) {
    const sequence = head.sequence + 1;
    const hash = chainHash(head.hash, sequence, entry);
    statements('insertLedger').run(sequence, hash, head.hash, entry);
    head.sequence = sequence;
    head.hash = hash;
  }
  return { outcome: 'done', firstVersion };
}

/**
 * A row that is made anew under its name must not have the version of the one that was removed: a change decided on that one would be written
 * over it. Four bytes in the row.
 */
const FIRST_VERSION_MAX = 2 ** 30;

const keyOf = (key: KeyColumns): string => key.join('|');

function removeRow(statements: Statements, key: KeyColumns): void {
  const text = keyOf(key);
  statements('deleteRow').run(...key);
  statements('deleteReferencesFrom').run(text);
  statements('deleteReferencesTo').run(text);
  statements('deleteBlobUses').run(text);
}

function writeRow(
  statements: Statements,
  write: EncodedWrite,
  known: Map<string, IndexColumns | undefined>,
  firstVersion: number,
): void {
  const text = keyOf(write.key);
  const found = known.has(text)
    ? known.get(text)
    : (statements('getIndex').get(...write.key) as unknown as IndexColumns | undefined);
  const { parent, status, facet, createdAtMs, modifiedAtMs, ordinal, document } = write;
  const columns = [parent, status, facet, createdAtMs, modifiedAtMs, ordinal, document] as const;
  if (!found) {
    statements('insertRow').run(...write.key, firstVersion, ...columns);
  } else {
    const version = found[0] + 1;
    const same = found[1] === parent && found[3] === facet && found[4] === createdAtMs && found[6] === ordinal;
    if (!same) statements('updateRow').run(version, ...columns, ...write.key);
    else if (found[2] === status && found[5] === modifiedAtMs) statements('updateContent').run(version, document, ...write.key);
    else if (found[2] === status) statements('updateDocument').run(version, modifiedAtMs, document, ...write.key);
    else statements('updateStatus').run(version, status, modifiedAtMs, document, ...write.key);
  }
  if (write.blobs) {
    if (found) statements('deleteBlobUses').run(text);
    for (const digest of write.blobs) statements('putBlobUse').run(digest, text);
  }
}
