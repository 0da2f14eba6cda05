import { close, constants, existsSync, fstat, open, readFileSync, readlink } from 'node:fs';
import { promisify } from 'node:util';

/** A small file's text; undefined when absent. Any other failure is thrown. */
export function readIfPresent(path: string): string | undefined {
  if (!existsSync(path)) return undefined; // mostly it is not there, and an error is dearer than this look
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);
const readLink = promisify(readlink);

export interface OpenedFile {
  readonly fd: number;
  readonly sizeBytes: number;
}

/**
 * Opens a regular file in a tree that work may have filled with links and pipes. Undefined when it is absent, not a
 * regular file, or reached through a symbolic link at any part of its path (asked of the open descriptor, so nothing can
 * change in between). `path` must be free of links up to the tree's root.
 */
export async function openWithin(path: string): Promise<OpenedFile | undefined> {
  let fd: number;
  try {
    fd = await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO' || code === 'EACCES') return undefined;
    throw error;
  }
  const stat = await statFile(fd);
  if (stat.isFile() && (await readLink(`/proc/self/fd/${fd}`)) === path) return { fd, sizeBytes: stat.size };
  await closeFile(fd);
  return undefined;
}
