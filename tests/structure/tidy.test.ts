import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { isGenerated, projectFiles, textOf } from './source-files.ts';

const LINES_MAX = 800;
const FORBIDDEN_NAMES = /^(util|utils|helper|helpers|manager|common|misc|base|data|info)\.(ts|mjs|py)$/;

const files = projectFiles();
const handWritten = files.filter((path) => /\.(ts|mjs|py)$/.test(path) && !isGenerated(path));

test(`no hand-written file beyond ${LINES_MAX} lines`, () => {
  const long = handWritten
    .map((path) => [path, textOf(path).split('\n').length] as const)
    .filter(([, lines]) => lines > LINES_MAX);
  assert.deepEqual(long, []);
});

test('file names say what a file is', () => {
  assert.deepEqual(
    handWritten.filter((path) => FORBIDDEN_NAMES.test(basename(path))),
    [],
  );
});

test('the lock files carry no registry address', () => {
  for (const path of files.filter((file) => /package-lock\.json$/.test(file))) {
    assert.doesNotMatch(textOf(path), /"resolved": "https?:/, path);
    assert.doesNotMatch(textOf(path), /"hasInstallScript": true/, path);
  }
});

test('dependencies are pinned to exact versions', () => {
  for (const path of files.filter((file) => /(^|\/)package\.json$/.test(file))) {
    const {
      dependencies = {},
      devDependencies = {},
      optionalDependencies = {},
    } = JSON.parse(textOf(path)) as Record<string, Record<string, string>>;
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      assert.match(version, /^(\d+\.\d+\.\d+(-[\w.]+)?|file:.*)$/, `${path}: ${name}`);
    }
  }
});
