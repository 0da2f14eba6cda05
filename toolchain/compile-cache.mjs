// Node's compiled code of Slipway: a start that finds it is twice as fast, so the set-up leaves it there.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory, digestOf } from './cache.mjs';
import { CHECKOUT } from './node.mjs';

const START_TIMEOUT_MS = 60_000;

/** Folder for Node's compiled code, shared by all processes of Slipway. */
export function compileCacheDirectory() {
  const directory = join(cacheDirectory(), 'compile-cache');
  mkdirSync(directory, { recursive: true });
  return directory;
}

/**
 * Starts a server and its router once on a data folder that is thrown away, unless that was done since the code last changed: what
 * they load is compiled and kept. A start that fails here fails for a user as well, who is then told why; it does not fail the set-up.
 */
export async function warmCompileCache(node, log) {
  const mark = join(compileCacheDirectory(), `warm-${digestOf(CHECKOUT, node)}`);
  if (changedAtMs(join(CHECKOUT, 'src')) <= (statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0)) return;
  log('compiling the code of Slipway, once');
  const folder = mkdtempSync(join(tmpdir(), 'slipway-setup-'));
  try {
    if (await startAndStop(node, folder)) writeFileSync(mark, '');
    else log('a server could not be started to compile its code; the first start will be slower');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether it came as far as its listening line and then ended in order. */
function startAndStop(node, folder) {
  const server = spawn(node, [join(CHECKOUT, 'src', 'cli', 'main.ts'), 'serve', '--port', '0', '--data', folder], {
    env: { ...process.env, SLIPWAY_CACHE: cacheDirectory(), NODE_COMPILE_CACHE: compileCacheDirectory() },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const timeout = setTimeout(() => server.kill('SIGKILL'), START_TIMEOUT_MS);
  server.stdout.once('data', () => server.kill('SIGTERM'));
  return new Promise((resolve) => {
    const end = (worked) => {
      clearTimeout(timeout);
      resolve(worked);
    };
    server.once('error', () => end(false));
    server.once('exit', (code) => end(code === 0));
  });
}

/** The latest change of a file or folder below. */
function changedAtMs(folder) {
  const times = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? changedAtMs(path) : statSync(path).mtimeMs;
  });
  return Math.max(statSync(folder).mtimeMs, ...times);
}
