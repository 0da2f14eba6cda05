import fs from 'node:fs/promises';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { dataPaths, MANIFEST_FILE, UNFINISHED_FILE, writeAtomically } from '../data-folder.ts';
import { ConfigError } from '../errors/families.ts';
import { readHeadMark } from '../ledger/head-mark.ts';
import { verifyLedger } from '../ledger/verify.ts';
import { contentPath, copyFile, digestOf, filesBelow, forEachOf, syncPath, takeContent, wholeLinesOf } from './files.ts';
import { copyRepositories } from './copy-repositories.ts';
import { type BackedUpFile, type BackupManifest, manifestText, readManifest } from './manifest.ts';
import { contentsIn, type Snapshot, snapshotStore } from './snapshot.ts';

export interface BackupOptions {
  /** A data folder; its server may run. */
  readonly folder: string;
  /** New, or empty. */
  readonly target: string;
  /** A whole backup: contents that it has are linked from there, where that can be done. */
  readonly previous?: string;
  readonly nowMs: () => number;
  /** For tests: runs between the snapshot and the contents it names. */
  readonly afterSnapshot?: () => Promise<void>;
}

const UNFINISHED_TEXT = 'This backup is not finished. Remove the folder and make another.\n';
/** A content is missed in vain only if it was removed within one pass, an hour after its last use. */
const PASSES_MAX = 10;

/**
 * Copies a data folder as it is at one moment, without its server. Contents are taken both before and after the database: whatever is gone
 * between was in no use when the first pass began, or was written since, and the collector leaves that alone for an hour. Should a pass
 * last longer, the database is taken once more. The manifest comes last.
 */
export async function makeBackup(options: BackupOptions): Promise<BackupManifest> {
  const { target } = options;
  const from = dataPaths(options.folder);
  const to = dataPaths(target);
  mkdirSync(target, { recursive: true, mode: 0o700 });
  await fs.chmod(target, 0o700);
  writeFileSync(join(target, UNFINISHED_FILE), UNFINISHED_TEXT, { flush: true });
  const madeAtMs = options.nowMs();
  const mark = readHeadMark(from.database);
  const contents = new Contents(
    [...(options.previous === undefined ? [] : [dataPaths(options.previous).blobs]), from.blobs],
    to.blobs,
  );
  await contents.take(contentsIn(from.database));
  const missed = new Set<string>();
  let works = new Set<string>();
  let snapshot: Snapshot;
  for (let pass = 1; ; pass += 1) {
    // what ends meanwhile stays for a minute, so no work that had begun is in neither list
    works = new Set(begunWorks(from.runs));
    snapshot = await snapshotStore(from.database, to.database, () => {
      for (const work of begunWorks(from.runs)) works.add(work);
    });
    await options.afterSnapshot?.();
    const missing = (await contents.take(snapshot.digests)).filter((digest) => !missed.has(digest));
    if (missing.length === 0 || pass === PASSES_MAX) break;
    for (const digest of missing) missed.add(digest);
  }
  const named = new Set(snapshot.digests);
  const verdict = verifyLedger(to.database, mark);
  if (!verdict.ok)
    throw new ConfigError('ledger', `it is broken at entry ${verdict.sequence}: ${verdict.problem}. No backup is made of it.`);
  await contents.drop(named);
  await contents.sync();
  const files = [await fileOf(target, to.database), ...(await copyOthers(options.folder, target))];
  const manifest: Omit<BackupManifest, 'form'> = {
    madeAtMs,
    schema: snapshot.schema,
    ledger: snapshot.head,
    files,
    contents: { ...contents.sum(), missing: snapshot.digests.filter((digest) => !contents.has(digest)) },
    works: [...works].sort(),
  };
  await syncPath(target);
  writeAtomically(join(target, MANIFEST_FILE), manifestText(manifest));
  rmSync(join(target, UNFINISHED_FILE));
  return { form: 1, ...manifest };
}

/** Why `previous` cannot lend its contents; undefined when it can. */
export function previousProblem(previous: string): string | undefined {
  const manifest = readManifest(previous);
  return 'problem' in manifest ? `${previous} cannot be built on: ${manifest.problem}` : undefined;
}

/** Why a backup cannot be made from `folder` into `target`; undefined when it can. */
export function targetProblem(folder: string, target: string): string | undefined {
  if (!existsSync(dataPaths(folder).database))
    return `${folder} is no data folder: it holds no ${basename(dataPaths(folder).database)}`;
  if (`${target}/`.startsWith(`${folder}/`)) return `${target} lies in the data folder itself`;
  if (!existsSync(target)) return undefined;
  if (!statSync(target).isDirectory()) return `${target} is a file`;
  const names = readdirSync(target);
  if (names.length === 0) return undefined;
  if (names.includes(MANIFEST_FILE) && !('problem' in readManifest(target))) return `${target} holds a backup already`;
  if (names.includes(UNFINISHED_FILE)) return `${target} holds a backup that was not finished: remove it first`;
  return `${target} is not empty`;
}

/** Ids of work that some process has, or had, in hand. */
function begunWorks(runs: string): string[] {
  const names = existsSync(runs) ? readdirSync(runs) : [];
  return names.filter((name) => !name.startsWith('.') && existsSync(join(runs, name, 'claim')));
}

/** Contents of objects, taken into a folder from the first of others that has them. */
class Contents {
  readonly #from: readonly string[];
  readonly #to: string;
  readonly #sizes = new Map<string, number>();

  constructor(from: readonly string[], to: string) {
    this.#from = from;
    this.#to = to;
    mkdirSync(to, { recursive: true, mode: 0o700 });
  }

  has(digest: string): boolean {
    return this.#sizes.has(digest);
  }

  /** Takes those it does not have; gives those that are not there. */
  async take(digests: readonly string[]): Promise<string[]> {
    const missing: string[] = [];
    const folders = new Set(digests.map((digest) => digest.slice(0, 2)));
    for (const folder of folders) mkdirSync(join(this.#to, folder), { recursive: true, mode: 0o700 });
    const wanted = digests.filter((digest) => !this.has(digest));
    await forEachOf(wanted, async (digest) => {
      let sizeBytes: number | undefined;
      for (const from of this.#from) sizeBytes ??= await takeContent(contentPath(from, digest), contentPath(this.#to, digest));
      if (sizeBytes === undefined) missing.push(digest);
      else this.#sizes.set(digest, sizeBytes);
    });
    return missing;
  }

  sum(): { count: number; sizeBytes: number } {
    return { count: this.#sizes.size, sizeBytes: [...this.#sizes.values()].reduce((sum, size) => sum + size, 0) };
  }

  /** Gives back what was taken for nothing. */
  async drop(named: ReadonlySet<string>): Promise<void> {
    for (const digest of this.#sizes.keys()) {
      if (named.has(digest)) continue;
      this.#sizes.delete(digest);
      const path = contentPath(this.#to, digest);
      await Promise.all([path, `${path}.chunks`].map((one) => fs.rm(one, { force: true })));
    }
  }

  async sync(): Promise<void> {
    await forEachOf(readdirSync(this.#to), (name) => syncPath(join(this.#to, name)));
    await syncPath(this.#to);
  }
}

async function fileOf(target: string, path: string): Promise<BackedUpFile> {
  await syncPath(path);
  const found = await digestOf(path);
  return { path: path.slice(target.length + 1), sizeBytes: found?.sizeBytes ?? 0, sha256: found?.sha256 ?? '' };
}

/** Settings, keys and logs: they change little or only grow, and rows of the snapshot refer to no later state of them. */
async function copyOthers(folder: string, target: string): Promise<BackedUpFile[]> {
  const { settings, keys, logs, git } = dataPaths('');
  const inside = async (name: string) => (await filesBelow(join(folder, name))).map((file) => join(name, file));
  const copied: (BackedUpFile | undefined)[] = [await copyFile(folder, target, settings)];
  for (const path of await inside(keys)) copied.push(await copyFile(folder, target, path));
  await forEachOf(await inside(logs), async (path) => {
    copied.push(await copyFile(folder, target, path, wholeLinesOf));
  });
  copied.push(...(await copyRepositories(folder, target, git)));
  for (const path of foldersOf(copied.flatMap((file) => file?.path ?? []))) await syncPath(join(target, path));
  return copied.filter((file) => file !== undefined).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** All folders on the way to these files, the deepest first. */
function foldersOf(paths: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths) for (let at = dirname(path); at !== '.'; at = dirname(at)) folders.add(at);
  return [...folders].sort((a, b) => b.length - a.length);
}
