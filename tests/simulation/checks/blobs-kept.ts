import { keyText } from '../../../src/platform/resource-key.ts';
import { type Check, type RowChange, shown, type Watched } from './check.ts';
import { isSettled } from './statuses.ts';

const DIGEST = /\b[0-9a-f]{64}\b/g;
const DIGEST_LENGTH = 64;
const NONE: readonly string[] = [];
/** By parts of stored documents, which are frozen and shared by the versions of a row. */
const digestsOfPart = new WeakMap<object, readonly string[]>();

/** Digests that a value speaks of, wherever in it. */
function digestsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.length < DIGEST_LENGTH ? NONE : (value.match(DIGEST) ?? NONE);
  if (value === null || typeof value !== 'object') return NONE;
  const isFrozen = Object.isFrozen(value);
  const known = isFrozen ? digestsOfPart.get(value) : undefined;
  if (known) return known;
  const found: string[] = [];
  for (const name in value) {
    if (name.length >= DIGEST_LENGTH) found.push(...digestsIn(name));
    const inner = (value as { readonly [name: string]: unknown })[name];
    if (typeof inner !== 'string' || inner.length >= DIGEST_LENGTH) for (const digest of digestsIn(inner)) found.push(digest);
  }
  if (isFrozen) digestsOfPart.set(value, found);
  return found;
}

export function checkBlobsKept({ disk, blobs }: Watched): Check {
  let count = 0;
  const gone = () =>
    disk.links
      .blobUses()
      .flatMap(({ digest, key }) => (blobs.has(digest) ? [] : [`${key} names the content ${digest}, which is gone`]));
  /** Also where only the document says so: the collector goes by what rows declare. */
  const undeclared = ({ key, after }: RowChange): string[] => {
    // a job that has ended is done with its contents, and still tells what they were
    if (!after || (key.kind.endsWith('Job') && isSettled(key.kind, after.document))) return [];
    const named = new Set(digestsIn(after.document));
    if (named.size === 0) return [];
    const lost = disk.links.unusedBlobs([...named].filter((digest) => blobs.has(digest)));
    return lost.map((digest) => `${shown(key)} speaks of the content ${digest}, which no row keeps`);
  };
  return {
    promise: 'whatever content a row names is there for as long as the row names it',
    onCommit: ({ commit, changes }) => [
      ...(commit.write ?? []).flatMap(({ key, blobs: named = [] }) =>
        named.flatMap((digest) => (blobs.has(digest) ? [] : [`${shown(key)} names the content ${digest}, which is not there`])),
      ),
      ...changes.flatMap(undeclared),
    ],
    afterEvent() {
      // all are looked at only when some went
      const before = count;
      count = blobs.size;
      return count < before ? gone() : [];
    },
    atRest: gone,
  };
}

/** Commit.refer, from either side. */
export const checkNoDanglingReference = ({ disk }: Watched): Check => ({
  promise: 'what a row refers to exists',
  onCommit: ({ commit }) =>
    (commit.refer ?? []).flatMap(({ from, to, drop }) =>
      drop
        ? []
        : [from, to].flatMap((key) =>
            disk.rows.get(key) ? [] : [`${keyText(from)} refers to ${keyText(to)}, but ${shown(key)} is not there`],
          ),
    ),
});
