import type { Clock } from '../../src/platform/clock.ts';
import { BackendError, invariant } from '../../src/platform/errors/families.ts';
import type { JsonObject } from '../../src/platform/json.ts';
import { keyText } from '../../src/platform/resource-key.ts';
import type { Commit, Page, Row, Store } from '../../src/platform/store/port.ts';
import { type SimDisk, timersAfter } from './sim-disk.ts';

const KEYS_MAX = 1_000;
const EVENT_RETENTION_MS = 30 * 24 * 3600 * 1000;
const PRUNE_EVERY_MS = 3600 * 1000;

/**
 * One process's view of a simulated disk, as the SQLite adapter is one of its file. A commit is durable when the call
 * returns; listeners and the caller hear of it a microtask later, in commit order, listeners first. Faults, delays and
 * crashes are put around this (gate.ts); what a process that died leaves is the disk.
 */
export function openSimStore(disk: SimDisk, { clock }: { readonly clock: Clock }): Store {
  const listeners = new Set<(commit: Commit) => void>();
  let closing = false;
  let cancelPrune = () => {};
  const armPrune = () => {
    cancelPrune = clock.at(clock.now() + PRUNE_EVERY_MS, () => {
      armPrune();
      disk.pruneEvents(clock.now() - EVENT_RETENTION_MS);
    });
  };
  armPrune();

  // as with a closed database: what is read after the end is an error, never an empty answer
  const read = <T>(what: () => T): Promise<T> =>
    closing
      ? Promise.reject(new BackendError('storage', 'The store could not be read.', { retryable: true }))
      : Promise.resolve(what());
  return {
    get: <D extends JsonObject>(key: Row['key']) => read(() => disk.rows.get(key) as Row<D> | undefined),
    getMany: <D extends JsonObject>(keys: readonly Row['key'][]) => {
      invariant(keys.length <= KEYS_MAX, `getMany takes at most ${KEYS_MAX} keys`, { keys: String(keys.length) });
      return read(() => keys.map((key) => disk.rows.get(key) as Row<D> | undefined));
    },
    list: <D extends JsonObject>(query: Parameters<Store['list']>[0]) => read(() => disk.rows.list(query) as Page<D>),
    count: (query) => read(() => disk.rows.count(query)),
    referrers: (key, limit) => read(() => disk.links.referrers(keyText(key), limit)),
    async commit(commit) {
      if (closing) throw new BackendError('storage', 'The server is stopping; nothing was changed.', { retryable: true });
      const result = disk.apply(commit);
      await undefined;
      if (result.outcome === 'done') for (const listener of listeners) listener(commit);
      return result;
    },
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    timers: ({ after, limit }) => read(() => timersAfter(disk.timers(), after, limit)),
    events: (page) => read(() => disk.events(page)),
    ledger: (page) => read(() => disk.ledger(page)),
    ledgerHead: () => read(() => disk.ledgerHead()),
    unusedBlobs: (digests) => read(() => disk.links.unusedBlobs(digests)),
    async close() {
      closing = true;
      cancelPrune();
    },
  };
}
