import { statfsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackendError } from '../../platform/errors/families.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { WorkInput } from '../../platform/ports/work.ts';

const PLACES_AT_ONCE = 16;

export interface StagedArchive {
  readonly from: string;
  readonly to: string;
  readonly form: 'tar.gz' | 'zip';
}

/**
 * Puts the inputs' files into the run's folder, `folders[n]` for input `n`. Files behind a read-only mount are links
 * to stored content, all others private copies. Archives are only placed: the supervisor unpacks them, off this process.
 */
export async function stageInputs(
  blobs: BlobStore,
  runFolder: string,
  inputs: readonly WorkInput[],
  folders: readonly string[],
): Promise<StagedArchive[]> {
  const archives: StagedArchive[] = [];
  for (const [index, input] of inputs.entries()) {
    const folder = folders[index] ?? `inputs/${index}`;
    await mkdir(join(runFolder, folder), { recursive: true, mode: 0o755 });
    if (input.extract) archives.push({ ...(await placeArchive(blobs, runFolder, input, index, folder)), form: input.extract });
    else await placeFiles(blobs, join(runFolder, folder), input, input.access === 'writable' ? 'private' : 'read-only');
  }
  return archives;
}

async function placeArchive(
  blobs: BlobStore,
  runFolder: string,
  input: WorkInput,
  index: number,
  folder: string,
): Promise<Omit<StagedArchive, 'form'>> {
  const [entry, ...more] = input.entries;
  if (!entry || more.length > 0) {
    throw new BackendError('storage', `The archive for ${input.path} must be one object; ${input.entries.length} were found.`);
  }
  const from = `archives/${index}`;
  await mkdir(join(runFolder, 'archives'), { recursive: true });
  await blobs.place(entry.digest, join(runFolder, from), 'read-only'); // never shown to the job
  return { from, to: folder };
}

async function placeFiles(blobs: BlobStore, folder: string, input: WorkInput, use: 'read-only' | 'private'): Promise<void> {
  const made = new Set<string>([folder]);
  for (let start = 0; start < input.entries.length; start += PLACES_AT_ONCE) {
    const batch = input.entries
      .slice(start, start + PLACES_AT_ONCE)
      .map((entry) => ({ entry, path: pathOf(folder, entry.relativePath, input) }));
    for (const { path } of batch) {
      const parent = dirname(path);
      if (!made.has(parent)) await mkdir(parent, { recursive: true });
      made.add(parent);
    }
    await Promise.all(batch.map(({ entry, path }) => blobs.place(entry.digest, path, use)));
  }
}

/** Object keys may hold anything; what is no path below the folder cannot be a file there. */
function pathOf(folder: string, relativePath: string, input: WorkInput): string {
  const parts = relativePath.split('/');
  if (relativePath === '' || relativePath.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new BackendError(
      'storage',
      `The object "${relativePath}" cannot be a file below ${input.path}: its key is no plain path.`,
    );
  }
  return join(folder, relativePath);
}

/** A bomb must not fill the disk: what is unpacked may take nine tenths of what is free. */
export function unpackBytesMax(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor(bavail * bsize * 0.9);
}

const DISK_RESERVE_BYTES_MAX = 128 * 1024 * 1024;

/** A hundredth of the disk, at most 128 MiB. Work may not begin below it either. */
export function diskReserveBytes(folder: string): number {
  const { freeBytes, reserveBytes } = diskOf(folder);
  if (freeBytes < reserveBytes) throw Object.assign(new Error('disk full'), { code: 'ENOSPC' });
  return reserveBytes;
}

/** What may still be written without going below the reserve. */
export function roomBytes(folder: string): number {
  const { freeBytes, reserveBytes } = diskOf(folder);
  return freeBytes - reserveBytes;
}

function diskOf(folder: string): { freeBytes: number; reserveBytes: number } {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return { freeBytes: bavail * bsize, reserveBytes: Math.min(DISK_RESERVE_BYTES_MAX, Math.floor((blocks * bsize) / 100)) };
}

/** What a failed staging says on the job. */
export function stagingMessage(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return 'No space left on the disk of the data folder: free some and run the job again.';
  if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'EISDIR') {
    return 'Two input objects cannot both be files: one key is a folder of the other.';
  }
  if (code === 'ENAMETOOLONG') return 'The key of an input object is too long to be a file name here.';
  if (error instanceof BackendError) return message;
  return `The inputs could not be staged (${code ?? (error as Error).name}).`;
}
