import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { assertLedgerIsGuarded } from './ledger-tampering.ts';
import { runKilled, runUndisturbed } from './kill-rig.ts';

/** `CRASH_SEED` repeats a run's workload and moments; `CRASH_KILLS` asks for more of them. */
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
const kills = Number(process.env['CRASH_KILLS'] ?? 20);

test(`${kills} kills at random moments leave what an undisturbed server leaves; CRASH_SEED=${seed}`, async (context) => {
  const report = await runKilled({ seed, kills });
  const withJob = report.kills.filter(({ jobs }) => jobs > 0).length;
  const starting = report.kills.filter(({ listened }) => !listened).length;
  context.diagnostic(
    `seed ${seed}: ${report.kills.length} kills, ${withJob} with a job alive, ${starting} during the start; ${report.rounds} rounds, ` +
      `${report.acknowledged} changes acknowledged, ${report.lostAnswers} answers lost, ${report.invocations} predictions`,
  );
  assert.deepEqual(report.problems, [], `the folder is kept: ${report.folder}`);
  assert.ok(report.kills.length >= kills && withJob >= kills / 2);
  assert.ok(report.kills.every(({ answeredMeanwhile }) => answeredMeanwhile > 0));
  const many = Object.entries(report.final.jobs).filter(
    ([, { starts, startLines, count }]) => starts !== 1 || startLines !== 1 || count !== 1,
  );
  assert.deepEqual(many, [], 'each job was started once');
  assert.deepEqual(report.final, await runUndisturbed(seed, report.rounds));
  await assertLedgerIsGuarded(report.folder, seed);
  rmSync(report.folder, { recursive: true, force: true });
});
