import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from './errors/families.ts';
import { DEFAULT_SETTINGS } from './settings.ts';
import { parseSettings } from './settings-grammar.ts';

test('an empty file means the defaults', () => {
  assert.deepEqual(parseSettings(''), DEFAULT_SETTINGS);
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
