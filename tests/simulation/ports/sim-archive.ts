import type { WorkOutputTree } from '../../../src/platform/ports/work.ts';

/** A job's archive in the simulator: the same files always give the same bytes, and no other thread is asked. */
export async function* simArchive(tree: WorkOutputTree): AsyncGenerator<Uint8Array> {
  const files: Record<string, string> = {};
  for (const { relativePath, open } of tree.files) {
    const pieces: Uint8Array[] = [];
    for await (const piece of open()) pieces.push(piece);
    files[relativePath] = Buffer.concat(pieces).toString('base64');
  }
  yield Buffer.from(JSON.stringify({ simArchive: files }));
}

/** What such an archive holds, as text by path; undefined for what is none. */
export function filesOfArchive(content: Uint8Array): Readonly<Record<string, string>> | undefined {
  try {
    const { simArchive: files } = JSON.parse(Buffer.from(content).toString('utf8')) as { simArchive?: Record<string, string> };
    return (
      files &&
      Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text, 'base64').toString('utf8')]))
    );
  } catch {
    return undefined;
  }
}
