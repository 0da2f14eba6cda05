import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACTS } from './acts.ts';
import { runKilled, runUndisturbed } from './point-rig.ts';

/** `CRASH_SEED` repeats the choice of points; `tests/long/kill-points.test.ts` goes to all of them many times. */
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
const kills = Number(process.env['CRASH_KILLS'] ?? 30);

test(`${kills} kills at named points leave what an undisturbed server leaves; CRASH_SEED=${seed}`, async (context) => {
  const acts = ACTS.filter(({ heavy }) => !heavy);
  const course = await runUndisturbed(acts);
  const plan = { seed, killsPerPoint: 1, killsMax: kills, killsPerFolder: kills, parallel: 1, acts };
  const report = await runKilled(plan, course);
  const waited = report.kills.filter(({ inFlight }) => inFlight > 0).length;
  const acknowledged = report.kills.reduce((sum, kill) => sum + kill.acknowledged, 0);
  context.diagnostic(
    `seed ${seed}: ${report.kills.length} kills at ${course.points.size} points, ${waited} with a client waiting; ${report.acts} acts, ` +
      `${acknowledged} changes acknowledged, ${report.lostAnswers} answers lost`,
  );
  assert.deepEqual(report.problems, []);
  assert.ok(report.kills.length >= kills * 0.8, `only ${report.kills.length} kills; missed: ${[...report.missed.keys()]}`);
});
