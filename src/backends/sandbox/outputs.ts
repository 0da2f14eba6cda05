import { close, createReadStream, type Dirent, read, type Stats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { BackendError } from '../../platform/errors/families.ts';
import type { WorkOutputFile, WorkOutputTree } from '../../platform/ports/work.ts';
import { openWithin } from './read-file.ts';
import { roomBytes } from './stage.ts';

/**
 * Regular files below `folder` in the order of their names, depth first: the same tree always gives the same list. Links,
 * sockets and devices are named in `skipped` and never followed. `root` bounds the walk: work may have replaced `folder`
 * itself by a link.
 */
export async function walkOutput(root: string, folder: string): Promise<WorkOutputTree> {
  const realRoot = await realpath(root);
  const top = join(realRoot, folder);
  const files: WorkOutputFile[] = [];
  const skipped: string[] = [];
  if (await isRealFolder(realRoot, folder)) await walk(top, '', files, skipped);
  else skipped.push('.');
  return { files, skipped };
}

/** Every part of the way is a directory, none a link. */
async function isRealFolder(root: string, folder: string): Promise<boolean> {
  let path = root;
  for (const part of folder.split('/')) {
    path = join(path, part);
    const found = await lstat(path).catch(() => undefined); // absent: work removed it, so there is nothing to publish
    if (!found?.isDirectory()) return false;
  }
  return true;
}

async function walk(top: string, below: string, files: WorkOutputFile[], skipped: string[]): Promise<void> {
  const entries = await listFolder(top, below);
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const entry of entries) {
    const relativePath = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      await walk(top, relativePath, files, skipped);
      continue;
    }
    const found = entry.isFile() ? await lookAt(top, relativePath) : undefined;
    if (!found?.isFile()) skipped.push(relativePath);
    else files.push(outputFile(join(top, relativePath), relativePath, found));
  }
}

async function listFolder(top: string, below: string): Promise<Dirent[]> {
  try {
    return await readdir(join(top, below), { withFileTypes: true });
  } catch (error) {
    if (isGone(error)) return [];
    throw unpublishable(below, error);
  }
}

/** Work that still runs may remove what was just listed. */
const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** A name that is no UTF-8 cannot be found again by its text: undefined. */
async function lookAt(top: string, relativePath: string): Promise<Stats | undefined> {
  try {
    return await lstat(join(top, relativePath));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw unpublishable(relativePath, error);
  }
}

/** Nothing changes by trying again: the job has ended, and this is how it left its outputs. */
function unpublishable(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const why = code === 'ENAMETOOLONG' ? 'its path is too long' : code === 'EACCES' ? 'it may not be read' : undefined;
  return why === undefined ? error : new BackendError('user-code', `The output ${shortened(path)} cannot be published: ${why}.`);
}

const shortened = (path: string): string => (path.length <= 200 ? path || '.' : `${path.slice(0, 100)}…${path.slice(-100)}`);

function outputFile(path: string, relativePath: string, { size: sizeBytes, mtimeMs, mode }: Stats): WorkOutputFile {
  const executable = (mode & 0o100) !== 0;
  return { relativePath, sizeBytes, modifiedAtMs: mtimeMs, executable, open: () => content(path, relativePath, sizeBytes) };
}

async function* content(path: string, relativePath: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  // what is published is a copy; a file full of nothing may say that it is larger than any disk
  if (sizeBytes > roomBytes(dirname(path))) {
    throw new BackendError(
      'user-code',
      `The output ${shortened(relativePath)} has ${sizeBytes} bytes, for which the disk of the data folder has no room.`,
    );
  }
  const opened = await openWithin(path);
  if (!opened) throw new BackendError('storage', `The output file ${relativePath} is gone or was replaced by a link.`);
  yield* createReadStream('', { fd: opened.fd, autoClose: true, highWaterMark: 1024 * 1024 });
}

const readFd = promisify(read);
const closeFd = promisify(close);

/** The first `sizeBytesMax` bytes of a file in the run's tree as text. */
export async function readStart(root: string, path: string, sizeBytesMax: number): Promise<string | undefined> {
  const opened = await openWithin(join(await realpath(root), path));
  if (!opened) return undefined;
  try {
    const buffer = Buffer.alloc(Math.min(sizeBytesMax, opened.sizeBytes));
    const { bytesRead } = await readFd(opened.fd, buffer, 0, buffer.length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await closeFd(opened.fd);
  }
}
