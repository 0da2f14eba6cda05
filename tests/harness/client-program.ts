import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { cacheDirectory } from '../../toolchain/cache.mjs';
import { buildRuntime, findPython, findRuntime } from '../../toolchain/python.mjs';
import { collectProofs, proofEnvironment } from './proof.ts';
import type { TestServer } from './server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LOCK = join(ROOT, 'tests/clients/environment');

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** What docs/api-coverage.md calls this test. */
  readonly test: string;
  /** On top of what `slipway env` sets. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program of an AWS user to its end: in a shell that has nothing but a PATH with the client environment (boto3, SageMaker SDK,
 * AWS CLI), an empty home folder, and what `slipway env` sets.
 */
export async function runProgram(
  server: TestServer,
  command: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const clients = await clientEnvironment();
  const home = mkdtempSync(join(tmpdir(), 'slipway-home-'));
  const proofs = join(home, '.answered');
  const script = 'set -e; eval "$("$SLIPWAY_NODE" "$SLIPWAY_LAUNCHER" env --data "$SLIPWAY_DATA_OF_TEST")"; exec "$@"';
  const child = spawn('/bin/bash', ['-c', script, 'bash', ...command], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${join(clients, 'bin')}:${process.env['PATH']}`,
      HOME: home,
      TMPDIR: tmpdir(),
      PYTHONUNBUFFERED: '1',
      SLIPWAY_CACHE: cacheDirectory(),
      SLIPWAY_NODE: process.execPath,
      SLIPWAY_LAUNCHER: join(ROOT, 'bin/slipway.mjs'),
      SLIPWAY_DATA_OF_TEST: server.folder,
      ...proofEnvironment(options.test, proofs),
      ...options.env,
    },
  });
  try {
    const ended = new Promise<number | null>((done, refuse) => child.once('error', refuse).once('close', done));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, stdout, stderr };
  } finally {
    collectProofs(proofs);
    rmSync(home, { recursive: true, force: true });
  }
}

/** `runProgram` for one that must succeed; fails with what it printed and the server's log. Returns its stdout. */
export async function runToSuccess(server: TestServer, command: readonly string[], options: ProgramOptions): Promise<string> {
  const { code, stdout, stderr } = await runProgram(server, command, options);
  assert.equal(code, 0, `${command.join(' ')}\n${stdout}\n${stderr}\nThe server's log ends:\n${server.log().slice(-4000)}`);
  return stdout;
}

/** The folder of the client environment, built when it is not there. */
export async function clientEnvironment(): Promise<string> {
  const found = findRuntime('clients', LOCK);
  if (found) return found.path;
  const python = findPython();
  assert.ok(python, 'No Python 3.11 to 3.13 with venv was found.');
  const log = (line: string) => process.stderr.write(`client environment: ${line}\n`);
  log('downloading boto3, the SageMaker SDK 2.x and the AWS CLI from PyPI, about 70 MB');
  return buildRuntime('clients', python, log, LOCK);
}
