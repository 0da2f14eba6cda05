import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { repeat, simulate } from './simulate.ts';
import { FAULTS } from './swarm.ts';

const SEEDS = 1000;
const DELIVERY_SEEDS = 200;
/** No divisor of how the workloads alternate, so that seeds of each are run twice. */
const AGAIN_EVERY = 7;

/** The first seed. The long run (tests/long) goes where no run was before. */
const FROM = Number(process.env['SIM_FROM'] ?? 1);

test(`${SEEDS} simulated seeds keep every promise, and do the same when they run again; SIM_FROM=${FROM}`, async (context) => {
  const workers = Math.min(2, availableParallelism());
  const report = await simulate({ from: FROM, seeds: SEEDS, workers, againEvery: AGAIN_EVERY, problemsMax: 5 });
  context.diagnostic(`${report.events} events in ${report.seeds} seeds`);
  const found = report.failed.map(({ seed, problems }) => `seed ${seed}: ${problems.join('; ')}\n${repeat(seed)}`);
  assert.deepEqual(found, []);
  assert.ok(report.events >= SEEDS * 200);
  const unmet = FAULTS.filter((fault) => !report.coverage.counts.has(`fault\t${fault}`));
  assert.deepEqual(unmet, [], 'every fault was met');
});

test(`${DELIVERY_SEEDS} simulated seeds about delivery pipelines keep every promise; SIM_FROM=${FROM}`, async (context) => {
  const workers = Math.min(2, availableParallelism());
  const about = 'delivery';
  const report = await simulate({ about, from: FROM, seeds: DELIVERY_SEEDS, workers, againEvery: AGAIN_EVERY, problemsMax: 5 });
  context.diagnostic(`${report.events} events in ${report.seeds} seeds`);
  const found = report.failed.map(({ seed, problems }) => `seed ${seed}: ${problems.join('; ')}\n${repeat(seed, about)}`);
  assert.deepEqual(found, []);
  const ends = ['Succeeded', 'Failed', 'Stopped', 'Superseded'];
  const reached = [...report.coverage.counts.keys()].filter((name) => name.startsWith('CodePipelineExecution'));
  assert.deepEqual(
    ends.filter((end) => !reached.some((name) => name.endsWith(`→ ${end}`))),
    [],
    'every end was met',
  );
});
