import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { median, report } from './figure.ts';

/** From `node bin/slipway.mjs serve` to its listening line, in a fresh data folder and in one that exists. Floor: `node -e 0`. */

const LAUNCHER = resolve(import.meta.dirname, '../bin/slipway.mjs');
const ROUNDS = 7;

async function listening(child: ChildProcess): Promise<void> {
  for await (const text of child.stdout ?? []) if (String(text).includes('slipway: listening on ')) return;
  throw new Error(`The server ended with exit code ${child.exitCode} before it listened.`);
}

async function startMs(folder: string): Promise<number> {
  const beganMs = performance.now();
  const child = spawn(process.execPath, [LAUNCHER, 'serve', '--port', '0', '--data', folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await listening(child);
  const took = performance.now() - beganMs;
  child.kill('SIGTERM');
  await once(child, 'exit');
  return took;
}

async function bareMs(): Promise<number> {
  const beganMs = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - beganMs;
}

const fresh: number[] = [];
const again: number[] = [];
const bare: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  bare.push(await bareMs());
  fresh.push(await startMs(folder));
  again.push(await startMs(folder));
  rmSync(folder, { recursive: true });
}
const note = `median of ${ROUNDS}`;
report({ name: 'start, fresh data folder', value: median(fresh), unit: 'ms', floor: median(bare), budget: 1000, note });
report({ name: 'start, existing data folder', value: median(again), unit: 'ms', floor: median(bare), budget: 1000, note });
