import { join } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { type LedgerVerdict, verifyLedger } from '../../src/platform/ledger/verify.ts';
import type { Store } from '../../src/platform/store/port.ts';
import { createSqliteStore } from '../../src/platform/store/sqlite/sqlite-store.ts';

/**
 * The one place where the crash suite knows which store a server stands on: `CRASH_STORE`, default `sqlite`. A further adapter is a further entry;
 * nothing else of the suite changes.
 */
export interface StoreAdapter {
  /** Further arguments of `serve`, so that the server of this folder uses it. */
  serveArguments(folder: string): readonly string[];
  /** The ledger as it lies, with no server alive. */
  verify(folder: string): LedgerVerdict;
  /** For reading what a stopped server left. */
  open(folder: string): Store;
}

const ADAPTERS: Readonly<Record<string, StoreAdapter>> = {
  sqlite: {
    serveArguments: () => [], // what a data folder has by itself
    verify: (folder) => verifyLedger(join(folder, 'slipway.db')),
    open: (folder) => createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock }),
  },
};

function adapterNamed(name: string): StoreAdapter {
  const found = ADAPTERS[name];
  if (!found) throw new Error(`CRASH_STORE is ${name}; there are ${Object.keys(ADAPTERS).join(', ')}.`);
  return found;
}

export const storeAdapter: StoreAdapter = adapterNamed(process.env['CRASH_STORE'] ?? 'sqlite');
