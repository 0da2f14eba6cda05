import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../clock.ts';
import type { StoreFactory } from '../port-suite.ts';
import type { Store } from '../port.ts';
import { createSqliteStore } from './sqlite-store.ts';

/** For tests: a real store in a folder of its own, closed and removed afterwards. */
export async function withSqliteStore<T>(
  run: (opened: { readonly store: Store; readonly path: string; readonly folder: string }) => Promise<T>,
  clocks: { readonly clock?: Clock; readonly diskClock?: Clock } = {},
): Promise<T> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'slipway-store-'));
  const path = join(folder, 'slipway.db');
  const store = createSqliteStore({ path, clock: systemClock, ...clocks });
  try {
    return await run({ store, path, folder });
  } finally {
    await store.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** The adapter as the suites over stores take it. */
export const sqliteStores: StoreFactory = {
  name: 'sqlite',
  async open() {
    const folder = fs.mkdtempSync(join(tmpdir(), 'slipway-store-'));
    const path = join(folder, 'slipway.db');
    let store = createSqliteStore({ path, clock: systemClock });
    return {
      store,
      async reopen() {
        await store.close();
        store = createSqliteStore({ path, clock: systemClock });
        return store;
      },
      async end() {
        await store.close();
        fs.rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
