import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../clock.ts';
import { dataPaths, writeAtomically } from '../data-folder.ts';
import { ownEntry } from '../ledger/entry-of.ts';
import { verifyLedger } from '../ledger/verify.ts';
import { BLOB_MODE } from '../objects/blob-files.ts';
import { LOST_WORKS_FILE, type LostWorks } from '../ports/lost-works.ts';
import { formatArn } from '../resources/arn.ts';
import { readSettings } from '../settings-file.ts';
import { MIGRATIONS } from '../store/sqlite/migrations.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { contentPath, copyFile, digestOf, forEachOf, readContent, syncPath } from './files.ts';
import { type BackupManifest, readManifest } from './manifest.ts';
import { contentsIn } from './snapshot.ts';

export type Checked = { readonly manifest: BackupManifest } | { readonly problem: string };

/** Reads every byte of a backup: is it whole, and what it was? */
export async function checkBackup(folder: string): Promise<Checked> {
  const found = await checkFiles(folder);
  if ('problem' in found) return found;
  const { blobs } = dataPaths(folder);
  let problem: string | undefined;
  await forEachOf(contentsOf(folder, found.manifest), async (digest) => {
    problem ??= contentProblem(digest, (await readContent(contentPath(blobs, digest)))?.digest);
  });
  return problem === undefined ? found : { problem };
}

/** Everything but the contents of objects. */
async function checkFiles(folder: string): Promise<Checked> {
  const manifest = readManifest(folder);
  if ('problem' in manifest) return manifest;
  if (manifest.schema > MIGRATIONS.length)
    return { problem: 'it was made by a newer version of Slipway: restore it with that one' };
  for (const { path, sizeBytes, sha256 } of manifest.files) {
    const inside = join(folder, path);
    if (!inside.startsWith(join(folder, '/'))) return { problem: `the manifest names ${path}, which is not in it` };
    const now = await digestOf(inside);
    if (!now) return { problem: `${path} is missing` };
    if (now.sizeBytes !== sizeBytes || now.sha256 !== sha256) return { problem: `${path} is not what was backed up` };
  }
  const { database } = dataPaths(folder);
  if (!manifest.files.some(({ path }) => join(folder, path) === database)) return { problem: 'the manifest names no database' };
  const verdict = verifyLedger(database);
  if (!verdict.ok) return { problem: `its ledger is broken at entry ${verdict.sequence}: ${verdict.problem}` };
  if (verdict.head.hash !== manifest.ledger.hash) return { problem: 'its ledger ends with another entry than the manifest says' };
  return { manifest };
}

/** Digests of the contents that a backup has to have. */
function contentsOf(folder: string, { contents }: BackupManifest): string[] {
  const missing = new Set(contents.missing);
  return contentsIn(dataPaths(folder).database).filter((digest) => !missing.has(digest));
}

function contentProblem(digest: string, found: string | undefined): string | undefined {
  if (found === digest) return undefined;
  return found === undefined ? `content ${digest} is missing` : `content ${digest} is not what was backed up`;
}

/** Why `target` cannot become a data folder; undefined when it can. */
export function restoreTargetProblem(target: string): string | undefined {
  if (!existsSync(target)) return undefined;
  if (!statSync(target).isDirectory()) return `${target} is a file`;
  return readdirSync(target).length > 0 ? `${target} is not empty` : undefined;
}

export interface RestoreOptions {
  readonly backup: string;
  /** New, or empty. */
  readonly target: string;
  readonly nowMs: () => number;
}

/**
 * Makes a data folder of a backup. It is made beside its place and moved there when it is whole, so that a restore that dies leaves nothing
 * that a server would start on. The ledger goes on with an entry that says where it came from.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Checked> {
  const { backup, target } = options;
  const checked = await checkFiles(backup);
  if ('problem' in checked) return checked;
  const { manifest } = checked;
  const making = `${target}.restoring`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true, mode: 0o700 });
  try {
    const problem = (await copyContents(backup, making, manifest)) ?? (await copyFiles(backup, making, manifest));
    if (problem !== undefined) return { problem };
    writeLostWorks(making, manifest, options.nowMs());
    await enterRestore(making, manifest, options.nowMs());
    await syncPath(making);
    renameSync(making, target);
    await syncPath(dirname(target));
    return checked;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

async function copyContents(backup: string, making: string, manifest: BackupManifest): Promise<string | undefined> {
  const [from, to] = [dataPaths(backup).blobs, dataPaths(making).blobs];
  const digests = contentsOf(backup, manifest);
  const folders = [...new Set(digests.map((digest) => digest.slice(0, 2)))];
  for (const folder of folders) mkdirSync(join(to, folder), { recursive: true, mode: 0o700 });
  let problem: string | undefined;
  await forEachOf(digests, async (digest) => {
    problem ??= await copyContent(contentPath(from, digest), contentPath(to, digest), digest);
  });
  for (const folder of folders) await syncPath(join(to, folder));
  return problem;
}

/** A copy, not a link: the backup stays what it is. What was copied is read once more, and its chunk hashes made from that. */
async function copyContent(from: string, to: string, digest: string): Promise<string | undefined> {
  if (!existsSync(from)) return contentProblem(digest, undefined);
  await fs.copyFile(from, to, fs.constants.COPYFILE_FICLONE);
  await fs.chmod(to, BLOB_MODE);
  await syncPath(to);
  const found = await readContent(to);
  if (found?.chunks) await fs.writeFile(`${to}.chunks`, found.chunks, { mode: BLOB_MODE, flush: true });
  return contentProblem(digest, found?.digest);
}

async function copyFiles(backup: string, making: string, { files }: BackupManifest): Promise<string | undefined> {
  for (const { path, sha256 } of files) {
    const copied = await copyFile(backup, making, path);
    if (copied?.sha256 !== sha256) return `${path} changed while it was read`;
    await syncPath(dirname(join(making, path)));
  }
  return undefined;
}

function writeLostWorks(making: string, { works, madeAtMs }: BackupManifest, nowMs: number): void {
  const { runs } = dataPaths(making);
  mkdirSync(runs, { recursive: true, mode: 0o700 });
  chmodSync(runs, 0o700);
  const lost: LostWorks = {
    works,
    endedAtMs: nowMs,
    message: `The server was restored from a backup of ${new Date(madeAtMs).toISOString()}, which holds no work that ran then.`,
  };
  writeAtomically(join(runs, LOST_WORKS_FILE), `${JSON.stringify(lost)}\n`);
}

/** What happened after the backup is not in this ledger: it says so itself. */
async function enterRestore(making: string, manifest: BackupManifest, nowMs: number): Promise<void> {
  const { account, region } = await readSettings(making);
  const store = createSqliteStore({ path: dataPaths(making).database, clock: systemClock });
  try {
    const place = { account, region };
    const entry = ownEntry('restore', place, {
      timeMs: nowMs,
      action: 'slipway:DataFolder.Restored',
      resources: [formatArn({ service: 'slipway', ...place, resource: 'data-folder' })],
      changes: { ledgerHead: [null, { ...manifest.ledger }], works: [manifest.works, null] },
      reason: `Restored from a backup of ${new Date(manifest.madeAtMs).toISOString()}`,
    });
    const { outcome } = await store.commit({ expect: [], ledger: [entry] });
    if (outcome !== 'done') throw new Error(`The ledger entry of the restore was not written: ${outcome}`);
  } finally {
    await store.close();
  }
}
