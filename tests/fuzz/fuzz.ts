import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { slipway } from '../harness/cli.ts';
import type { TestServer } from '../harness/server.ts';
import { readAllLists } from './afterwards.ts';
import { createCorpus } from './corpus.ts';
import { printFailures, printReport } from './fuzz-report.ts';
import { type MemoryFigures, measureMemory, startFuzzServer } from './fuzz-server.ts';
import { FuzzRun } from './run-fuzz.ts';

/** Growth between two thirds of a run that is noise of the allocator and caches that fill. */
const GROWTH_SHARE_MAX = 0.25;
const GROWTH_MIB_MAX = 40;

const CLIENTS = 16;

/** Sends that many requests to a fresh server, in thirds, and fails for whatever is wrong with an answer or with the server afterwards. */
export async function fuzz(t: TestContext, seed: number, requests: number): Promise<void> {
  t.diagnostic(`seed ${seed}: FUZZ_SEED=${seed} repeats it`);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-fuzzed-'));
  let server = await startFuzzServer(folder);
  try {
    const corpus = await createCorpus(server);
    const run = new FuzzRun(corpus, { seed, clients: CLIENTS });
    const memory: MemoryFigures[] = [];
    for (let third = 0; third < 3; third += 1) {
      await run.run(Math.round(requests / 3));
      memory.push(await measureMemory(server));
      t.diagnostic(printReport(run.report(), memory).at(-1) ?? '');
    }
    await run.shrinkFailures();
    run.close();
    const report = run.report();
    for (const line of printReport(report, memory)) t.diagnostic(line);
    assert.deepEqual(printFailures(report), '', 'every answer is what it should be');
    assertNoMistakes(server);
    const [, second, last] = memory;
    if (requests >= 100_000) assertSteady(second, last);
    const audit = await slipway(['audit', 'verify', '--data', server.folder], { env: server.env });
    assert.equal(audit.code, 0, audit.stdout + audit.stderr);
    await server.kill9();
    server = await startFuzzServer(folder); // whatever was taken can be started from and told
    const { lists, pages } = await readAllLists(corpus.target);
    t.diagnostic(`after another start: ${lists} lists read to their ends, ${pages} pages`);
    assertNoMistakes(server);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function assertNoMistakes(server: TestServer): void {
  const lines = server.log().split('\n');
  const mistakes = lines.filter((line) => /"level":(50|60)|A mistake of Slipway/.test(line));
  assert.deepEqual(mistakes.slice(0, 20), [], 'nothing was a fault of ours');
}

function assertSteady(before: MemoryFigures | undefined, after: MemoryFigures | undefined): void {
  for (const figure of ['heapUsedMiB', 'rssMiB'] as const) {
    const [was, is] = [before?.[figure] ?? 0, after?.[figure] ?? 0];
    assert.ok(is - was <= Math.max(GROWTH_MIB_MAX, was * GROWTH_SHARE_MAX), `${figure} grew from ${was} to ${is}`);
  }
}
