import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { copyFile, filesBelow, forEachOf } from './files.ts';
import type { BackedUpFile } from './manifest.ts';

/** Being written, or only of this server's life. */
const PASSING = /(?:^|\/)(?:\.incoming\/|tmp_|incoming-)|\.lock$/;
/** Whoever repacks again and again meanwhile would keep us looking. */
const LOOKS_MAX = 100;

/**
 * Copies the git repositories of a data folder while pushes come in. It begins after the database was taken, so that every object which a
 * row knows is there; references are copied before packs, so that every object which a reference of the copy knows is there too. Packs do
 * not change, but a repack may replace them by another while they are copied: it is looked again until nothing new is found.
 */
export async function copyRepositories(folder: string, target: string, git: string): Promise<BackedUpFile[]> {
  if (!existsSync(join(folder, git))) return [];
  const below = async () =>
    (await filesBelow(join(folder, git))).filter((path) => !PASSING.test(path)).map((path) => join(git, path));
  const copied = new Map<string, BackedUpFile>();
  const take = async (path: string) => {
    if (copied.has(path)) return;
    const file = await copyFile(folder, target, path);
    if (file) copied.set(path, file);
  };
  const isObject = (path: string) => path.includes('.git/objects/');
  // HEAD and packed references replace their file as a whole; loose ones come first, since packing moves them there
  const first = (await below()).filter((path) => !isObject(path));
  for (const path of first.filter((one) => one.includes('.git/refs/'))) await take(path);
  for (const path of first) await take(path);
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const left = (await below()).filter((path) => isObject(path) && !copied.has(path));
    if (left.length === 0) break;
    await forEachOf(left, take);
  }
  return [...copied.values()];
}
