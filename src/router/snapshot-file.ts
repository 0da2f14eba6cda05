import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import type { RouteSnapshot } from '../platform/ports/routes.ts';
import { readTextFile } from '../platform/read-text-file.ts';

/** The file a restarted router serves from before any server is there. It holds keys: 0600. */
export function writeSnapshotFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** Undefined when there is none yet. A damaged file cannot be served from: it throws. */
export function readSnapshotFile(path: string): RouteSnapshot | undefined {
  const text = readTextFile(path);
  return text === undefined ? undefined : (JSON.parse(text) as RouteSnapshot);
}

export const NO_ROUTES: RouteSnapshot = {
  revision: 0,
  endpoints: [],
  identities: { accessKeys: [], sealingKey: '', policies: {} },
};
