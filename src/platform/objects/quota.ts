import fs from 'node:fs';
import { ServiceError } from '../errors/families.ts';
import type { BlobFiles } from './blob-files.ts';

const MIB = 1024 * 1024;

/**
 * Refuses to keep more than `quotaBytes` in all. What is kept is counted once, folder by folder, when the first content comes, and then
 * followed; a content that is there already costs nothing. Hashes of chunks are not counted: they are a quarter of a millionth.
 */
export function withQuota(files: BlobFiles, quotaBytes: number | undefined): BlobFiles {
  if (!quotaBytes) return files;
  let counting: Promise<void> | undefined;
  let countedFolders = 0;
  let usedBytes = 0;
  const count = async () => {
    for (; countedFolders < files.folders; countedFolders += 1) {
      // nothing is awaited between these looks and the end of the folder: what goes meanwhile was counted or was not
      for (const digest of await files.digestsIn(countedFolders)) usedBytes += files.sizeBytes(digest) ?? 0;
    }
  };
  /** A count that failed on the way goes on where it was, with the next content. */
  const counted = () => {
    counting ??= count().finally(() => {
      if (countedFolders < files.folders) counting = undefined;
    });
    return counting;
  };
  return {
    ...files,
    async install(digest, from, chunks) {
      await counted();
      // of two writers of one content the second replaces what the first has just installed
      const size = files.sizeBytes(digest) === undefined ? fs.statSync(from).size : 0;
      if (usedBytes + size > quotaBytes) throw overQuota(usedBytes, size, quotaBytes);
      usedBytes += size;
      try {
        await files.install(digest, from, chunks);
      } catch (error) {
        usedBytes -= size;
        throw error;
      }
    },
    removeOld(digest, beforeMs) {
      const size = files.sizeBytes(digest) ?? 0;
      const removed = files.removeOld(digest, beforeMs);
      if (removed && Number.parseInt(digest.slice(0, 2), 16) < countedFolders) usedBytes -= size;
      return removed;
    },
  };
}

const overQuota = (usedBytes: number, sizeBytes: number, quotaBytes: number): ServiceError =>
  new ServiceError(
    'QuotaExceeded',
    `The content of ${sizeBytes} bytes does not fit: ${Math.ceil(usedBytes / MIB)} of ${quotaBytes / MIB} MiB are used. What is deleted frees its ` +
      'room within two hours. Raise storage.totalMiB in slipway.yaml, or delete objects.',
  );
