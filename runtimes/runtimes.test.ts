import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findRuntime } from '../toolchain/python.mjs';

/** The Python side has its own tests; the built runtime runs them, one process per file. */
const TESTS = fileURLToPath(new URL('./tests', import.meta.url));

function run(command: string, args: readonly string[], cwd: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

const modules = readdirSync(TESTS)
  .filter((name) => /^test_\w+\.py$/.test(name))
  .map((name) => name.slice(0, -3));

for (const module of modules) {
  test(`python: ${module}`, { concurrency: true }, async () => {
    const runtime = findRuntime('ml');
    assert.ok(runtime, 'the Python runtime is not built: run `npm run setup`');
    const { code, output } = await run(join(runtime.path, 'bin', 'python3'), ['-m', 'unittest', module], TESTS);
    assert.equal(code, 0, output);
    assert.match(output, /Ran [1-9]\d* tests?/);
  });
}
