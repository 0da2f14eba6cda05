import { hash as hashText } from 'node:crypto';
import type { LedgerEntry } from '../../../src/platform/ledger/entry.ts';
import type { Check, Watched } from './check.ts';

/**
 * The chain by its description (docs/guides: SHA-256 over the hash before and the canonical JSON of entry and sequence), with a
 * hash and a spelling of our own. Entry by entry as they come, and all of them at the end.
 */
export function checkLedgerChain({ disk }: Watched): Check {
  let last = { sequence: 0, hash: '0'.repeat(64) };
  /** Entries are frozen: what matched its hash once matches it for as long as it is the same. */
  const matched = new WeakSet<LedgerEntry>();
  const problemOf = (entry: LedgerEntry, before: typeof last): string | undefined => {
    const { sequence, hash, previousHash } = entry;
    if (sequence !== before.sequence + 1) return `ledger entry ${sequence} follows ${before.sequence}`;
    if (previousHash !== before.hash) return `ledger entry ${sequence} names another hash than entry ${before.sequence} has`;
    if (matched.has(entry)) return undefined;
    if (hash !== hashOf(entry)) return `ledger entry ${sequence} does not match its hash`;
    if (isFrozen(entry)) matched.add(entry);
    return undefined;
  };
  const follow = (entries: readonly LedgerEntry[], from: typeof last): { problems: string[]; last: typeof last } => {
    const problems: string[] = [];
    let before = from;
    for (const entry of entries) {
      const problem = problemOf(entry, before);
      if (problem !== undefined) problems.push(problem);
      before = { sequence: entry.sequence, hash: entry.hash };
    }
    return { problems, last: before };
  };
  return {
    promise: 'the ledger is a chain without gaps, whose entries match their hashes',
    onCommit({ ledger }) {
      const followed = follow(ledger, last);
      last = followed.last;
      return followed.problems;
    },
    atRest() {
      const head = disk.ledgerHead();
      const { problems, last: end } = follow(disk.ledger({ afterSequence: 0, limit: Number.MAX_SAFE_INTEGER }), {
        sequence: 0,
        hash: '0'.repeat(64),
      });
      if (head.sequence !== end.sequence || head.hash !== end.hash)
        problems.push(`the ledger ends with ${end.sequence}, its head is ${head.sequence}`);
      return problems;
    },
  };
}

const hashOf = ({ previousHash, sequence, entry }: LedgerEntry): string =>
  hashText('sha256', previousHash + spelled({ entry, sequence }), 'hex');

/** JSON with its members in order. */
function spelled(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(spelled).join()}]`;
  let members = '';
  for (const name of Object.keys(value).sort())
    members += `${members && ','}${JSON.stringify(name)}:${spelled((value as { readonly [name: string]: unknown })[name])}`;
  return `{${members}}`;
}

/** To the bottom. */
const isFrozen = (value: unknown): boolean =>
  value === null || typeof value !== 'object' || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
