import type { ResourceKey } from '../resource-key.ts';
import { decideAndCommit } from '../store/attempt.ts';
import type { Commit, ListQuery, Store } from '../store/port.ts';
import { listRows, type Read } from '../store/typed-rows.ts';

/** What a page of rows takes with it. */
export type AlongWith = Pick<Partial<Commit>, 'expect' | 'write' | 'remove' | 'timers'>;

/**
 * Removes all rows of a list, a page of `limit` in each commit; `along` does what must come before a page's commit and may be asked again. Dying
 * anywhere leaves fewer rows, so that whoever asked keeps its timer until this is over. A row that was written meanwhile is looked at
 * again at once; a store that cannot write throws, and the loop waits.
 */
export async function removeRows<D>(
  store: Pick<Store, 'list' | 'commit'>,
  query: Omit<ListQuery, 'sortBy' | 'order' | 'after'>,
  along: (rows: readonly Read<D>[]) => AlongWith | Promise<AlongWith> = () => ({}),
): Promise<void> {
  for (let isLeft = true; isLeft; ) {
    isLeft = await decideAndCommit<boolean>(store, async () => {
      const { rows } = await listRows<D>(store, { ...query, sortBy: 'name', order: 'ascending' });
      if (rows.length === 0) return { result: false };
      const { expect = [], remove = [], ...more } = await along(rows);
      const commit = {
        ...more,
        expect: [...rows.map(({ key, version }) => ({ key, version })), ...expect],
        remove: [...rows.map(({ key }) => key), ...remove],
      };
      return { result: true, commit };
    });
  }
}

/** The last step of a work: its row, where it has one, goes with its timer. */
export const removeWithTimer = (store: Pick<Store, 'get' | 'commit'>, reconciler: string, key: ResourceKey): Promise<void> =>
  decideAndCommit(store, async () => {
    const row = await store.get(key);
    const expect = [{ key, version: row?.version ?? 0 }];
    return { result: undefined, commit: { expect, remove: row ? [key] : [], timers: [{ reconciler, key, dueAtMs: null }] } };
  });
