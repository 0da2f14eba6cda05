import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildOnce, cacheDirectory } from '../../toolchain/cache.mjs';
import { findPython } from '../../toolchain/python.mjs';

const run = promisify(execFile);

/** The folder of a locked environment of these suites, built by pip when it is not there: some of its packages come as sources only. */
export async function environmentOf(name: string): Promise<string> {
  const lock = join(import.meta.dirname, 'environments', name, 'requirements.txt');
  const digest = createHash('sha256').update(readFileSync(lock)).digest('hex').slice(0, 16);
  const target = join(cacheDirectory(), 'clients', `${name}-${digest}`);
  const log = (line: string) => process.stderr.write(`${name}: ${line}\n`);
  await buildOnce(target, log, async () => {
    log('downloading from PyPI');
    const python = findPython();
    assert.ok(python, 'No Python 3.11 to 3.13 with venv was found.');
    // under its own name: programs of an environment hold the path they were made with
    await run(python.executable, ['-m', 'venv', '--clear', `${target}.venv`]);
    await run(join(`${target}.venv`, 'bin/pip'), ['install', '--quiet', '--require-hashes', '-r', lock]);
    return {};
  });
  return `${target}.venv`;
}
