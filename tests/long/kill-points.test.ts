import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ACTS } from '../crash/acts.ts';
import { printReport } from '../crash/point-report.ts';
import { type KillReport, runKilled, runUndisturbed } from '../crash/point-rig.ts';

/**
 * The server killed at every named point, `CRASH_POINT_KILLS` times each, or at those that match `CRASH_POINTS`; at most `CRASH_KILLS_MAX` in all, chosen by `CRASH_SEED`. The table is
 * printed, and written to the file `CRASH_REPORT` where that is given.
 */
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
const killsPerPoint = Number(process.env['CRASH_POINT_KILLS'] ?? 20);
const killsMax = process.env['CRASH_KILLS_MAX'];
const only = process.env['CRASH_POINTS'];
const file = process.env['CRASH_REPORT'];
const parallel = Number(process.env['CRASH_PARALLEL'] ?? 2);

test(`${killsPerPoint} kills at each named point; CRASH_SEED=${seed}`, async (context) => {
  const course = await runUndisturbed();
  const startedAtMs = Date.now();
  const plan = { seed, killsPerPoint, killsPerFolder: 100, parallel, acts: ACTS };
  const limits = `${killsMax ? ` CRASH_KILLS_MAX=${killsMax}` : ''}${only ? ` CRASH_POINTS='${only}'` : ''}`;
  const settings = `CRASH_SEED=${seed} CRASH_POINT_KILLS=${killsPerPoint}${limits}`;
  const command = `${settings} node --test tests/long/kill-points.test.ts`;
  const textOf = (report: KillReport) => printReport(report, command, (Date.now() - startedAtMs) / 1000);
  const progress = (line: string, soFar: KillReport) => {
    process.stderr.write(`${line}\n`);
    if (file) writeFileSync(file, textOf(soFar)); // also of a run that is broken off
  };
  const report = await runKilled(
    { ...plan, ...(killsMax && { killsMax: Number(killsMax) }), ...(only && { only: new RegExp(only) }), progress },
    course,
  );
  for (const line of textOf(report).split('\n')) context.diagnostic(line);
  assert.deepEqual(report.problems, []);
  assert.equal(
    report.kills.reduce((sum, { lost, twice }) => sum + lost + twice, 0),
    0,
  );
});
