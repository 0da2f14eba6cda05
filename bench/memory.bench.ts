import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { report } from './figure.ts';
import { serve, slipway, stop } from './launcher.ts';
import { pssMbOf } from './processes.ts';

/** Proportional set size of server and router: 30 s after the listening line, and 30 s after a whole demo. And how long a demo takes. */

const SETTLE_MS = 30_000;

function reportMemory(folder: string, when: string): void {
  const { pid, routerPid } = JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { pid: number; routerPid: number };
  report({ name: `memory of the server, ${when}`, value: pssMbOf(pid), unit: 'MB', budget: 130 });
  report({ name: `memory of the router, ${when}`, value: pssMbOf(routerPid), unit: 'MB', budget: 70 });
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
