import type { WorkBackend, WorkOutputFile, WorkOutputTree } from '../../platform/ports/work.ts';
import type { JobHost } from './decide-hosts.ts';

/** What the hosts of a job left, as one. */

type Reader = Pick<WorkBackend, 'outputs' | 'readText'>;

/** The files of all hosts as one tree; of those with the same name the first host's. */
export async function mergedOutputs(backend: Reader, hosts: readonly JobHost[], output: string): Promise<WorkOutputTree> {
  const [only] = hosts;
  if (only && hosts.length === 1) return backend.outputs(only.workId, output);
  const files = new Map<string, WorkOutputFile>();
  const skipped = new Set<string>();
  for (const { workId } of hosts) {
    const tree = await backend.outputs(workId, output);
    for (const file of tree.files) if (!files.has(file.relativePath)) files.set(file.relativePath, file);
    for (const path of tree.skipped) skipped.add(path);
  }
  const inOrder = [...files.values()].toSorted((a, b) => (a.relativePath < b.relativePath ? -1 : 1));
  return { files: withoutClashes(inOrder), skipped: [...skipped].toSorted() };
}

/** One host's file may be a folder of another's: an archive can hold only one of them. */
function withoutClashes(files: readonly WorkOutputFile[]): WorkOutputFile[] {
  const names = new Set(files.map(({ relativePath }) => relativePath));
  const below = (path: string) => path.split('/').some((_, n, parts) => n > 0 && names.has(parts.slice(0, n).join('/')));
  return files.filter(({ relativePath }) => !below(relativePath));
}

/** The start of a file of each host, one after the other. */
export async function hostTexts(
  backend: Reader,
  hosts: readonly JobHost[],
  path: string,
  sizeBytesMax: number,
): Promise<string | undefined> {
  const texts = await Promise.all(hosts.map(({ workId }) => backend.readText(workId, path, sizeBytesMax)));
  const found = texts.filter((text) => text !== undefined);
  return found.length === 0 ? undefined : found.join('').slice(0, sizeBytesMax);
}
