import type { Rejection } from '../../platform/errors/rejection.ts';
import type { TreeEntry } from './objects.ts';

/** What a commit made by an API call changes, and how `git fast-import` is told. Pure. */

export interface FileChange {
  readonly path: string;
  /** Undefined: the file goes. */
  readonly put?: {
    readonly mode: string;
    readonly blobId: string /** Of a file that is new here. */;
    readonly content?: Uint8Array;
  };
}

interface NewCommit {
  readonly branch: string;
  readonly parent: string | undefined;
  readonly name: string;
  readonly email: string;
  readonly message: string;
  readonly timeMs: number;
  readonly changes: readonly FileChange[];
}

export const modeOf = (name: string | undefined): string =>
  name === 'EXECUTABLE' ? '100755' : name === 'SYMLINK' ? '120000' : '100644';

/** Files and folders that would be in each other's place. `present`: the parent's files, by path. */
export function rejectConflicts(changes: readonly FileChange[], present: ReadonlyMap<string, TreeEntry>): Rejection | undefined {
  const after = new Set(present.keys());
  for (const { path, put } of changes) if (!put) after.delete(path);
  const folders = new Set<string>();
  for (const path of after) for (const folder of foldersOf(path)) folders.add(folder);
  for (const { path, put } of changes) {
    if (!put) continue;
    if (folders.has(path)) {
      return {
        code: 'FileNameConflictsWithDirectoryNameException',
        message: `The file ${path} has the name of a folder that is there.`,
      };
    }
    const file = foldersOf(path).find((folder) => after.has(folder));
    if (file !== undefined) {
      return {
        code: 'DirectoryNameConflictsWithFileNameException',
        message: `The folder of ${path} has the name of the file ${file}.`,
      };
    }
    after.add(path);
    for (const folder of foldersOf(path)) folders.add(folder);
  }
  return undefined;
}

export function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Whether the commit's tree would be its parent's. */
export const changesNothing = (changes: readonly FileChange[], present: ReadonlyMap<string, TreeEntry>): boolean =>
  changes.every(({ path, put }) => {
    const before = present.get(path);
    if (!put) return before === undefined;
    return before?.id === put.blobId && before.mode === put.mode;
  });

const EMPTY_BLOB = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';

/** A `.gitkeep` for each folder that loses its last file. */
export function keptFolders(changes: readonly FileChange[], present: ReadonlyMap<string, TreeEntry>): FileChange[] {
  const after = new Set(present.keys());
  for (const { path, put } of changes) put ? after.add(path) : after.delete(path);
  const emptied = new Set(changes.flatMap(({ path, put }) => (put ? [] : foldersOf(path).slice(-1))));
  const isEmpty = (folder: string) => ![...after].some((path) => path.startsWith(`${folder}/`));
  return [...emptied]
    .filter(isEmpty)
    .map((folder) => ({ path: `${folder}/.gitkeep`, put: { mode: '100644', blobId: EMPTY_BLOB, content: new Uint8Array(0) } }));
}

const quoted = (path: string): string => `"${path.replace(/["\\]/g, (c) => `\\${c}`)}"`;
const plain = (text: string): string => text.replace(/[<>\n\0]/g, ' ').trim();

/** The stream of git-fast-import(1): one commit on top of its parent. */
export function importStream(commit: NewCommit): Buffer {
  const who = `${plain(commit.name)} <${plain(commit.email)}> ${Math.floor(commit.timeMs / 1000)} +0000`;
  const message = Buffer.from(commit.message);
  const pieces: Uint8Array[] = [
    Buffer.from(`commit refs/heads/${commit.branch}\nauthor ${who}\ncommitter ${who}\ndata ${message.length}\n`),
    message,
    Buffer.from(`\n${commit.parent === undefined ? '' : `from ${commit.parent}\n`}`),
  ];
  // first, since a folder may come where a file was
  for (const { path, put } of commit.changes) if (!put) pieces.push(Buffer.from(`D ${quoted(path)}\n`));
  for (const { path, put } of commit.changes) {
    if (!put) continue;
    if (!put.content) pieces.push(Buffer.from(`M ${put.mode} ${put.blobId} ${quoted(path)}\n`));
    else
      pieces.push(
        Buffer.from(`M ${put.mode} inline ${quoted(path)}\ndata ${put.content.length}\n`),
        put.content,
        Buffer.from('\n'),
      );
  }
  return Buffer.concat([...pieces, Buffer.from('\ndone\n')]);
}
