import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readTextFile } from './read-text-file.ts';

/** A certificate with its key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** One file holds both, so that there is never a certificate without its key. Undefined when there is none. */
export function readKeyPair(path: string): KeyPair | undefined {
  const [certificate = '', key = ''] = (readTextFile(path) ?? '').split(/(?=-----BEGIN PRIVATE KEY-----)/);
  return key === '' ? undefined : { certificate, key };
}

/** Whole or not at all, also when the process dies on the way. Of several that write at once all get the pair that was first on the disk. */
export function writeKeyPair(path: string, pair: KeyPair): KeyPair {
  const temporary = `${path}.${randomUUID()}.tmp`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(temporary, `${pair.certificate.trimEnd()}\n${pair.key}`, { mode: 0o600, flush: true });
  try {
    linkSync(temporary, path);
    return pair;
  } catch (error) {
    const first = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readKeyPair(path) : undefined;
    if (!first) throw error;
    return first;
  } finally {
    rmSync(temporary, { force: true });
  }
}
