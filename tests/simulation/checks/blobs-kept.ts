import { keyText } from '../../../src/platform/resource-key.ts';
import { type Check, shown, type Watched } from './check.ts';

export function checkBlobsKept({ disk, blobs }: Watched): Check {
  let count = 0;
  const gone = () =>
    disk.links
      .blobUses()
      .flatMap(({ digest, key }) => (blobs.has(digest) ? [] : [`${key} names the content ${digest}, which is gone`]));
  return {
    promise: 'whatever content a row names is there for as long as the row names it',
    onCommit: ({ commit }) =>
      (commit.write ?? []).flatMap(({ key, blobs: named = [] }) =>
        named.flatMap((digest) => (blobs.has(digest) ? [] : [`${shown(key)} names the content ${digest}, which is not there`])),
      ),
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
