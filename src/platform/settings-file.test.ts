import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from './errors/families.ts';
import { parseSettings } from './settings-file.ts';

test('an empty file means the defaults', () => {
  const settings = parseSettings('');
  assert.equal(settings.region, 'us-east-1');
  assert.equal(settings.approval, 'required');
  assert.deepEqual(settings.reservations.modelServer, { cpus: 0, memoryMiB: 512 });
});

test('an unknown key refuses to start and names it', () => {
  assert.throws(
    () => parseSettings('aproval: open'),
    (error: Error) => error instanceof ConfigError && /aproval/.test(error.message) && /approval/.test(error.message),
  );
});

test('a bad value names its place', () => {
  assert.throws(() => parseSettings('reservations: { job: { cpus: -1 } }'), /reservations\.job\.cpus/);
});

test('broken YAML is said to be that', () => {
  assert.throws(() => parseSettings('region: ['), /not valid YAML/);
});
