import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compressionOf, MANIFEST_TYPES, parseConfig, parseManifest, runsOn } from './decide-manifest.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest('c'), size: 2 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digest('a'), size: 3 };
const manifest = (more: object = {}): string => JSON.stringify({ schemaVersion: 2, config, layers: [layer], ...more });

const problemOf = (text: string, type?: string): string => {
  const parsed = parseManifest(text, type);
  return 'problem' in parsed ? parsed.problem : '';
};

test('images, indexes and other artifacts are told apart', () => {
  const image = parseManifest(manifest(), MANIFEST_TYPES.ociImage);
  assert.ok(!('problem' in image) && image.form === 'image');
  assert.deepEqual(image.layers, [{ mediaType: layer.mediaType, digest: 'a'.repeat(64), sizeBytes: 3 }]);
  const docker = parseManifest(manifest({ mediaType: MANIFEST_TYPES.dockerImage }), MANIFEST_TYPES.dockerImage);
  assert.ok(!('problem' in docker) && docker.mediaType === MANIFEST_TYPES.dockerImage);
  const signature = parseManifest(manifest({ config: { ...config, mediaType: 'application/vnd.example.signature' } }), undefined);
  assert.ok(!('problem' in signature) && signature.form === 'artifact');
  assert.equal(signature.artifactType, 'application/vnd.example.signature');
  const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const index = parseManifest(JSON.stringify({ schemaVersion: 2, manifests: [{ ...layer, platform }, layer] }), undefined);
  assert.ok(!('problem' in index) && index.form === 'index');
  assert.deepEqual(
    index.children.map((child) => child.platform),
    ['linux/arm64/v8', ''],
  );
});

test('half of a surrogate pair in a media type becomes a character that can be told', () => {
  const parsed = parseManifest(manifest({ config: { ...config, mediaType: 'a/\ud800' } }), undefined);
  assert.ok(!('problem' in parsed) && parsed.form === 'artifact');
  assert.equal(parsed.artifactType, 'a/\ufffd');
});

test('what is no manifest says why', () => {
  for (const text of ['', '[]', 'null', '"x"', '{']) assert.match(problemOf(text), /not a JSON object/);
  assert.match(problemOf(manifest({ schemaVersion: 1 })), /schemaVersion 2/);
  assert.match(problemOf(manifest(), 'text/plain'), /type text\/plain is not accepted/);
  assert.match(problemOf(manifest({ mediaType: MANIFEST_TYPES.ociIndex }), MANIFEST_TYPES.ociImage), /was sent as/);
  assert.match(problemOf(manifest({ config: { ...config, digest: 'md5:0' } })), /only sha256/);
  assert.match(problemOf(manifest({ config: undefined })), /only sha256/);
  assert.match(problemOf(manifest({ layers: [{ ...layer, size: -1 }] })), /no valid size/);
  assert.match(problemOf(manifest({ layers: [{ ...layer, size: 2 ** 60 }] })), /no valid size/);
  assert.match(problemOf(manifest({ layers: Array.from({ length: 501 }, () => layer) })), /at most 500/);
});

test('a configuration gives what programs find', () => {
  const text = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config: { Env: ['A=b=c', 'broken', '=x'], Entrypoint: ['/run'], Cmd: null, WorkingDir: 'relative', User: 'me' },
    rootfs: { diff_ids: [digest('d')] },
  });
  assert.deepEqual(parseConfig(text, 1), {
    platform: 'linux/amd64',
    diffIds: ['d'.repeat(64)],
    environment: { A: 'b=c' },
    workingDirectory: '/',
    entrypoint: ['/run'],
    command: [],
    user: 'me',
  });
  for (const [broken, layers] of [
    ['{}', 1],
    [text, 2],
    ['no', 0],
    ['{"rootfs":{"diff_ids":["sha512:1"]}}', 1],
  ] as const) {
    assert.ok('problem' in parseConfig(broken, layers), broken);
  }
});

test('packings and platforms', () => {
  const types = {
    'application/vnd.oci.image.layer.v1.tar': 'none',
    'application/vnd.oci.image.layer.v1.tar+gzip': 'gzip',
    'application/vnd.oci.image.layer.v1.tar+zstd': 'zstd',
    'application/vnd.docker.image.rootfs.diff.tar.gzip': 'gzip',
    'application/vnd.docker.image.rootfs.diff.tar': 'none',
    'application/vnd.oci.image.layer.v1.tar+bzip2': undefined,
    'text/plain.tar': undefined,
  };
  for (const [type, expected] of Object.entries(types)) assert.equal(compressionOf(type), expected, type);
  assert.ok(runsOn('linux/arm64/v8', 'linux/arm64') && runsOn('linux/amd64', 'linux/amd64'));
  assert.ok(!runsOn('linux/arm', 'linux/arm64') && !runsOn('linux/amd64', 'linux/arm64') && !runsOn('', 'linux/amd64'));
});
