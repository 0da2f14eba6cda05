import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { Pack } from 'tar-stream';
import type { WorkOutputTree } from '../../platform/ports/work.ts';

export type Archiver = (tree: WorkOutputTree) => AsyncIterable<Uint8Array>;

/** All times in an archive are this one, so that the same files always give the same bytes (and the same digest). */
const FIXED_TIME = new Date(0);

/** `model.tar.gz` of a job: paths relative to the output folder, in the order of the tree. */
export async function* archiveOf(tree: WorkOutputTree): AsyncGenerator<Uint8Array> {
  const { pack } = await import('tar-stream'); // with the first artefact, not with the start of the server
  const archive = pack();
  const compressed = new PassThrough();
  const writing = pipeline(archive, createGzip({ level: 6 }), compressed);
  const adding = addFiles(archive, tree).catch((error: Error) => {
    archive.destroy(error);
    throw error;
  });
  const done = Promise.all([writing, adding]);
  done.catch((error: Error) => compressed.destroy(error)); // told to the reader below
  yield* compressed;
  await done;
}

async function addFiles(archive: Pack, tree: WorkOutputTree): Promise<void> {
  for (const { relativePath, sizeBytes, executable, open } of tree.files) {
    const header = { name: relativePath, size: sizeBytes, mode: executable ? 0o755 : 0o644, mtime: FIXED_TIME, uid: 0, gid: 0 };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = archive.entry(header, (error) => (error ? reject(error) : resolve()));
    await Promise.all([promise, pipeline(open(), entry)]);
  }
  archive.finalize();
}
