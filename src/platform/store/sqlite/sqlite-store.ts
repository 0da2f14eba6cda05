import { closeSync, openSync } from 'node:fs';
import { type Clock, systemClock } from '../../clock.ts';
import { BackendError, ConfigError, invariant } from '../../errors/families.ts';
import type { JsonObject } from '../../json.ts';
import { headMarkPath, lossProblem, readHeadMark } from '../../ledger/head-mark.ts';
import type { ResourceKey } from '../../resource-key.ts';
import type { Commit, ListQuery, Page, Row, Store } from '../port.ts';
import { missingPages } from './check-file.ts';
import { applyMigrations } from './migrations.ts';
import { openConnection } from './open-connection.ts';
import { createReads, type Reads } from './reads.ts';
import { createScanner } from './scanner.ts';
import { createWriter } from './writer.ts';

export interface SqliteStoreOptions {
  /** The database file; created when absent. Its folder exists. */
  readonly path: string;
  readonly clock: Clock;
  /** For tests of a disk that does not answer. */
  readonly diskClock?: Clock;
}

const KEYS_MAX = 1_000;
/** Rows a filter without an index may look at on the main thread (about a millisecond), then in the scan thread. */
const SCAN_ROWS_HERE = 500;
const SCAN_ROWS_THREAD = 100_000;
const EVENT_RETENTION_MS = 30 * 24 * 3600 * 1000;
const PRUNE_EVERY_MS = 3600 * 1000;

/**
 * The Store port on SQLite: this thread reads by key or bounded page on its own connection, a thread writes. The file
 * belongs to one server at a time (the data folder's lock sees to that).
 */
export function createSqliteStore(options: SqliteStoreOptions): Store {
  const { path, clock } = options;
  const db = openDatabase(path);
  const reads = createReads(db);
  const listeners = new Set<(commit: Commit) => void>();
  const scanner = createScanner({ path, clock });
  const writer = createWriter({
    path,
    diskClock: options.diskClock ?? systemClock,
    onDurable: (commit) => {
      for (const listener of listeners) listener(commit);
    },
  });
  let cancelPrune = () => {};
  const prune = () => {
    cancelPrune = clock.at(clock.now() + PRUNE_EVERY_MS, prune);
    // a failure here shows in the commits as well, and the next round tries again
    writer.pruneEvents(clock.now() - EVENT_RETENTION_MS).catch(() => undefined);
  };
  cancelPrune = clock.at(clock.now() + PRUNE_EVERY_MS, prune);

  const read = <T>(what: (reads: Reads) => T): Promise<T> => {
    try {
      return Promise.resolve(what(reads));
    } catch (error) {
      return Promise.reject(new BackendError('storage', 'The store could not be read.', { retryable: true, cause: error }));
    }
  };
  return {
    get: <D extends JsonObject>(key: ResourceKey) => read((from) => from.get(key) as Row<D> | undefined),
    getMany: <D extends JsonObject>(keys: readonly ResourceKey[]) => {
      invariant(keys.length <= KEYS_MAX, `getMany takes at most ${KEYS_MAX} keys`, { keys: String(keys.length) });
      return read((from) => keys.map((key) => from.get(key) as Row<D> | undefined));
    },
    list: async <D extends JsonObject>(query: ListQuery) => {
      const page = await read((from) => from.list(query, SCAN_ROWS_HERE));
      if (!page.cut || !page.next) return pageOf<D>(page);
      const left = query.limit - page.rows.length;
      // a page that is full already asks for one more row: only that tells whether it is the last
      const rest = await scanner.scan({ ...query, after: page.next, limit: Math.max(1, left) }, SCAN_ROWS_THREAD);
      if (left === 0) return pageOf<D>({ rows: page.rows, next: rest.rows.length > 0 ? page.next : rest.next });
      return pageOf<D>({ rows: [...page.rows, ...rest.rows], next: rest.next });
    },
    count: (query) => read((from) => from.count(query)),
    referrers: (key, limit) => read((from) => from.referrers(key, limit)),
    commit: async (commit) => writer.submit(commit),
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    timers: (page) => read((from) => from.timers(page)),
    events: (page) => read((from) => from.events(page)),
    ledger: (page) => read((from) => from.ledger(page)),
    ledgerHead: () => read((from) => from.ledgerHead()),
    unusedBlobs: (digests) => read((from) => from.unusedBlobs(digests)),
    async close() {
      cancelPrune();
      await Promise.all([writer.close(), scanner.close()]);
      if (db.isOpen) db.close();
    },
  };
}

const pageOf = <D extends JsonObject>({ rows, next }: Page): Page<D> =>
  next ? { rows: rows as Row<D>[], next } : { rows: rows as Row<D>[] };

function openDatabase(path: string) {
  const missing = missingPages(path);
  if (missing > 0) throw damaged(`${path} is cut off: ${missing} of its pages are missing`);
  let db: ReturnType<typeof openConnection>;
  try {
    // secrets lie in it; SQLite gives the files beside it the same mode
    closeSync(openSync(path, 'a', 0o600));
    db = openConnection(path, 'write');
  } catch (error) {
    throw new ConfigError('data folder', `${path} cannot be opened as a database: ${(error as Error).message}.`);
  }
  try {
    applyMigrations(db, path);
    checkHead(db, path);
    db.exec('pragma query_only = on');
    return db;
  } catch (error) {
    db.close();
    throw isDamage(error) ? damaged(`${path} cannot be read: ${(error as Error).message}`) : error;
  }
}

/** SQLite gives back what is whole of a log. Whether that is all that was acknowledged only the mark beside it can tell. */
function checkHead(db: ReturnType<typeof openConnection>, path: string): void {
  const reads = createReads(db);
  const hashAt = (sequence: number) => reads.ledger({ afterSequence: sequence - 1, limit: 1 })[0]?.hash;
  const problem = lossProblem(readHeadMark(path), reads.ledgerHead(), hashAt);
  if (problem === undefined) return;
  throw damaged(
    `${path} has lost changes that were acknowledged: ${problem}. If an older database was put here on purpose, remove ${headMarkPath(path)}`,
  );
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const isDamage = (error: unknown): boolean => [11, 26].includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);

const damaged = (problem: string): ConfigError =>
  new ConfigError('data folder', `${problem}. Keep a copy of the folder, and go on from a backup (slipway restore).`);
