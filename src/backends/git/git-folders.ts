import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { writeAtomically } from '../../platform/data-folder.ts';
import { BackendError, invariant } from '../../platform/errors/families.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Git, GitPlace, GitReference, KeptBody } from '../../platform/ports/git.ts';
import { MARK, runGit, streamGit } from './git-processes.ts';

export interface GitPorts {
  /** `DIR/git`, absolute. */
  readonly folder: string;
  readonly ids: Ids;
}

const CONFIG_TEXT = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n';
/** An archive has every file as it was committed. */
const ATTRIBUTES_TEXT = '* -export-ignore -export-subst -text -ident -filter !working-tree-encoding\n';
const FOLDERS = ['objects/pack', 'objects/info', 'refs/heads', 'refs/tags', 'info'];
const INCOMING = '.incoming';

/** The host's git over the repositories of a data folder. */
export function createGit({ folder: root, ids }: GitPorts): Git {
  const at = (place: GitPlace) => folderOf(root, place);
  return {
    async recover() {
      await endRuns(root);
      await fs.rm(join(root, INCOMING), { recursive: true, force: true });
    },
    prepare: (place) => prepare(at(place)),
    remove: (place) => fs.rm(at(place), { recursive: true, force: true }),
    unlock: (place) => unlock(at(place)),
    references: (place) => references(root, at(place)),
    async countPacks(place) {
      const names = await fs.readdir(join(at(place), 'objects/pack')).catch(() => []);
      return names.filter((name) => name.endsWith('.pack')).length;
    },
    async setHead(place, branch) {
      const path = join(at(place), 'HEAD');
      const text = `ref: refs/heads/${branch}\n`;
      if ((await fs.readFile(path, 'utf8').catch(() => '')) !== text) writeAtomically(path, text);
    },
    persist: (place, names) => persist(at(place), names),
    run: (place, words, options) => runGit(root, at(place), words, options),
    stream: (place, words, options) => streamGit(root, at(place), words, options),
    keep: (body, bytesMax) => keep(join(root, INCOMING), ids.uuid(), body, bytesMax),
  };
}

function folderOf(root: string, { account, region, id }: GitPlace): string {
  const plain = [account, region, id].every((part) => /^[A-Za-z0-9-]{1,64}$/.test(part));
  invariant(plain, 'account, region and id of a repository name a folder', { account, region, id });
  return join(root, account, region, `${id}.git`);
}

async function prepare(folder: string): Promise<void> {
  let made = false;
  for (const name of FOLDERS) {
    const first = await fs.mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    made ||= first !== undefined;
  }
  const files = { HEAD: 'ref: refs/heads/main\n', config: CONFIG_TEXT, 'info/attributes': ATTRIBUTES_TEXT };
  for (const [name, text] of Object.entries(files)) {
    const present = await fs.readFile(join(folder, name), 'utf8').catch(() => undefined);
    if (present === undefined || (name !== 'HEAD' && present !== text)) writeAtomically(join(folder, name), text);
  }
  if (!made) return;
  for (const name of ['objects', 'refs', '.', '..', '../..', '../../..']) await syncFolder(join(folder, name));
}

async function references(root: string, folder: string): Promise<GitReference[]> {
  const format = '%(refname)%00%(objectname)%00%(*objectname)';
  const { exitCode, output, errors } = await runGit(root, folder, ['for-each-ref', `--format=${format}`]);
  if (exitCode !== 0) throw new BackendError('runtime', `The references of a repository cannot be read: ${errors}`);
  const lines = output.toString('utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const [name = '', id = '', peeled = ''] = line.split('\0');
    return { name, id, ...(peeled !== '' && { peeled }) };
  });
}

/** What a killed run leaves: locks of references and files, packs that were not taken over. */
async function unlock(folder: string): Promise<void> {
  const below = await fs.readdir(join(folder, 'refs'), { recursive: true, withFileTypes: true }).catch(() => []);
  const locks = below.filter((entry) => entry.isFile() && entry.name.endsWith('.lock'));
  for (const lock of locks) await fs.rm(join(lock.parentPath, lock.name), { force: true });
  for (const name of await fs.readdir(folder).catch(() => []))
    if (name.endsWith('.lock') || name.startsWith('index-')) await fs.rm(join(folder, name), { force: true });
  for (const name of await fs.readdir(join(folder, 'objects')).catch(() => [])) {
    if (name.startsWith('tmp_') || name.startsWith('incoming-'))
      await fs.rm(join(folder, 'objects', name), { recursive: true, force: true });
  }
  for (const name of await fs.readdir(join(folder, 'objects/pack')).catch(() => []))
    if (/^\.?tmp[_-]/.test(name)) await fs.rm(join(folder, 'objects/pack', name), { force: true });
}

async function persist(folder: string, names: readonly string[]): Promise<void> {
  const folders = new Set(['objects/pack', 'objects', '.']);
  for (const name of names) for (let at = dirname(name); at !== '.'; at = dirname(at)) folders.add(at);
  for (const name of folders) await syncFolder(join(folder, name));
}

/** A folder that is gone by now has nothing to keep. */
async function syncFolder(path: string): Promise<void> {
  const opened = await fs.open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  await opened?.sync().finally(() => opened.close());
}

const READ_AWAY_BYTES = 64 * 1024 * 1024;

async function keep(
  folder: string,
  name: string,
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<KeptBody | undefined> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  const drop = () => fs.rm(path, { force: true });
  const file = await fs.open(path, 'wx', 0o600);
  let sizeBytes = 0;
  try {
    for await (const piece of body) {
      sizeBytes += piece.length;
      if (sizeBytes > bytesMax + Math.max(bytesMax, READ_AWAY_BYTES)) break;
      if (sizeBytes <= bytesMax) await file.writeFile(piece);
    }
  } catch (error) {
    await drop();
    throw error;
  } finally {
    await file.close();
  }
  if (sizeBytes <= bytesMax) return { sizeBytes, read: () => createReadStream(path), drop };
  await drop();
  return undefined;
}

const LOOKS_MAX = 200;

/** Runs that bear this folder's mark: politely first, so that they take their locks with them. Nothing where there is no /proc. */
async function endRuns(root: string): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const left = await markedRuns(root);
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, look < 20 ? 'SIGTERM' : 'SIGKILL');
      } catch {
        // it has ended since the look: nothing is left to end
      }
    }
    await pause(25);
  }
  throw new BackendError('runtime', `Runs of git that an earlier server started do not end: ${await markedRuns(root)}.`);
}

async function markedRuns(root: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await fs.readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await fs.readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(`${MARK}=${root}`)) found.push(Number(name));
  }
  return found;
}
