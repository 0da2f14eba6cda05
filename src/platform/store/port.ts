import type { EventInput, StoredEvent } from '../events/event.ts';
import type { JsonObject } from '../json.ts';
import type { LedgerEntry, LedgerHead, LedgerInput } from '../ledger/entry.ts';
import type { ResourceKey } from '../resource-key.ts';

/**
 * The store speaks in commits. A change, its events and its ledger entries become durable together or not at all.
 * Adapters: SQLite (writer thread, group commit), simulator; PostgreSQL later. One suite runs on every adapter.
 */
export interface Store {
  get<D extends JsonObject = JsonObject>(key: ResourceKey): Promise<Row<D> | undefined>;
  /** In the order asked; absent rows are undefined. At most 1,000 keys. */
  getMany<D extends JsonObject = JsonObject>(keys: readonly ResourceKey[]): Promise<(Row<D> | undefined)[]>;
  /** One bounded page by declared index columns; cost does not grow with the table (keyset pagination). */
  list<D extends JsonObject = JsonObject>(query: ListQuery): Promise<Page<D>>;
  /** How many rows a list of these filters has, from an index alone: no document is read. */
  count(query: CountQuery): Promise<number>;
  /** Rows that refer to `key` (see Commit.refer); at most `limit`. */
  referrers(key: ResourceKey, limit: number): Promise<ResourceKey[]>;
  commit(commit: Commit): Promise<CommitResult>;
  /** Called after every commit that is durable, in commit order, in this process, before its caller hears. For wake-ups only. */
  onCommitted(listener: (committed: Commit) => void): () => void;
  /** Every timer in order of `dueAtMs`, then reconciler and key; at most `limit`, behind `after`. */
  timers(page: { after?: Timer; limit: number }): Promise<Timer[]>;
  events(page: { afterSequence: number; limit: number }): Promise<StoredEvent[]>;
  ledger(page: { afterSequence: number; limit: number }): Promise<LedgerEntry[]>;
  ledgerHead(): Promise<LedgerHead>;
  /** Those of `digests` that no row uses (see Write.blobs), for the blob collector. At most 1,000. */
  unusedBlobs(digests: readonly string[]): Promise<string[]>;
  /** Writes what was committed so far, then ends; later commits are refused. */
  close(): Promise<void>;
}

export interface Row<D extends JsonObject = JsonObject> {
  readonly key: ResourceKey;
  /**
   * +1 per write. A new row begins anywhere above 0, never where an earlier row of its key can be found: who decided by a row that was
   * removed and made anew meanwhile must meet a conflict.
   */
  readonly version: number;
  readonly document: D;
  readonly index: RowIndex;
}

/** The index columns, the same for every kind; a room declares in resources.ts what it puts into each. */
export interface RowIndex {
  /** Owner or group: pipeline of an execution, group of a package version, bucket of an object. Equality filter. */
  readonly parent?: string;
  readonly status?: string;
  /** One more equality filter, e.g. the approval status of a package. */
  readonly facet?: string;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  /**
   * A number to sort by when creation times are not enough, e.g. the version number of a package. Lists sorted by
   * `status` or `ordinal` leave out rows that have none.
   */
  readonly ordinal?: number;
}

export interface ListQuery {
  readonly account: string;
  readonly region: string;
  readonly kind: string;
  readonly parent?: string;
  readonly status?: string;
  readonly facet?: string;
  readonly namePrefix?: string;
  /** Case-insensitive substring, as in AWS's NameContains. */
  readonly nameContains?: string;
  /** Times are exclusive at both ends. */
  readonly createdAfterMs?: number;
  readonly createdBeforeMs?: number;
  readonly modifiedAfterMs?: number;
  readonly modifiedBeforeMs?: number;
  readonly sortBy: 'name' | 'created' | 'modified' | 'status' | 'ordinal';
  readonly order: 'ascending' | 'descending';
  /** Exclusive start: a cursor from the page before, or `{ sort: name, name }` of any name when sorting by name. */
  readonly after?: Cursor;
  readonly limit: number;
}

/** Rows of one parent whose `ordinal` is greater than `ordinalAbove`; `facet` narrows further. */
export interface CountQuery {
  readonly account: string;
  readonly region: string;
  readonly kind: string;
  readonly parent: string;
  readonly facet?: string;
  readonly ordinalAbove: number;
}

export interface Cursor {
  readonly sort: string | number;
  readonly name: string;
}

export interface Page<D extends JsonObject = JsonObject> {
  readonly rows: Row<D>[];
  /** Present when there may be more. */
  readonly next?: Cursor;
}

export interface Commit {
  /** What must still hold: version 0 = must not exist. Every written or deleted row that was read belongs here. */
  readonly expect: readonly { readonly key: ResourceKey; readonly version: number }[];
  readonly write?: readonly Write[];
  readonly remove?: readonly ResourceKey[];
  /** `from` refers to `to` until either removes it; AWS's "in use" refusals read this. */
  readonly refer?: readonly { readonly from: ResourceKey; readonly to: ResourceKey; readonly drop?: boolean }[];
  readonly timers?: readonly TimerChange[];
  readonly events?: readonly EventInput[];
  readonly ledger?: readonly LedgerInput[];
}

export interface Write {
  readonly key: ResourceKey;
  readonly document: JsonObject;
  readonly index: RowIndex;
  /**
   * SHA-256 digests of the blobs this row keeps alive; replaces those of the row's earlier version. Absent: the row keeps
   * the blobs it has; `[]` lets go of them. A digest taken over from another row needs that row in `expect`.
   */
  readonly blobs?: readonly string[];
}

/**
 * A timer row wakes `reconciler` for `key`. A resource that is not settled always has one, so a restart loses no
 * work: at start every timer that is due wakes its reconciler, and the row stays until cleared or moved.
 */
export interface Timer {
  readonly reconciler: string;
  readonly key: ResourceKey;
  readonly dueAtMs: number;
}
export type TimerChange = { readonly reconciler: string; readonly key: ResourceKey; readonly dueAtMs: number | null };

export type CommitResult =
  /** `firstVersion`: of the rows that it made. */
  | { readonly outcome: 'done'; readonly firstVersion: number }
  | { readonly outcome: 'conflict'; readonly keys: readonly ResourceKey[] }
  /** The answer was lost: re-read before deciding anything, never blindly repeat. */
  | { readonly outcome: 'unknown'; readonly reason: string };
