import { createHash } from 'node:crypto';
import type { StoredEvent } from '../../src/platform/events/event.ts';
import { invariant } from '../../src/platform/errors/families.ts';
import { canonicalJson } from '../../src/platform/ledger/canonical.ts';
import { CHAIN_START, chainHash } from '../../src/platform/ledger/chain.ts';
import type { LedgerEntry, LedgerHead } from '../../src/platform/ledger/entry.ts';
import { keyText, type ResourceKey } from '../../src/platform/resource-key.ts';
import type { Commit, CommitResult, Row, RowIndex, Timer, Write } from '../../src/platform/store/port.ts';
import { frozenCopy, frozenJson } from './frozen-copy.ts';
import { createSimLinks, type SimLinks } from './sim-links.ts';
import { compareUtf8, createSimRows, type SimRows } from './sim-rows.ts';

/** Told of each commit that applied, in the same call: the commit, and by key text what each row it names was before. */
export type CommitListener = (commit: Commit, rowsBefore: ReadonlyMap<string, Row | undefined>) => void;

/** What is durable in a simulated world: it outlives every process that has it open (see sim-store.ts). */
export interface SimDisk {
  /** For readers. Every row, document and index is frozen. */
  readonly rows: Pick<SimRows, 'get' | 'list' | 'count' | 'all'>;
  readonly links: Pick<SimLinks, 'referrers' | 'unusedBlobs' | 'references' | 'blobUses'>;
  /** How many commits applied. */
  readonly commits: number;
  /** Entirely or not at all. Throws an InvariantError on what no adapter takes. */
  apply(commit: Commit): Exclude<CommitResult, { outcome: 'unknown' }>;
  /** By due time, then reconciler and key; the same list until a timer changes. */
  timers(): readonly Timer[];
  timer(reconciler: string, key: ResourceKey): Timer | undefined;
  timersOf(key: ResourceKey): readonly Timer[];
  events(page: { readonly afterSequence: number; readonly limit: number }): StoredEvent[];
  readonly lastEventSequence: number;
  ledger(page: { readonly afterSequence: number; readonly limit: number }): LedgerEntry[];
  ledgerHead(): LedgerHead;
  /** Removes the oldest events that are older than `beforeMs`, but for the newest one. */
  pruneEvents(beforeMs: number): void;
  onCommit(listener: CommitListener): () => void;
  /** SHA-256 hex over everything on the disk: equal worlds have equal ones. */
  fingerprint(): string;
}

export function createSimDisk(): SimDisk {
  return new Disk();
}

class Disk implements SimDisk {
  readonly rows = createSimRows();
  readonly links = createSimLinks();
  commits = 0;
  #timers = new Map<string, Map<string, Timer>>();
  #timerOrder: readonly Timer[] | undefined;
  #events: StoredEvent[] = [];
  lastEventSequence = 0;
  #ledger: LedgerEntry[] = [];
  readonly #listeners = new Set<CommitListener>();

  apply(commit: Commit): Exclude<CommitResult, { outcome: 'unknown' }> {
    check(commit);
    const conflicts = commit.expect.filter(({ key, version }) => (this.rows.get(key)?.version ?? 0) !== version);
    if (conflicts.length > 0) return { outcome: 'conflict', keys: conflicts.map(({ key }) => key) };
    const firstVersion = this.#firstVersion;
    const rowsBefore = new Map<string, Row | undefined>();
    for (const key of [...(commit.remove ?? []), ...(commit.write ?? []).map((write) => write.key)]) {
      rowsBefore.set(keyText(key), this.rows.get(key));
    }
    for (const key of commit.remove ?? []) this.#remove(key);
    for (const write of commit.write ?? []) this.#write(write, rowsBefore.get(keyText(write.key)));
    for (const { from, to, drop } of commit.refer ?? []) this.links.refer(keyText(from), keyText(to), drop === true);
    for (const { reconciler, key, dueAtMs } of commit.timers ?? []) this.#setTimer(reconciler, key, dueAtMs);
    for (const event of commit.events ?? []) {
      this.lastEventSequence += 1;
      this.#events.push(frozenCopy({ ...event, sequence: this.lastEventSequence }));
    }
    for (const entry of commit.ledger ?? []) this.#append(canonicalJson(entry));
    this.commits += 1;
    for (const listener of this.#listeners) listener(commit, rowsBefore);
    return { outcome: 'done', firstVersion };
  }

  /** Never where a row of the same key has been: each of its writes was a commit. */
  get #firstVersion(): number {
    return 1 + this.commits;
  }

  #remove(key: ResourceKey): void {
    this.rows.remove(key);
    this.links.forget(keyText(key));
  }

  #write({ key, document, index, blobs }: Write, before: Row | undefined): void {
    const version = before ? before.version + 1 : this.#firstVersion;
    const row = { key: before?.key ?? keyOf(key), version, document: frozenCopy(document), index: indexOf(index) };
    this.rows.put(Object.freeze(row));
    if (blobs) this.links.setBlobs(keyText(key), blobs);
  }

  #setTimer(reconciler: string, key: ResourceKey, dueAtMs: number | null): void {
    const text = keyText(key);
    const ofKey = this.#timers.get(text) ?? new Map<string, Timer>();
    if (dueAtMs === null) ofKey.delete(reconciler);
    else ofKey.set(reconciler, Object.freeze({ reconciler, key: keyOf(key), dueAtMs }));
    if (ofKey.size === 0) this.#timers.delete(text);
    else this.#timers.set(text, ofKey);
    this.#timerOrder = undefined;
  }

  #append(entryText: string): void {
    const head = this.ledgerHead();
    const sequence = head.sequence + 1;
    const hash = chainHash(head.hash, sequence, entryText);
    const entry = frozenJson(entryText) as LedgerEntry['entry'];
    this.#ledger.push(Object.freeze({ sequence, hash, previousHash: head.hash, entry }));
  }

  timers(): readonly Timer[] {
    this.#timerOrder ??= [...this.#timers.values()].flatMap((ofKey) => [...ofKey.values()]).sort(compareTimers);
    return this.#timerOrder;
  }

  timer = (reconciler: string, key: ResourceKey): Timer | undefined => this.#timers.get(keyText(key))?.get(reconciler);

  timersOf = (key: ResourceKey): readonly Timer[] => [...(this.#timers.get(keyText(key))?.values() ?? [])];

  events({ afterSequence, limit }: { readonly afterSequence: number; readonly limit: number }): StoredEvent[] {
    const first = this.#events[0]?.sequence ?? 1;
    const from = Math.max(0, afterSequence + 1 - first);
    return this.#events.slice(from, from + limit);
  }

  ledger({ afterSequence, limit }: { readonly afterSequence: number; readonly limit: number }): LedgerEntry[] {
    const from = Math.max(0, afterSequence);
    return this.#ledger.slice(from, from + limit);
  }

  ledgerHead(): LedgerHead {
    const last = this.#ledger.at(-1);
    return { sequence: last?.sequence ?? 0, hash: last?.hash ?? CHAIN_START };
  }

  pruneEvents(beforeMs: number): void {
    const kept = this.#events.findIndex(({ timeMs }, at) => timeMs >= beforeMs || at === this.#events.length - 1);
    if (kept > 0) this.#events.splice(0, kept);
  }

  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  fingerprint(): string {
    const hash = createHash('sha256');
    const rows = [...this.rows.all()].sort((one, other) => compareUtf8(keyText(one.key), keyText(other.key)));
    for (const part of [rows, this.timers(), this.#events, this.ledgerHead(), this.links.references(), this.links.blobUses()]) {
      hash.update(canonicalJson(part));
    }
    return hash.digest('hex');
  }
}

const keyOf = ({ account, region, kind, name }: ResourceKey): ResourceKey => Object.freeze({ account, region, kind, name });

const indexOf = ({ parent, status, facet, createdAtMs, modifiedAtMs, ordinal }: RowIndex): RowIndex =>
  Object.freeze({
    ...(parent !== undefined && { parent }),
    ...(status !== undefined && { status }),
    ...(facet !== undefined && { facet }),
    createdAtMs,
    modifiedAtMs,
    ...(ordinal !== undefined && { ordinal }),
  });

const compareTimers = (one: Timer, other: Timer): number =>
  one.dueAtMs - other.dueAtMs ||
  compareUtf8(one.reconciler, other.reconciler) ||
  compareUtf8(keyText(one.key), keyText(other.key));

/** Timers behind `after` in the order of `timers()`. */
export function timersAfter(timers: readonly Timer[], after: Timer | undefined, limit: number): Timer[] {
  const from = after ? timers.findIndex((timer) => compareTimers(timer, after) > 0) : 0;
  return from < 0 ? [] : timers.slice(from, from + limit);
}

/** What is a mistake of the caller in every adapter. */
function check(commit: Commit): void {
  const named = [...(commit.write ?? []).map(({ key }) => key), ...(commit.remove ?? [])];
  for (const { name, kind } of [...named, ...commit.expect.map(({ key }) => key)]) {
    invariant(name !== '' && name.isWellFormed(), 'a resource has a name of well-formed text', { kind, name });
  }
  if (named.length > 1) {
    const keys = named.map(keyText);
    invariant(new Set(keys).size === keys.length, 'a commit writes or removes a row once', { keys: keys.join(' ') });
  }
  for (const { key, index } of commit.write ?? []) {
    const numbers = [index.createdAtMs, index.modifiedAtMs, index.ordinal ?? 0];
    invariant(numbers.every(Number.isFinite), 'a commit fits the schema', { key: keyText(key) });
  }
  for (const { key, dueAtMs } of commit.timers ?? []) {
    invariant(dueAtMs === null || Number.isFinite(dueAtMs), 'a commit fits the schema', { key: keyText(key) });
  }
}
