import { parseKeyText, type ResourceKey } from '../../src/platform/resource-key.ts';
import { compareUtf8 } from './sim-rows.ts';

/** What rows hold on to: other rows (Commit.refer) and blobs (Write.blobs). Keys are key texts. */
export interface SimLinks {
  refer(from: string, to: string, drop: boolean): void;
  /** Replaces the blobs that a row uses. */
  setBlobs(key: string, digests: readonly string[]): void;
  /** What a removed row referred to, was referred to by, and used. */
  forget(key: string): void;
  referrers(to: string, limit: number): ResourceKey[];
  unusedBlobs(digests: readonly string[]): string[];
  /** All of both, sorted. */
  references(): { readonly from: string; readonly to: string }[];
  blobUses(): { readonly digest: string; readonly key: string }[];
}

export function createSimLinks(): SimLinks {
  const to = createPairs();
  const from = createPairs();
  const blobsOf = createPairs();
  const usersOf = createPairs();
  const setBlobs = (key: string, digests: readonly string[]) => {
    for (const digest of blobsOf.get(key)) usersOf.delete(digest, key);
    blobsOf.clear(key);
    for (const digest of digests) {
      blobsOf.add(key, digest);
      usersOf.add(digest, key);
    }
  };
  return {
    refer(source, target, drop) {
      if (drop) {
        to.delete(source, target);
        from.delete(target, source);
      } else {
        to.add(source, target);
        from.add(target, source);
      }
    },
    setBlobs,
    forget(key) {
      for (const target of to.get(key)) from.delete(target, key);
      for (const source of from.get(key)) to.delete(source, key);
      to.clear(key);
      from.clear(key);
      setBlobs(key, []);
    },
    referrers: (target, limit) => [...from.get(target)].sort(compareUtf8).slice(0, limit).map(parseKeyText),
    unusedBlobs: (digests) => digests.filter((digest) => usersOf.get(digest).size === 0),
    references: () => to.all().map(([source, target]) => ({ from: source, to: target })),
    blobUses: () => usersOf.all().map(([digest, key]) => ({ digest, key })),
  };
}

const NONE: ReadonlySet<string> = new Set();

function createPairs() {
  const pairs = new Map<string, Set<string>>();
  return {
    get: (one: string): ReadonlySet<string> => pairs.get(one) ?? NONE,
    add(one: string, other: string): void {
      const others = pairs.get(one);
      if (others) others.add(other);
      else pairs.set(one, new Set([other]));
    },
    delete(one: string, other: string): void {
      const others = pairs.get(one);
      if (others?.delete(other) && others.size === 0) pairs.delete(one);
    },
    clear: (one: string) => void pairs.delete(one),
    all: () =>
      [...pairs]
        .flatMap(([one, others]) => [...others].map((other) => [one, other] as const))
        .sort((a, b) => compareUtf8(a[0], b[0]) || compareUtf8(a[1], b[1])),
  };
}
