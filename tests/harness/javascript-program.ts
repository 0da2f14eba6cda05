import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { createHash } from 'node:crypto';
import { buildOnce, cacheDirectory } from '../../toolchain/cache.mjs';

import type { TestServer } from './server.ts';

const FOLDER = resolve(import.meta.dirname, '../clients/javascript');

/**
 * Runs a program of a user of AWS SDK for JavaScript v3 to its end: unchanged, from a folder that has the SDK, with nothing but what
 * `slipway env` sets.
 */
export async function runJavaScript(
  server: TestServer,
  program: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const packages = await javaScriptClients();
  const scratch = mkdtempSync(join(packages, 'programs', 'run-'));
  try {
    const file = join(scratch, basename(program));
    copyFileSync(program, file);
    const child = spawn(process.execPath, [file], {
      cwd: scratch,
      env: { ...server.env, HOME: tmpdir() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((done, refuse) => child.once('error', refuse).once('close', done));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, stdout, stderr };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The folder with the packages, built when it is not there. */
async function javaScriptClients(): Promise<string> {
  const lock = readFileSync(join(FOLDER, 'package-lock.json'));
  const target = join(cacheDirectory(), 'clients', `javascript-${createHash('sha256').update(lock).digest('hex').slice(0, 16)}`);
  const log = (line: string) => process.stderr.write(`JavaScript clients: ${line}\n`);
  await buildOnce(target, log, async (folder: string) => {
    log('downloading the AWS SDK for JavaScript v3 from npm, about 10 MB');
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) copyFileSync(join(FOLDER, name), join(folder, name));
    mkdirSync(join(folder, 'programs'));
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await promisify(execFile)('npm', args, { cwd: folder });
    return {};
  });
  return target;
}
