import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decidePort, decideRuntimePort } from './decide-ports.ts';

const both = (port: number | undefined, runtimePort: number | undefined, recorded?: { port: number; runtimePort: number }) => {
  const decided = decidePort({ port, runtimePort }, recorded);
  return [decided, decideRuntimePort({ port, runtimePort }, recorded, decided)];
};

test('a first start takes what is asked for, else the default and the port after it', () => {
  assert.deepEqual(both(undefined, undefined), [7600, 7601]);
  assert.deepEqual(both(9000, undefined), [9000, 9001]);
  assert.deepEqual(both(9000, 9500), [9000, 9500]);
  assert.deepEqual(both(9000, 0), [9000, 0]);
  assert.deepEqual(both(0, undefined), [0, 0]);
});

test('a restart keeps its ports, also where free ones are asked for: jobs that still run know them', () => {
  const recorded = { port: 41000, runtimePort: 42000 };
  assert.deepEqual(both(undefined, undefined, recorded), [41000, 42000]);
  assert.deepEqual(both(0, 0, recorded), [41000, 42000]);
  assert.deepEqual(both(0, 9500, recorded), [41000, 9500]);
  assert.deepEqual(both(9000, undefined, recorded), [9000, 9001]);
});
