import { createReadStream, createWriteStream, mkdirSync, openSync, readSync, closeSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';
import { failed } from '../exit.ts';

/**
 * Unpacks the files of an image archive (`docker save`, OCI) into `folder` and returns where each name lies: links between members,
 * which older archives have for equal layers, are followed here and never made.
 */
export async function unpackArchive(path: string, folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const links = new Map<string, string>();
  const unpack = extract();
  unpack.on('entry', (header, stream, next) => {
    const name = plainName(header.name);
    if (name === undefined) {
      unpack.destroy(failed(`slipway: ${path}: the member "${header.name}" would land outside of the archive's folder.`));
      return;
    }
    if (header.type === 'file' || header.type === 'contiguous-file') {
      const target = join(folder, name);
      mkdirSync(dirname(target), { recursive: true });
      files.set(name, target);
      pipeline(stream, createWriteStream(target, { mode: 0o600 })).then(
        () => next(),
        (error: Error) => next(error),
      );
      return;
    }
    if (header.type === 'symlink' || header.type === 'link') {
      const from = header.type === 'symlink' ? posix.dirname(name) : '.';
      links.set(name, posix.join(from, header.linkname ?? ''));
    }
    stream.resume();
    stream.on('end', () => next());
  });
  try {
    await pipeline([createReadStream(path), ...decompression(path), unpack] as unknown as readonly NodeJS.ReadWriteStream[]);
  } catch (error) {
    if ((error as Error).name === 'CliExit') throw error;
    throw failed(`slipway: ${path} is no readable archive of an image: ${(error as Error).message}.`);
  }
  for (const [name, target] of links) {
    const found = files.get(target);
    if (found) files.set(name, found);
  }
  return files;
}

function plainName(name: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') || name.includes('\0') || parts.length === 0
    ? parts.length === 0
      ? '.'
      : undefined
    : parts.join('/');
}

function decompression(path: string): Readable[] {
  const magic = firstBytes(path, 4).toString('hex');
  if (magic.startsWith('1f8b')) return [createGunzip()];
  return magic === '28b52ffd' ? [createZstdDecompress()] : [];
}

export function firstBytes(path: string, count: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, readSync(file, bytes, 0, count, 0));
  } finally {
    closeSync(file);
  }
}
