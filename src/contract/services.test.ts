import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService, serviceIds } from '../../models/load.ts';

test('operation keys are unique over all services', () => {
  const keys = serviceIds.flatMap((id) => [...loadService(id).operations.values()].map((operation) => operation.key));
  assert.equal(new Set(keys).size, keys.length);
});
