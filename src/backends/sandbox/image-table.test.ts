import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeImage, isUnknownImage, lookUpImage } from './image-table.ts';
import type { ImageTable, KnownImage } from './image-table.ts';

const table = JSON.parse(readFileSync(new URL('../../../runtimes/images.json', import.meta.url), 'utf8')) as ImageTable;

function known(image: string, mappings: Record<string, string> = {}): KnownImage {
  const found = lookUpImage(table, image, mappings);
  assert.ok(!isUnknownImage(found), `${image}: ${JSON.stringify(found)}`);
  return found;
}

function problem(image: string): string {
  const found = lookUpImage(table, image);
  assert.ok(isUnknownImage(found), `${image} was found`);
  return found.problem;
}

test('account, region and registry host do not matter', () => {
  for (const host of [
    '683313688378.dkr.ecr.us-east-1.amazonaws.com',
    '246618743249.dkr.ecr.cn-north-1.amazonaws.com.cn',
    'localhost:5000',
  ]) {
    assert.equal(known(`${host}/sagemaker-xgboost:1.7-1`).profile['release'], '1.7-1');
  }
});

test('every tag resolves, also as CPU and GPU variant', () => {
  for (const [repository, { tags }] of Object.entries(table.repositories)) {
    for (const tag of tags === 'any' ? ['3.11', '3.12-slim', 'latest'] : Object.keys(tags)) {
      assert.equal(known(`${repository}:${tag}`).repository, repository);
      if (tags === 'any') continue;
      for (const suffix of ['-cpu-py3', '-cpu', '-gpu', '-gpu-py3']) {
        assert.deepEqual(known(`${repository}:${tag}${suffix}`).profile, known(`${repository}:${tag}`).profile);
      }
    }
  }
});

test('behaviour goes by tag', () => {
  assert.deepEqual(known('sagemaker-xgboost:1.0-1-cpu-py3').profile, {
    release: '1.0-1',
    answers: 'comma',
    modelFile: 'pickle',
    ensemble: false,
  });
  assert.equal(known('sagemaker-xgboost:3.0-5').profile['modelFile'], 'native');
  assert.equal(known('811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest').profile['answers'], 'comma');
  assert.deepEqual(known('sagemaker-scikit-learn:0.23-1-cpu-py3').promised, { 'scikit-learn': '0.23.2' });
});

test('public Python images are the plain runtime', () => {
  for (const image of [
    'python:3.11',
    'slipway/python',
    'docker.io/library/python:3.12-slim',
    'public.ecr.aws/docker/library/python:3.11',
  ]) {
    assert.equal(known(image).framework, 'python');
  }
  assert.deepEqual(known('python:3.12-slim').promised, { python: '3.12' });
});

test('the unknown is refused with what is known', () => {
  assert.match(problem('sagemaker-xgboost:9.9-1'), /tag 9\.9-1 of sagemaker-xgboost is not known.*1\.7-1, 3\.0-5/);
  assert.match(problem('sagemaker-xgboost'), /tag latest/);
  assert.match(
    problem('123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1'),
    /repository mine is not known.*sagemaker-scikit-learn.*slipway\.yaml/,
  );
  assert.match(problem('toString:1'), /not an image name/);
  assert.match(problem('constructor:1'), /repository constructor is not known/);
  assert.match(problem('sagemaker-xgboost:constructor'), /tag constructor/);
  assert.match(problem('sagemaker-xgboost@sha256:abc'), /by digest/);
  assert.match(problem('a b'), /not an image name/);
});

test('the operator can map an image to another', () => {
  const mappings = { 'mine:1': 'sagemaker-xgboost:1.7-1' };
  assert.equal(known('123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1', mappings).repository, 'sagemaker-xgboost');
});

test('the description tells emulated from real', () => {
  const actual = { xgboost: '3.0.5', python: '3.11.2' };
  assert.equal(
    describeImage(known('sagemaker-xgboost:1.7-1'), { xgboost: '1.7.4' }, actual),
    'image sagemaker-xgboost:1.7-1 is emulated by xgboost 3.0.5, python 3.11.2 (the image name promises xgboost 1.7.4)',
  );
  assert.equal(
    describeImage(known('sagemaker-xgboost:3.0-5'), { xgboost: '3.0.5' }, actual),
    'image sagemaker-xgboost:3.0-5 runs on xgboost 3.0.5, python 3.11.2',
  );
  assert.equal(
    describeImage(known('python:3.11'), { python: '3.11' }, { python: '3.11.2' }),
    'image python:3.11 runs on python 3.11.2',
  );
});
