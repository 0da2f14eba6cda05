import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanPath, parseAugmentedManifest, shardOf, parseManifest, relativeName } from './decide-channel.ts';

test('names below the input folder follow the prefix', () => {
  const cases: [string, string, string][] = [
    ['data/train/', 'data/train/a.csv', 'a.csv'],
    ['data/train', 'data/train/a.csv', 'a.csv'],
    ['data/train', 'data/train/deep/a.csv', 'deep/a.csv'],
    ['data/train.csv', 'data/train.csv', 'train.csv'],
    ['data/tr', 'data/train.csv', 'train.csv'],
    ['data/tr', 'data/train/a.csv', 'train/a.csv'],
    ['', 'data/a.csv', 'data/a.csv'],
    ['tr', 'train.csv', 'train.csv'],
  ];
  for (const [prefix, key, name] of cases) assert.equal(relativeName(prefix, key), name, `${prefix} ${key}`);
});

test('local paths are plain and absolute', () => {
  assert.equal(cleanPath('/opt/ml/processing/in/'), '/opt/ml/processing/in');
  assert.equal(cleanPath('/opt//ml'), '/opt/ml');
  for (const path of ['', '/', 'relative', '/opt/../etc', '/opt/./ml', '/opt/\0']) assert.equal(cleanPath(path), undefined, path);
});

test('manifests name objects below their prefix', () => {
  assert.deepEqual(parseManifest('[{"prefix": "s3://b/p/"}, "a.csv", "d/b.csv"]', 'm'), {
    uris: [
      { uri: 's3://b/p/a.csv', relativePath: 'a.csv' },
      { uri: 's3://b/p/d/b.csv', relativePath: 'd/b.csv' },
    ],
  });
  assert.deepEqual(parseManifest('["s3://b/p/a.csv"]', 'm'), { uris: [{ uri: 's3://b/p/a.csv', relativePath: 'p/a.csv' }] });
  for (const text of ['', '{}', '[]', '[{"prefix": 1}]', '[{"prefix": "s3://b/"}, 7]'])
    assert.ok('problem' in parseManifest(text, 'm'), text);
});

test('augmented manifests: references and values of the attributes asked for, in their order', () => {
  const line = '{"image-ref": "s3://b/1.jpg", "label": {"class": 3}, "note": "x", "more": 1}';
  assert.deepEqual(parseAugmentedManifest(`${line}\n\n`, 's3://b/m', ['label', 'image-ref', 'note']), {
    lines: [[{ text: '{"class":3}' }, { uri: 's3://b/1.jpg' }, { text: 'x' }]],
  });
  for (const [text, problem] of [
    ['', /has no lines/],
    [`${line}\nno`, /Line 2 .* is not valid JSON/],
    ['[1]', /Line 1 .* is not a JSON object/],
    ['{"label": 1}', /has no attribute "image-ref"/],
    ['{"image-ref": "file.jpg"}', /"file\.jpg" as "image-ref", where an S3 URI belongs/],
  ] as const) {
    const manifest = parseAugmentedManifest(text, 's3://b/m', ['image-ref']);
    assert.match('problem' in manifest ? manifest.problem : '', problem);
  }
});

test('shards: every object belongs to exactly one host', () => {
  const items = ['a', 'b', 'c', 'd', 'e'];
  assert.deepEqual(
    [0, 1, 2].map((host) => shardOf(items, host, 3)),
    [['a', 'd'], ['b', 'e'], ['c']],
  );
});
