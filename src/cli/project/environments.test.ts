import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { environmentOf, readJson, readProject } from './environments.ts';

const endpoint = { endpoint: 'live', instanceType: 'ml.m5.large', instanceCount: 1 };
const after = (name: string) => ({ ...endpoint, policy: { after: name } });

/** Reads a project of these environments. */
function read(environments: object) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-environments-'));
  try {
    mkdirSync(join(folder, 'config'));
    const content = { project: 'tumour', modelPackageGroup: 'tumour', environments };
    writeFileSync(join(folder, 'config/environments.json'), JSON.stringify(content));
    return readProject(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('environments that follow each other in a circle are refused: nothing could be moved to any of them', () => {
  assert.throws(() => read({ a: after('b'), b: after('c'), c: after('a') }), /environments\.a\.policy\.after: .*circle/);
  assert.throws(() => read({ a: after('a') }), /no other environment/);
  assert.throws(() => read({ a: after('constructor') }), /no other environment/);
  assert.equal(Object.keys(read({ a: endpoint, b: after('a'), c: after('b') }).environments).length, 3);
});

test('a name that cannot be the name of a stage, or not of one of its own, is refused where it stands', () => {
  assert.throws(() => read({ 'pre prod': endpoint }), /environments\.pre prod: /);
  assert.throws(() => read({ source: endpoint }), /environments\.source: /);
  assert.throws(() => read({ live: endpoint, Live: endpoint }), /environments\.Live: /);
});

test('an environment is one of the file', () => {
  assert.throws(() => environmentOf(read({ live: endpoint }), 'constructor'), { name: 'CliExit', message: /has live/ });
});

test('what is no JSON is said with the file', () => {
  const file = join(tmpdir(), 'slipway-no-such-file.json');
  assert.throws(() => readJson(file), { name: 'CliExit', message: /slipway-no-such-file\.json: / });
});
