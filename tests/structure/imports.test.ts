import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, isTest, projectFiles } from './source-files.ts';
import { importBreaches, zoneOf } from './zones.ts';

const sources = projectFiles().filter((path) => /\.(ts|mjs)$/.test(path) && !isTest(path));

test('a zone imports only what ARCHITECTURE.md allows', () => {
  assert.deepEqual(
    sources.flatMap((path) => importBreaches(path)),
    [],
  );
});

test('the rule sees every way to import, and every wall', () => {
  const breaches = (path: string, code: string) => importBreaches(path, importsOf(path, code));
  const room = 'src/domains/jobs/operations/x.ts';
  assert.deepEqual(breaches(room, "import { a } from '../../../platform/clock.ts';\nimport fs from 'node:fs';"), []);
  for (const code of [
    "import { a } from '../../registry/rows.ts';",
    "import type { A } from '../../registry/rows.ts';",
    "import {\n  type A,\n  b,\n} from '../../registry/rows.ts';",
    "export * from '../../registry/rows.ts';",
    "import '../../registry/rows.ts';",
    "const later = () => import('../../registry/rows.ts');",
  ]) {
    assert.deepEqual(breaches(room, code), [`${room} imports src/domains/registry/rows.ts`], code);
  }
  for (const [path, code] of [
    ['src/platform/x.ts', "import { a } from '../domains/jobs/room.ts';"],
    ['src/platform/x.ts', "import { a } from '../main.ts';"],
    ['src/gateway/x.ts', "import { a } from '../domains/jobs/room.ts';"],
    ['src/gateway/x.ts', "import { Pipeline } from '@slipway/sdk';"],
    ['src/router/x.ts', "import { a } from '../gateway/server.ts';"],
    ['src/backends/sandbox/x.ts', "import { a } from '../../domains/jobs/room.ts';"],
    ['src/cli/x.ts', "import { a } from '../domains/jobs/room.ts';"],
    ['sdk/x.ts', "import { a } from '../src/contract/validate.ts';"],
    ['console/x.ts', "import { a } from '../src/platform/clock.ts';"],
    ['src/contract/x.ts', "import { a } from '../platform/clock.ts';"],
  ] as const) {
    assert.equal(breaches(path, code).length, 1, `${path}: ${code}`);
  }
});

test('only main.ts wires rooms, backends, gateway and router together', () => {
  const homeless = projectFiles().filter(
    (path) => path.startsWith('src/') && path.endsWith('.ts') && !zoneOf(path) && path !== 'src/main.ts' && !isTest(path),
  );
  assert.deepEqual(homeless, [], 'files directly under src/ belong to a zone');
});
