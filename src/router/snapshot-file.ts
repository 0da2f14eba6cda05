import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { RouteSnapshot } from '../platform/ports/routes.ts';

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
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as RouteSnapshot;
}

export const NO_ROUTES: RouteSnapshot = {
  revision: 0,
  endpoints: [],
  identities: { accessKeys: [], sealingKey: '', policies: {} },
};
