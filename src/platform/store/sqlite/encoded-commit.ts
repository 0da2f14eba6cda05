import { invariant } from '../../errors/families.ts';
import { canonicalJson } from '../../ledger/canonical.ts';
import { keyText, type ResourceKey } from '../../resource-key.ts';
import type { Commit, Write } from '../port.ts';

/**
 * A commit as the writer thread gets it: texts and numbers only, cheap to clone between threads. Documents are serialised
 * here, at the moment of the call, so that later changes to the caller's objects cannot reach the disk.
 */
export interface EncodedCommit {
  readonly expect: readonly (readonly [...KeyColumns, version: number])[];
  readonly write: readonly EncodedWrite[];
  readonly remove: readonly KeyColumns[];
  readonly refer: readonly { readonly from: string; readonly to: string; readonly drop: boolean }[];
  readonly timers: readonly (readonly [reconciler: string, key: string, dueAtMs: number | null])[];
  readonly events: readonly (readonly [timeMs: number, document: string])[];
  /** Canonical JSON of each entry. */
  readonly ledger: readonly string[];
  readonly sizeChars: number;
}

export type KeyColumns = readonly [account: string, region: string, kind: string, name: string];

export interface EncodedWrite {
  readonly key: KeyColumns;
  readonly parent: string | null;
  readonly status: string | null;
  readonly facet: string | null;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly ordinal: number | null;
  readonly document: string;
  /** Absent: the row keeps the blobs it has. */
  readonly blobs?: readonly string[];
}

/** What became of one commit of a batch. `conflict` holds positions in `expect`. */
export type Outcome =
  | { readonly outcome: 'done'; readonly firstVersion: number }
  | { readonly outcome: 'conflict'; readonly positions: readonly number[] }
  | { readonly outcome: 'refused'; readonly problem: string };

export function encodeCommit(commit: Commit): EncodedCommit {
  const write = (commit.write ?? []).map(encodeWrite);
  const remove = (commit.remove ?? []).map(keyColumns);
  checkDistinct(commit);
  const events = (commit.events ?? []).map((event) => [event.timeMs, JSON.stringify(event)] as const);
  const ledger = (commit.ledger ?? []).map(canonicalJson);
  let sizeChars = 200;
  for (const { document } of write) sizeChars += document.length;
  for (const [, document] of events) sizeChars += document.length;
  for (const entry of ledger) sizeChars += entry.length;
  return {
    expect: commit.expect.map(({ key, version }) => [...keyColumns(key), version] as const),
    write,
    remove,
    events,
    ledger,
    sizeChars,
    refer: (commit.refer ?? []).map(({ from, to, drop }) => ({ from: keyText(from), to: keyText(to), drop: drop === true })),
    timers: (commit.timers ?? []).map(({ reconciler, key, dueAtMs }) => [reconciler, keyText(key), dueAtMs] as const),
  };
}

function encodeWrite({ key, document, index, blobs }: Write): EncodedWrite {
  return {
    key: keyColumns(key),
    parent: index.parent ?? null,
    status: index.status ?? null,
    facet: index.facet ?? null,
    createdAtMs: index.createdAtMs,
    modifiedAtMs: index.modifiedAtMs,
    ordinal: index.ordinal ?? null,
    document: JSON.stringify(document),
    ...(blobs ? { blobs } : {}),
  };
}

function keyColumns({ account, region, kind, name }: ResourceKey): KeyColumns {
  // lone surrogates all become U+FFFD on disk: two names would meet in one row
  invariant(name !== '' && name.isWellFormed(), 'a resource has a name of well-formed text', { kind, name });
  return [account, region, kind, name];
}

function checkDistinct({ write = [], remove = [] }: Commit): void {
  if (write.length + remove.length < 2) return;
  const seen = new Set<string>();
  for (const key of [...write.map((one) => one.key), ...remove]) {
    const text = keyText(key);
    invariant(!seen.has(text), 'a commit writes or removes a row once', { key: text });
    seen.add(text);
  }
}
