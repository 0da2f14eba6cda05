import assert from 'node:assert/strict';
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
