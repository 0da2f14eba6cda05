// The cache folder: everything in it can be rebuilt from lock files, so it may be deleted at any time while nothing runs.
// Plain JavaScript for any Node >= 18: this runs before the pinned Node is there.
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/** A message for the person at the terminal: what is wrong and what to do. Shown without a stack. */
export class SetupError extends Error {
  constructor(message) {
    super(message);
    this.name = 'SetupError';
  }
}

/** `$SLIPWAY_CACHE`, else `~/.cache/slipway`; absolute, created. */
export function cacheDirectory() {
  const chosen = process.env.SLIPWAY_CACHE || join(homedir(), '.cache', 'slipway');
  const directory = resolve(chosen);
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new SetupError(
      `The cache folder ${directory} cannot be created (${error.code}). Set SLIPWAY_CACHE to a folder you can write to.`,
    );
  }
  return directory;
}

/** First 16 hex digits of the SHA-256 over the parts, each length-prefixed so that no two lists of parts collide. */
export function digestOf(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Written last into every finished folder: a folder without it is not there. */
export const READY_FILE = 'ready.json';

/** What the ready file of a finished folder says; undefined when the folder is absent or unfinished. */
export function readReady(directory) {
  try {
    return JSON.parse(readFileSync(join(directory, READY_FILE), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Marks a finished folder as used now; what is used is not pruned. */
export function touchReady(directory) {
  const now = new Date();
  try {
    utimesSync(join(directory, READY_FILE), now, now);
  } catch (error) {
    // A cache owned by another user can be read but not touched; that user's own use keeps it.
    if (!['EPERM', 'EACCES', 'EROFS', 'ENOENT'].includes(error.code)) throw error;
  }
}

/**
 * Builds `target` once: in a folder beside it, renamed when complete, so that a crash at any moment leaves nothing that looks
 * finished. Several set-ups at once wait for each other. `build(folder)` returns what the ready file shall say.
 */
export async function buildOnce(target, log, build) {
  const present = readReady(target);
  if (present) return present;
  mkdirSync(dirname(target), { recursive: true });
  return withLock(`${target}.lock`, log, async () => {
    const meanwhile = readReady(target);
    if (meanwhile) return meanwhile;
    removePartials(target);
    const partial = `${target}.partial-${process.pid}-${randomBytes(4).toString('hex')}`;
    mkdirSync(partial);
    try {
      const ready = await build(partial);
      writeDurably(join(partial, READY_FILE), `${JSON.stringify(ready, null, 2)}\n`);
      rmSync(target, { recursive: true, force: true });
      renameSync(partial, target);
      return ready;
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw error;
    }
  });
}

function removePartials(target) {
  const prefix = `${basename(target)}.partial-`;
  for (const name of readdirSync(dirname(target))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(target), name), { recursive: true, force: true });
  }
}

function writeDurably(path, text) {
  const file = openSync(path, 'w');
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Runs `work` while holding a lock file that names its owner. A lock whose owner died is taken over: the new owner replaces the
 * file by rename and looks again after a moment, so that of several takers only the last one goes on.
 */
export async function withLock(path, log, work) {
  const owner = `${hostname()} ${process.pid} ${processStart(process.pid)} ${randomBytes(8).toString('hex')}`;
  const claim = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  let told = false;
  for (;;) {
    writeFileSync(claim, owner);
    if (tryLink(claim, path) || (await tryTakeOver(claim, path, owner))) break;
    if (!told) log(`waiting for another set-up (lock ${path})`);
    told = true;
    await pause(150);
  }
  rmSync(claim, { force: true });
  try {
    return await work();
  } finally {
    if (readOwner(path) === owner) unlinkSync(path);
  }
}

function tryLink(claim, path) {
  try {
    linkSync(claim, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function tryTakeOver(claim, path, owner) {
  const holder = readOwner(path);
  if (holder === undefined || isAlive(holder)) return false;
  renameSync(claim, path);
  await pause(100);
  return readOwner(path) === owner;
}

function readOwner(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** An owner on another host (a cache on a shared disk) cannot be asked and counts as alive. */
function isAlive(owner) {
  const [host, pid, start] = owner.split(' ');
  if (host !== hostname()) return true;
  return existsSync(`/proc/${pid}`) ? processStart(Number(pid)) === start : isSignalable(Number(pid));
}

function isSignalable(pid) {
  if (existsSync('/proc/self')) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Start time in kernel ticks: tells a process from a later one with the same pid. */
function processStart(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}

function pause(durationMs) {
  return new Promise((done) => setTimeout(done, durationMs));
}

/** Removes finished folders of `parent` not used for `ageMs`, except those in `keep` and those a running process names. */
export function prune(parent, keep, ageMs, log) {
  if (!existsSync(parent)) return;
  const oldest = Date.now() - ageMs;
  const stale = readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((directory) => {
      if (keep.includes(directory) || !readReady(directory)) return false;
      return statSync(join(directory, READY_FILE)).mtimeMs < oldest;
    });
  if (stale.length === 0) return;
  const running = commandLines();
  for (const directory of stale) {
    if (running.some((line) => line.includes(directory))) continue;
    log(`removing ${directory}, unused for ${Math.round(ageMs / 86_400_000)} days`);
    // The marker goes first: a removal cut short leaves an unfinished folder, not a broken one.
    rmSync(join(directory, READY_FILE), { force: true });
    rmSync(directory, { recursive: true, force: true });
  }
}

function commandLines() {
  const lines = [];
  for (const pid of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^[0-9]+$/.test(pid)) continue;
    try {
      lines.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      // The process ended between listing and reading.
    }
  }
  return lines;
}
