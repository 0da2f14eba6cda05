import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { repeat, simulate } from '../simulation/simulate.ts';
import { mutantPatches, tryMutant } from '../simulation/try-mutants.ts';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 100_000);
const DELIVERY_SEEDS = Number(process.env['SIM_DELIVERY_SEEDS'] ?? 5_000);
const FROM = Number(process.env['SIM_FROM'] ?? 1);

test(`${SEEDS} simulated seeds from ${FROM} on keep every promise`, async (context) => {
  const workers = availableParallelism();
  const report = await simulate({ from: FROM, seeds: SEEDS, workers, againEvery: 7, problemsMax: 20 });
  for (const line of report.coverage.table()) context.diagnostic(line);
  context.diagnostic(`${report.events} events in ${report.seeds} seeds`);
  const found = report.failed.map(({ seed, problems }) => `seed ${seed}: ${problems.join('; ')}\n${repeat(seed)}`);
  assert.deepEqual(found, []);
});

test(`${DELIVERY_SEEDS} simulated seeds about delivery pipelines from ${FROM} on keep every promise`, async (context) => {
  const about = 'delivery';
  const options = { about, from: FROM, seeds: DELIVERY_SEEDS, againEvery: 7, problemsMax: 20 } as const;
  const report = await simulate({ ...options, workers: availableParallelism() });
  for (const line of report.coverage.table()) context.diagnostic(line);
  context.diagnostic(`${report.events} events in ${report.seeds} seeds`);
  const found = report.failed.map(({ seed, problems }) => `seed ${seed}: ${problems.join('; ')}\n${repeat(seed, about)}`);
  assert.deepEqual(found, []);
});

for (const patch of mutantPatches()) {
  test(`what is broken on purpose is found within 1,000 seeds: ${patch}`, async (context) => {
    const { seeds, found } = await tryMutant(patch, 1000);
    assert.ok(seeds !== undefined, 'no seed found it');
    context.diagnostic(`within ${seeds} seeds: ${found}`);
  });
}
