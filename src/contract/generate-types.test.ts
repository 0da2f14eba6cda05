import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadService, serviceIds } from '../../models/load.ts';
import { generateOperations, generateTypes } from './generate-types.ts';

const stale = 'is not what the models give; run `node models/generate.ts`';

for (const id of serviceIds) {
  test(`generated types of ${id} are those of the model`, () => {
    const committed = readFileSync(new URL(`./generated/${id}.ts`, import.meta.url), 'utf8');
    assert.ok(committed === generateTypes(loadService(id).model, id), `src/contract/generated/${id}.ts ${stale}`);
  });
}

test('the generated operations are those of the models', () => {
  const committed = readFileSync(new URL('./operations.ts', import.meta.url), 'utf8');
  assert.ok(committed === generateOperations(serviceIds.map(loadService)), `src/contract/operations.ts ${stale}`);
});

test('operation keys are unique over all services', () => {
  const keys = serviceIds.flatMap((id) => [...loadService(id).operations.values()].map((operation) => operation.key));
  assert.equal(new Set(keys).size, keys.length);
});
