import { createHash } from 'node:crypto';
import type { LedgerEntry } from '../../../src/platform/ledger/entry.ts';
import type { Check, Watched } from './check.ts';

/**
 * The chain by its description (docs/guides: SHA-256 over the hash before and the canonical JSON of entry and sequence), with a
 * hash and a spelling of our own. Entry by entry as they come, and all of them at the end.
 */
export function checkLedgerChain({ disk }: Watched): Check {
  let last = { sequence: 0, hash: '0'.repeat(64) };
  const problemOf = (entry: LedgerEntry, before: typeof last): string | undefined => {
    const { sequence, hash, previousHash } = entry;
    if (sequence !== before.sequence + 1) return `ledger entry ${sequence} follows ${before.sequence}`;
    if (previousHash !== before.hash) return `ledger entry ${sequence} names another hash than entry ${before.sequence} has`;
    return hash === hashOf(entry) ? undefined : `ledger entry ${sequence} does not match its hash`;
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
  createHash('sha256').update(previousHash).update(spelled({ entry, sequence })).digest('hex');

/** JSON with its members in order. */
function spelled(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spelled).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${spelled(inner)}`).join()}}`;
}
