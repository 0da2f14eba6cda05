import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serveModel } from '../crash/model-endpoint.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { inWords, ownMemoryMb, type Sample, trendOf } from './memory-trend.ts';

/**
 * An endpoint under steady load for SOAK_MINUTES (12 unless set): every request is answered as it should be, and neither router nor server
 * grows after the first third. Latencies are printed by thirds: whether they stay is for a quiet machine to say.
 */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 12);
const CLIENTS = 4;
const PAUSE_MS = 10;
const SAMPLE_EVERY_MS = 1_000;
const GROWTH_PER_HOUR_MAX_MB = 4;

suite('an endpoint under steady load', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
    await serveModel(new AwsClient(optionsOf(server)), 'steady');
  });
  after(() => server.stop());

  test(`${MINUTES} minutes: every answer is right and memory stays`, async () => {
    const beganMs = Date.now();
    const lastsMs = MINUTES * 60_000;
    const untilMs = beganMs + lastsMs;
    const thirdOf = (atMs: number) => Math.min(2, Math.floor(((atMs - beganMs) / lastsMs) * 3)) as 0 | 1 | 2;
    const times: [number[], number[], number[]] = [[], [], []];
    const aws = new AwsClient(optionsOf(server));
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let n = 0; Date.now() < untilMs; n += 1) {
        const atMs = Date.now();
        const sentMs = performance.now();
        assert.equal(await aws.invoke('steady', `${client}-${n}`), `steady ${client}-${n}`);
        times[thirdOf(atMs)].push(performance.now() - sentMs);
        await pause(PAUSE_MS);
      }
    });
    const { routerPid } = JSON.parse(readFileSync(join(server.folder, 'server.json'), 'utf8')) as { routerPid: number };
    const samples = { router: [] as Sample[], server: [] as Sample[] };
    const watching = (async () => {
      while (Date.now() < untilMs) {
        samples.router.push({ atMs: Date.now(), value: ownMemoryMb(routerPid) });
        samples.server.push({ atMs: Date.now(), value: ownMemoryMb(server.pid) });
        await pause(SAMPLE_EVERY_MS);
      }
    })();
    await Promise.all([...clients, watching]);
    const at = (third: number[], share: number) => third.toSorted((a, b) => a - b)[Math.floor(third.length * share)] ?? 0;
    for (const [third, taken] of times.entries()) {
      const told = `p50 ${at(taken, 0.5).toFixed(2)} ms, p99 ${at(taken, 0.99).toFixed(2)} ms`;
      process.stdout.write(`endpoint soak: third ${third + 1}, ${taken.length} invocations: ${told}\n`);
    }
    for (const [name, taken] of Object.entries(samples)) {
      const trend = trendOf(taken.slice(Math.floor(taken.length / 3)));
      process.stdout.write(`endpoint soak: ${name} ${inWords(trend, 'MB')}, ${taken.at(-1)?.value.toFixed(0)} MB at last\n`);
      assert.ok(trend.low <= GROWTH_PER_HOUR_MAX_MB, `The ${name} grows by ${inWords(trend, 'MB')}.`);
    }
  });
});
