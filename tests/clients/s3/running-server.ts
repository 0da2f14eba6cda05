import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { findRuntime } from '../../../toolchain/python.mjs';
import { proofEnvironment } from '../../harness/proof.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** A real server in a fresh data folder, for as long as `run` takes. */
export async function withServer(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'slipway-client-'));
  const server = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'serve', '--port', '0', '--data', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  server.stderr.on('data', (chunk) => (log += chunk));
  const ended = once(server, 'exit');
  try {
    const ready = once(server.stdout, 'data');
    const first = await Promise.race([ready.then(([chunk]) => String(chunk)), ended.then(() => 'ended')]);
    assert.match(first, /^slipway: listening on /, log);
    await run(folder);
  } finally {
    server.kill('SIGTERM');
    await ended;
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a Python program as a user of the server would: credentials and endpoint from the folder's AWS files, nothing else. */
export async function runPython(folder: string, script: string): Promise<void> {
  const runtime = findRuntime('ml');
  assert.ok(runtime, 'The Python runtime is missing; run `npm run setup`.');
  const python = spawn(join(runtime.path, 'bin/python'), [script, '-v'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      PYTHONDONTWRITEBYTECODE: '1',
      AWS_PROFILE: 'slipway',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
      AWS_CONFIG_FILE: join(folder, 'config'),
      ...proofEnvironment(`boto3 ${basename(script)}`),
    },
  });
  let output = '';
  for (const stream of [python.stdout, python.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [exitCode] = await once(python, 'close');
  assert.equal(exitCode, 0, output);
}
