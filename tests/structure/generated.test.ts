import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService, serviceIds } from '../../models/load.ts';
import { generateOperations, generateTypes } from '../../src/contract/generate-types.ts';
import { currentPage } from '../../src/gateway/generate-coverage.ts';
import { compileStatements, statementsText } from '../../src/platform/store/sqlite/compile-statements.ts';
import { isGenerated, projectFiles, textOf } from './source-files.ts';

/** Every generated file, with what makes it anew. */
const GENERATED: readonly { readonly path: string; readonly command: string; make(): string }[] = [
  ...serviceIds.map((id) => ({
    path: `src/contract/generated/${id}.ts`,
    command: 'node models/generate.ts',
    make: () => generateTypes(loadService(id).model, id),
  })),
  {
    path: 'src/contract/operations.ts',
    command: 'node models/generate.ts',
    make: () => generateOperations(serviceIds.map(loadService)),
  },
  {
    path: 'src/platform/store/sqlite/statements.generated.ts',
    command: 'node src/platform/store/sqlite/generate-statements.ts',
    make: () => statementsText(compileStatements()),
  },
  { path: 'docs/api-coverage.md', command: 'node src/gateway/generate-coverage.ts', make: currentPage },
];

for (const { path, command, make } of GENERATED) {
  test(`${path} is what its generator makes`, () => {
    assert.ok(textOf(path) === make(), `${path} is out of date; run \`${command}\``);
  });
}

test('no file counts as generated that nothing makes', () => {
  const made = new Set(GENERATED.map(({ path }) => path));
  assert.deepEqual(
    projectFiles().filter((path) => path.endsWith('.ts') && isGenerated(path) && !made.has(path)),
    [],
  );
});
