import { createHash } from 'node:crypto';
import { ServiceError } from '../../platform/errors/families.ts';
import type { OwnPorts } from './ports.ts';
import type { Opened } from './repository-access.ts';

/** Objects of a repository, read by git. What users write never becomes an argument that git could take for an option or a revision. */

export const isObjectId = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

export interface TreeEntry {
  readonly mode: string;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly id: string;
  readonly path: string;
}

type From = Pick<Opened, 'place' | 'known' | 'document'>;

/** `blob`, `tree`, `commit` or `tag`; undefined when there is no such object. */
export async function typeOf(own: OwnPorts, { place }: From, id: string): Promise<string | undefined> {
  const { exitCode, output } = await own.git.run(place, ['cat-file', '-t', id]);
  return exitCode === 0 ? output.toString('utf8').trim() : undefined;
}

/** The commit that a branch, a tag, `HEAD`, a full reference name or an id stands for; the default branch without a specifier. */
export async function resolveCommit(own: OwnPorts, opened: From, specifier: string | undefined): Promise<string> {
  const { references, peeled } = opened.known;
  const head = opened.document.defaultBranch;
  const asked = specifier === undefined || specifier === 'HEAD' ? head && `refs/heads/${head}` : specifier;
  for (const name of [asked, `refs/heads/${asked}`, `refs/tags/${asked}`]) {
    const found = name !== undefined && Object.hasOwn(references, name) ? (peeled[name] ?? references[name]) : undefined;
    if (found !== undefined) return found;
  }
  if (asked !== undefined && isObjectId(asked) && (await typeOf(own, opened, asked)) === 'commit') return asked;
  throw new ServiceError('CommitDoesNotExistException', `The commit ${specifier ?? 'HEAD'} does not exist in the repository.`);
}

interface CommitObject {
  readonly commitId: string;
  readonly treeId: string;
  readonly parents: string[];
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string; readonly date: string };
  readonly committer: { readonly name: string; readonly email: string; readonly date: string };
  readonly additionalData: string;
}

export async function readCommit(own: OwnPorts, { place }: From, id: string): Promise<CommitObject | undefined> {
  if (!isObjectId(id)) return undefined;
  const { exitCode, output } = await own.git.run(place, ['cat-file', 'commit', id]);
  return exitCode === 0 ? parseCommit(id, output.toString('utf8')) : undefined;
}

function parseCommit(commitId: string, text: string): CommitObject {
  const end = text.indexOf('\n\n');
  const lines = (end < 0 ? text : text.slice(0, end)).split('\n');
  const valuesOf = (name: string) =>
    lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  const person = (line = '') => {
    const [, name = '', email = '', date = ''] = /^(.*?) ?<([^>]*)> ?(.*)$/.exec(line) ?? [];
    return { name, email, date };
  };
  const known = ['tree', 'parent', 'author', 'committer'];
  const others = lines.filter((line) => !known.some((name) => line.startsWith(`${name} `)));
  return {
    commitId,
    treeId: valuesOf('tree')[0] ?? '',
    parents: valuesOf('parent'),
    message: end < 0 ? '' : text.slice(end + 2),
    author: person(valuesOf('author')[0]),
    committer: person(valuesOf('committer')[0]),
    additionalData: others.join('\n'),
  };
}

/** Entries of a commit's or tree's tree: of its top, of one path, or of everything below. */
export async function readTree(
  own: OwnPorts,
  { place }: Pick<From, 'place'>,
  id: string,
  words: readonly string[] = [],
  path?: string,
): Promise<TreeEntry[]> {
  const { exitCode, output, errors } = await own.git.run(place, [
    'ls-tree',
    '-z',
    '--full-tree',
    ...words,
    id,
    ...(path === undefined ? [] : ['--', path]),
  ]);
  if (exitCode !== 0) throw new ServiceError('CommitDoesNotExistException', `The tree of ${id} cannot be read: ${errors}`);
  return output
    .toString('utf8')
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [, mode = '', type = '', entry = '', name = ''] = /^(\d+) (\w+) ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
      return { mode, type: type as TreeEntry['type'], id: entry, path: name };
    });
}

/** A path as git keeps it: relative, without `.` and `..`, nothing that git itself would read as its own. */
export function checkedPath(given: string): string {
  const path = given.replace(/^\/+|\/+$/g, '');
  const parts = path.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..' || /^(?:\.git|git~1)[ .]*$/i.test(part));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no name of a file that anybody means
  if (bad || /[\x00-\x1f\x7f\\]/.test(path) || Buffer.byteLength(path) > 4096) {
    throw new ServiceError('InvalidPathException', `The path ${JSON.stringify(given.slice(0, 200))} is not valid.`);
  }
  return path;
}

/** The id that git gives to a file's content. */
export const blobIdOf = (content: Uint8Array): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

export const modeName = (mode: string): 'EXECUTABLE' | 'NORMAL' | 'SYMLINK' =>
  mode === '100755' ? 'EXECUTABLE' : mode === '120000' ? 'SYMLINK' : 'NORMAL';

export const FILE_BYTES_MAX = 6 * 1024 * 1024;

/** The content of a blob; AWS gives no more than 6 MB by a call. */
export async function readBlob(own: OwnPorts, { place }: From, id: string): Promise<Buffer> {
  const size = await own.git.run(place, ['cat-file', '-s', id]);
  if (Number(size.output.toString('utf8')) > FILE_BYTES_MAX) {
    throw new ServiceError('FileTooLargeException', 'The specified file exceeds the file size limit of 6 MB for this operation.');
  }
  return (await own.git.run(place, ['cat-file', 'blob', id])).output;
}
