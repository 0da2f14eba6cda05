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

test('an image stands for an image or for a folder', () => {
  const { images, registry } = parseSettings(
    'images: { "a:1": sagemaker-xgboost:1.7-1, "b:1": /srv/b, "c:1": ~/c }\nregistry: { layerMiB: 5 }',
  );
  assert.deepEqual(images, { 'a:1': 'sagemaker-xgboost:1.7-1', 'b:1': '/srv/b', 'c:1': '~/c' });
  assert.deepEqual(registry, { ...DEFAULT_SETTINGS.registry, layerMiB: 5 });
  assert.throws(() => parseSettings('images: { "a:1": ./here }'), /images\.a:1: write an image name .* or a folder as/);
  assert.throws(() => parseSettings('registry: { layerMiB: 0 }'), /registry\.layerMiB/);
});
