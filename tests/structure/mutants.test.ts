import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = 'tests/simulation/mutants';
const patches = globSync(`${FOLDER}/*.patch`, { cwd: ROOT }).sort();

const problemOf = (patch: string): string =>
  spawnSync('git', ['apply', '--check', patch], { cwd: ROOT, encoding: 'utf8' }).stderr.trim();

test('the ten variants that are broken on purpose apply to the source as it is, and are described', () => {
  assert.equal(patches.length, 10);
  const described = readFileSync(join(ROOT, FOLDER, 'README.md'), 'utf8');
  for (const patch of patches) {
    assert.equal(problemOf(patch), '', `${patch} no longer applies: make it anew, with the same mistake`);
    assert.ok(described.includes(`\`${basename(patch, '.patch')}\``), `${patch} is not in ${FOLDER}/README.md`);
  }
});
