import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { test } from 'node:test';
import { createRuntimeCatalogue } from './runtime-catalogue.ts';

const locate = () => ({
  versions: { 'xgboost-cpu': '3.0.5', 'scikit-learn': '1.4.2', numpy: '1.26.4', pandas: '2.3.3', python: '3.11.2' },
});

test('an image resolves to its runtime, its behaviour and the versions that really run', () => {
  const image = '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.0-1-cpu-py3';
  const resolved = createRuntimeCatalogue({}, locate).resolve(image);
  assert.ok(!('problem' in resolved));
  assert.equal(resolved.image, image);
  assert.equal(resolved.runtime, 'ml');
  assert.deepEqual(resolved.actual, { xgboost: '3.0.5', 'scikit-learn': '1.4.2', python: '3.11.2' });
  assert.deepEqual(resolved.promised, { xgboost: '1.0.0' });
  assert.deepEqual([resolved.trainCommand, resolved.serveCommand], [['train'], ['serve']]);
  assert.equal(resolved.profile['answers'], 'comma');
  assert.match(String(resolved.profile['note']), /^image sagemaker-xgboost:1\.0-1-cpu-py3 is emulated by xgboost 3\.0\.5/);
});

test('plain Python has no commands of its own', () => {
  const resolved = createRuntimeCatalogue({}, locate).resolve('python:3.11');
  assert.ok(!('problem' in resolved));
  assert.equal(resolved.trainCommand, undefined);
  assert.deepEqual(resolved.actual, { python: '3.11.2' });
});

test('an unknown image is a value, not an exception', () => {
  assert.ok('problem' in createRuntimeCatalogue({}, locate).resolve('nobody/knows:1'));
});

const root = { digest: 'a'.repeat(64), layers: [], environment: {}, workingDirectory: '/' };
const own = {
  find: (image: string) =>
    image.endsWith('own:1')
      ? { repository: 'own', tag: '1', entrypoint: ['/run', '-x'], command: ['do'], user: 'me', root }
      : image.endsWith('foreign:1')
        ? { problem: `Image ${image}: it was built for linux/riscv64.` }
        : undefined,
};

test('an image of this data folder comes before the table and runs as itself', () => {
  const catalogue = createRuntimeCatalogue(
    { 'other/name:1': 'own:1', 'sagemaker-xgboost:1.7-1': 'own:1' },
    () => ({ versions: {} }),
    own,
  );
  for (const name of ['own:1', '1.dkr.ecr.x.amazonaws.com/own:1', 'other/name:1', 'any.host/sagemaker-xgboost:1.7-1']) {
    const resolved = catalogue.resolve(name);
    assert.ok(!('problem' in resolved), name);
    assert.equal(resolved.image, name);
    assert.deepEqual(
      [resolved.runtime, resolved.digest, resolved.root],
      [`sha256:${root.digest}`, `sha256:${root.digest}`, root],
    );
    assert.deepEqual(
      [resolved.trainCommand, resolved.serveCommand],
      [
        ['/run', '-x', 'train'],
        ['/run', '-x', 'serve'],
      ],
    );
    assert.match(String(resolved.profile['note']), /its user me is root here/);
  }
  assert.match(problemOf(catalogue.resolve('foreign:1')), /riscv64/);
  assert.match(problemOf(catalogue.resolve('nobody/has:it')), /slipway image import/);
  assert.match(problemOf(catalogue.resolve(`own@sha256:${'b'.repeat(64)}`)), /not pushed or imported here/);
});

test('a folder of programs stands behind the name that the settings give it', () => {
  const catalogue = createRuntimeCatalogue({ 'own/folder:1': '~/programs' }, () => ({ versions: {} }));
  const resolved = catalogue.resolve('123456789012.dkr.ecr.us-east-1.amazonaws.com/own/folder:1');
  assert.ok(!('problem' in resolved));
  assert.equal(resolved.runtime, `folder:${homedir()}/programs`);
  assert.deepEqual([resolved.trainCommand, resolved.serveCommand, resolved.digest], [['train'], ['serve'], undefined]);
});

const problemOf = (found: object): string => ('problem' in found ? String(found.problem) : 'none');
