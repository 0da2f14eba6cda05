import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPure, purityBreaches, wayToNode } from './purity.ts';
import { importsOf, projectFiles } from './source-files.ts';

const pure = projectFiles().filter(isPure);

test('decisions, contract and SDK are pure: no Node module, clock, randomness, environment, throw', () => {
  assert.ok(pure.length > 60, `only ${pure.length} files were looked at`);
  assert.deepEqual(
    pure.flatMap((path) => purityBreaches(path)),
    [],
  );
});

test('nothing that a decision imports when it runs leads to Node', () => {
  assert.deepEqual(
    pure.map((path) => wayToNode(path)).filter((way) => way !== undefined),
    [],
  );
});

test('the contract and the SDK use no package', () => {
  const packages = pure
    .filter((path) => /^(sdk|src\/contract)\//.test(path))
    .flatMap((path) => importsOf(path).filter(({ target }) => target === undefined))
    .map(({ specifier }) => specifier);
  assert.deepEqual(packages, []);
});

test('the rule sees what it forbids, and looks past words about it', () => {
  const path = 'src/domains/jobs/decide-x.ts';
  for (const code of [
    "import { readFileSync } from 'node:fs';",
    'const now = Date.now();',
    'const now = new Date();',
    'const die = Math.random();',
    'const home = process.env.HOME;',
    "if (bad) throw new Error('no');",
    'const later = async () => await x;',
    'setTimeout(f, 1);',
  ]) {
    assert.equal(purityBreaches(path, code).length, 1, code);
  }
  const innocent = "// throw new Error(), await\n/* Date.now() */ const text = 'await it, or throw it away';";
  assert.deepEqual(purityBreaches(path, innocent), []);
  const graph: Record<string, string> = {
    'src/domains/jobs/decide-x.ts': "import type { B } from './b.ts';\nimport { c } from './c.ts';",
    'src/domains/jobs/c.ts': "import { d } from './d.ts';",
    'src/domains/jobs/d.ts': "import { hash } from 'node:crypto';",
  };
  const read = (file: string) => importsOf(file, graph[file] ?? '');
  assert.equal(wayToNode(path, read), `${path} → src/domains/jobs/c.ts → src/domains/jobs/d.ts → node:crypto`);
});
