import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { report } from './figure.ts';
import { serve, slipway, stop } from './launcher.ts';
import { memoryOf } from './processes.ts';

/** Proportional set size of server and router: 30 s after the listening line, and 30 s after a whole demo. And how long a demo takes. */

const SETTLE_MS = 30_000;

function reportMemory(folder: string, when: string): void {
  const { pid, routerPid } = JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { pid: number; routerPid: number };
  for (const [name, id, budget] of [
    ['server', pid, 130],
    ['router', routerPid, 70],
  ] as const) {
    const { pssMb, residentMb } = memoryOf(id);
    const note = `resident, with what others share: ${residentMb.toFixed(0)} MB`;
    report({ name: `memory of the ${name}, ${when}`, value: pssMb, unit: 'MB', budget, note });
  }
}

const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const server = await serve(folder);
await pause(SETTLE_MS);
reportMemory(folder, '30 s after ready');
await stop(server);
rmSync(folder, { recursive: true });

await slipway('demo');
const beganMs = performance.now();
const told = await slipway('demo', '--keep', '--json');
const tookMs = performance.now() - beganMs;
report({ name: 'a second demo', value: tookMs / 1000, unit: 's', budget: 60 });
const { kept } = JSON.parse(told) as { kept: { folder: string } };
await pause(SETTLE_MS);
reportMemory(kept.folder, '30 s after a demo');
await slipway('down', '--jobs', '--data', kept.folder);
rmSync(kept.folder, { recursive: true });
