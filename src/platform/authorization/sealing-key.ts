import { chmod, link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError } from '../errors/families.ts';
import type { Ids } from '../ids.ts';

const KEY_BYTES = 32;

/**
 * The installation's sealing key (hex) from `path`, made at the first start. Stored secrets and session tokens open only
 * with it. Written aside, made durable, then linked into place: a crash leaves the whole key or none, and of two starts
 * at once one wins.
 */
export async function readOrCreateSealingKey(path: string, ids: Ids): Promise<string> {
  const existing = await readKey(path);
  if (existing !== undefined) return existing;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${ids.alphanumeric(12)}`;
  const file = await open(aside, 'wx', 0o600);
  try {
    await file.writeFile(`${Buffer.from(ids.bytes(KEY_BYTES)).toString('hex')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another start was first; its key counts
  } finally {
    await unlink(aside);
  }
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
  await chmod(path, 0o600);
  const key = await readKey(path);
  if (key === undefined) throw new ConfigError('data folder', 'The sealing key vanished while it was made; start again.');
  return key;
}

async function readKey(path: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const key = text.trim();
  if (!/^[0-9a-f]{64}$/.test(key)) {
    throw new ConfigError(
      'data folder',
      'The sealing key file in keys/ does not hold 64 hexadecimal digits; restore it from a backup.',
    );
  }
  return key;
}
