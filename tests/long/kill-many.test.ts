import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const kills = process.env['CRASH_KILLS'] ?? '200';

test(`${kills} kills: tests/crash/kill.test.ts at length`, () => {
  const env: NodeJS.ProcessEnv = { ...process.env, CRASH_KILLS: kills };
  delete env['NODE_TEST_CONTEXT']; // a run of its own, not a part of this one
  const run = spawnSync(process.execPath, ['--test', join(import.meta.dirname, '../crash/kill.test.ts')], {
    env,
    encoding: 'utf8',
  });
  process.stdout.write(run.stdout.replace(/^/gm, '  '));
  assert.equal(run.status, 0, run.stdout + run.stderr);
});
