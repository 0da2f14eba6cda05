import { execFile } from 'node:child_process';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Removes a tree whose folders work may have made unwritable to their owner. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // deeper than a path may be long; `rm` goes from folder to folder
    if (code === 'ENAMETOOLONG') await promisify(execFile)('rm', ['-rf', '--', path]);
    else if (code === 'EACCES' || code === 'EPERM') await openFolders(path);
    else throw error;
    await rm(path, { recursive: true, force: true });
  }
}

async function openFolders(path: string): Promise<void> {
  try {
    await chmod(path, 0o700);
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.isDirectory()) await openFolders(join(path, entry.name));
    }
  } catch (error) {
    // the removal that failed at one folder goes on with others
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
