import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from './errors/families.ts';

/** Where everything lies inside a data folder; the one place that names it. */
export interface DataPaths {
  readonly folder: string;
  readonly database: string;
  readonly blobs: string;
  /** Key files, mode 0600. */
  readonly keys: string;
  readonly logs: string;
  /** Bare repositories: `<account>/<region>/<repository id>.git`. */
  readonly git: string;
  /** Run folders of the work backend. */
  readonly runs: string;
  readonly settings: string;
  readonly serverRecord: string;
  readonly credentials: string;
  readonly config: string;
  /** User configuration for the SageMaker Python SDK. */
  readonly sagemakerConfig: string;
  readonly lock: string;
  readonly lockHolder: string;
}

export function dataPaths(folder: string): DataPaths {
  const inside = (name: string) => join(folder, name);
  return {
    folder,
    database: inside('slipway.db'),
    blobs: inside('blobs'),
    keys: inside('keys'),
    logs: inside('logs'),
    git: inside('git'),
    runs: inside('runs'),
    settings: inside('slipway.yaml'),
    serverRecord: inside('server.json'),
    credentials: inside('credentials'),
    config: inside('config'),
    sagemakerConfig: inside('sagemaker.yaml'),
    lock: inside('lock.db'),
    lockHolder: inside('lock.pid'),
  };
}

/** What makes a folder a whole backup, see backup/manifest.ts; written last. */
export const MANIFEST_FILE = 'backup.json';
/** Stands in a backup from its first file until it is whole. */
export const UNFINISHED_FILE = 'backup.unfinished';

/** `DIR/server.json`: the last server of this folder; it stays after a stop, so that the next one reuses the ports. */
export interface ServerRecord {
  readonly pid: number;
  readonly routerPid: number;
  readonly port: number;
  readonly runtimePort: number;
  readonly url: string;
}

/** A data folder held by this process. */
export interface DataFolder {
  readonly paths: DataPaths;
  readServerRecord(): ServerRecord | undefined;
  writeServerRecord(record: ServerRecord): void;
  /** Gives the lock back. */
  close(): void;
}

/**
 * Creates the folder (mode 0700) if needed and takes it for this process. Throws ConfigError when another server has it,
 * naming its pid, or when it cannot be used. A killed server's lock goes with its process.
 */
export function openDataFolder(folder: string): DataFolder {
  const paths = dataPaths(resolve(folder));
  makeFolder(paths);
  const lock = takeLock(paths);
  return {
    paths,
    readServerRecord: () => readServerRecord(paths.folder),
    writeServerRecord: (record) => writeAtomically(paths.serverRecord, `${JSON.stringify(record, undefined, 2)}\n`),
    close() {
      fs.rmSync(paths.lockHolder, { force: true });
      giveBack(lock);
    },
  };
}

/** undefined when no server has run here, or the record is not one. */
export function readServerRecord(folder: string): ServerRecord | undefined {
  let text: string;
  try {
    text = fs.readFileSync(dataPaths(folder).serverRecord, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigError('data folder', `${dataPaths(folder).serverRecord} cannot be read: ${(error as Error).message}.`);
  }
  return parseServerRecord(text);
}

function parseServerRecord(text: string): ServerRecord | undefined {
  let found: Partial<ServerRecord> | null;
  try {
    found = JSON.parse(text) as Partial<ServerRecord> | null;
  } catch {
    return undefined; // edited by hand: the next start writes it anew
  }
  const { pid, routerPid, port, runtimePort, url } = found ?? {};
  const numbers = [pid, routerPid, port, runtimePort].every((value) => Number.isSafeInteger(value));
  return numbers && typeof url === 'string' ? (found as ServerRecord) : undefined;
}

/** Readers see the old file or the new one, never half of one; it is on the disk on return. */
export function writeAtomically(path: string, text: string, mode = 0o600): void {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    fs.writeFileSync(temporary, text, { mode, flag: 'wx', flush: true });
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  const folder = fs.openSync(join(path, '..'), 'r');
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

function makeFolder(paths: DataPaths): void {
  try {
    fs.mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
    const names = fs.readdirSync(paths.folder);
    if (names.includes(MANIFEST_FILE) || names.includes(UNFINISHED_FILE)) throw isBackup(paths.folder);
    // a folder of our own may have been copied with wider rights; a foreign one keeps what its owner chose
    if (names.length === 0 || names.includes('slipway.db')) fs.chmodSync(paths.folder, 0o700);
    for (const path of [paths.blobs, paths.logs, paths.git, paths.runs]) fs.mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(
      'data folder',
      `${paths.folder} cannot be created or written: ${(error as Error).message}. Name another one with --data DIR.`,
    );
  }
}

const isBackup = (folder: string): ConfigError =>
  new ConfigError(
    'data folder',
    `${folder} is a backup, which a server would change. Make a data folder of it: slipway restore ${folder} --data DIR.`,
  );

/** How long a start waits for another that is being refused at the same moment. */
const LOCK_WAIT_MS = 500;

/** Locks of this process. A connection that nothing refers to is collected, and its lock would go with it. */
const held = new Set<DatabaseSync>();

/**
 * An open exclusive transaction: SQLite's lock on the file belongs to this process and ends with it, however it ends. Of two that
 * come at once each may briefly hold what the other needs: without the wait both would be refused.
 */
function takeLock(paths: DataPaths): DatabaseSync {
  const lock = new DatabaseSync(paths.lock, { timeout: LOCK_WAIT_MS });
  try {
    lock.exec('pragma journal_mode = memory; begin exclusive');
    held.add(lock);
    // atomically: who is refused must not read half a number
    writeAtomically(paths.lockHolder, `${process.pid}\n`);
    return lock;
  } catch (error) {
    giveBack(lock);
    const busy = (error as { errcode?: number }).errcode === 5;
    if (!busy) throw new ConfigError('data folder', `${paths.lock} cannot be locked: ${(error as Error).message}.`);
    throw new ConfigError(
      'data folder',
      `${paths.folder} is in use by another server${lockHolder(paths)}. Stop it first (slipway down --data ${paths.folder}), ` +
        'or name another folder with --data DIR.',
    );
  }
}

function giveBack(lock: DatabaseSync): void {
  held.delete(lock);
  lock.close();
}

function lockHolder(paths: DataPaths): string {
  try {
    return ` (pid ${fs.readFileSync(paths.lockHolder, 'utf8').trim()})`;
  } catch {
    return ''; // it is starting at this moment and has not said who it is
  }
}
