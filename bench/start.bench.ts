import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, report } from './figure.ts';
import { serve, stop } from './launcher.ts';

/** From `node bin/slipway.mjs serve` to its listening line, in a fresh data folder and in one that exists. Floor: `node -e 0`. */

const ROUNDS = 9;

async function startMs(folder: string): Promise<number> {
  const beganMs = performance.now();
  const server = await serve(folder);
  const took = performance.now() - beganMs;
  await stop(server);
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
for (const [name, found] of [
  ['start, fresh data folder', fresh],
  ['start, existing data folder', again],
] as const) {
  const note = `median of ${ROUNDS}; best ${Math.min(...found).toFixed(0)} ms`;
  report({ name, value: median(found), unit: 'ms', floor: median(bare), budget: 1000, note });
}
