import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { cacheDirectory } from '../../toolchain/cache.mjs';
import { slipway } from '../harness/cli.ts';
import { runToSuccess } from '../harness/client-program.ts';
import { CLI, startServer, type TestServer } from '../harness/server.ts';

/** Images of one's own: made by tools that are not ours, brought by the CLI and by skopeo, run without a container engine. */

const here = (name: string): string => join(import.meta.dirname, 'ecr', name);
const TREE = join(import.meta.dirname, '../../src/backends/sandbox/testing/host_python_tree.py');

const scratch = mkdtempSync(join(tmpdir(), 'slipway-ecr-'));
const tree = join(scratch, 'tree');
after(() => rmSync(scratch, { recursive: true, force: true }));

/** An OCI layout made by image_maker.py; `bends` as it knows them. */
function layout(name: string, ...bends: string[]): string {
  const folder = join(scratch, name);
  if (!readdirSync(scratch).includes('tree')) {
    mkdirSync(tree);
    execFileSync('python3', [TREE, tree]);
  }
  if (!readdirSync(scratch).includes(name)) execFileSync('python3', [here('image_maker.py'), tree, folder, ...bends]);
  return folder;
}

function absence(program: string): string | false {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return `${program} is not installed`;
  }
}

suite('images of one’s own', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  const image = (...args: string[]) => slipway(['image', ...args, '--data', server.folder]);

  test('ecr.py: ECR and the registry protocol', async () => {
    await runToSuccess(server, ['python3', here('ecr.py')], { test: 'boto3 ecr.py' });
  });

  test('an imported image trains, processes, serves and transforms', async () => {
    const imported = await image('import', layout('plain'), '--name', 'acme/imported:1');
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(imported.stdout, /^imported acme\/imported:1 sha256:[0-9a-f]{64} \(3 layers\)$/m);
    await runToSuccess(server, ['python3', here('own_container.py')], {
      test: 'boto3 own_container.py',
      env: { OWN_IMAGE: 'acme/imported:1', OWN_RELEASE: 'Own userland' },
    });
  });

  test('with_sdk.py: the SageMaker SDK drives the imported image', async () => {
    await runToSuccess(server, ['python3', here('with_sdk.py')], {
      test: 'SageMaker SDK with_sdk.py',
      env: { OWN_IMAGE: 'acme/imported:1' },
    });
  });

  test('an image pushed by skopeo does the same, and comes back as it was', { skip: absence('skopeo') }, async () => {
    const folder = layout('pushed', 'release=Pushed userland');
    const script = `
set -e
aws ecr create-repository --repository-name acme/pushed > /dev/null
host=\${AWS_ENDPOINT_URL#http://}
aws ecr get-login-password | skopeo login --tls-verify=false --username AWS --password-stdin "$host" --authfile auth
skopeo copy -q --preserve-digests --authfile auth --dest-tls-verify=false oci:${folder}:1 "docker://$host/acme/pushed:1"
skopeo copy -q --preserve-digests --authfile auth --src-tls-verify=false "docker://$host/acme/pushed:1" oci:back:1
diff -r ${folder}/blobs back/blobs
skopeo copy -q --authfile auth --src-tls-verify=false "docker://$host/acme/pushed:1" docker-archive:saved.tar:acme/saved:2
"$SLIPWAY_NODE" "$SLIPWAY_LAUNCHER" image import saved.tar --data "$SLIPWAY_DATA_OF_TEST"`;
    const printed = await runToSuccess(server, ['bash', '-c', script], { test: 'skopeo' });
    assert.match(printed, /imported acme\/saved:2 .* \(3 layers\)/);
    await runToSuccess(server, ['python3', here('own_container.py')], {
      test: 'boto3 own_container.py',
      env: { OWN_IMAGE: 'acme/pushed:1', OWN_RELEASE: 'Pushed userland' },
    });
  });

  const REFUSED: Readonly<Record<string, RegExp>> = {
    'escape=1': /Layer 3 of 3 .* is refused: its member '\.\.\/escaped' would land outside of the image/,
    'device=1': /its member 'disk' is a device/,
    'damage=1': /DIGEST_INVALID/,
    'diff=1': /the image's configuration says sha256:0000/,
    'architecture=riscv64': /was built for linux\/riscv64; this machine is linux\//,
  };
  for (const [bend, words] of Object.entries(REFUSED)) {
    test(`an image with ${bend} is refused with words, and nothing of it stays`, async () => {
      const name = bend.replace('=', '-');
      const refused = await image('import', layout(name, bend), '--name', `bad/${name}:1`);
      assert.equal(refused.code, 1, refused.stdout);
      assert.match(refused.stderr, words);
      assert.doesNotMatch(refused.stderr, /at .*\.ts/);
      const listed = await image('list');
      assert.doesNotMatch(listed.stdout, /bad\//);
    });
  }

  test('what is no image is refused with words', async () => {
    const none = await image('import', here('ecr.py'));
    assert.deepEqual([none.code, /is no readable archive of an image/.test(none.stderr)], [1, true], none.stderr);
    const absent = await image('import', '/no/such/file');
    assert.deepEqual([absent.code, /there is no file/.test(absent.stderr)], [2, true], absent.stderr);
  });
});

test('what is served outlives its image, a kill of the server, and the loss of the unpacked tree', async () => {
  const folder = mkdtempSync(join(scratch, 'data-'));
  let server = await startServer({ folder });
  try {
    const name = 'lasting/one:1';
    const release = `Lasting userland ${process.pid}`;
    const imported = await slipway([
      'image',
      'import',
      layout('lasting', `release=${release}`),
      '--name',
      name,
      '--data',
      folder,
    ]);
    assert.equal(imported.code, 0, imported.stderr);
    const digest = (
      await runToSuccess(server, ['python3', here('lasting.py'), 'make', name], { test: 'boto3 lasting.py' })
    ).trim();
    await server.kill9();
    server = await startServer({ folder });
    await runToSuccess(server, ['python3', here('lasting.py'), 'ask', name], { test: 'boto3 lasting.py' });
    await server.stop();
    const tree = join(cacheDirectory(), 'images', digest.replace('sha256:', ''));
    assert.ok(existsSync(tree));
    rmSync(tree, { recursive: true });
    server = await startServer({ folder });
    await runToSuccess(server, ['python3', here('lasting.py'), 'ask', name], { test: 'boto3 lasting.py' });
    rmSync(tree, { recursive: true });
  } finally {
    await server.stop();
  }
});

test('a server killed while it takes an image loses that attempt and nothing else', async () => {
  const folder = mkdtempSync(join(scratch, 'data-'));
  const file = layout('interrupted', `release=Interrupted userland ${process.pid}`);
  let server = await startServer({ folder });
  try {
    for (const word of ['pushing 2', 'unpacking']) {
      const child = spawn(process.execPath, [CLI, 'image', 'import', file, '--name', 'cut/off:1', '--data', folder]);
      const ended = once(child, 'close');
      let printed = '';
      for await (const text of child.stdout) {
        printed += String(text);
        if (printed.includes(word)) break;
      }
      await server.kill9();
      child.stdout.resume();
      await ended;
      server = await startServer({ folder });
      assert.equal((await slipway(['image', 'list', '--data', folder])).code, 0);
    }
    const { code, stdout, stderr } = await slipway(['image', 'import', file, '--name', 'cut/off:1', '--data', folder]);
    assert.equal(code, 0, stderr);
    const digest = /sha256:([0-9a-f]{64}) \(3 layers\)/.exec(stdout)?.[1] ?? '';
    const images = join(cacheDirectory(), 'images');
    assert.deepEqual(
      readdirSync(images).filter((name) => name.startsWith(digest)),
      [digest],
    );
    rmSync(join(images, digest), { recursive: true });
  } finally {
    await server.stop();
  }
});

test('a pushed image over quota is refused by the protocol and by the import', async () => {
  const server = await startServer({ settings: 'registry: { layerMiB: 1 }\n' });
  try {
    const refused = await slipway(['image', 'import', layout('plain'), '--name', 'too/large:1', '--data', server.folder]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /DENIED: The layer goes beyond the quota .*registry\.layerMiB/);
    if (absence('skopeo')) return;
    const script = `
aws ecr create-repository --repository-name too/wide > /dev/null
host=\${AWS_ENDPOINT_URL#http://}
aws ecr get-login-password | skopeo login --tls-verify=false --username AWS --password-stdin "$host" --authfile auth
! skopeo copy --authfile auth --dest-tls-verify=false oci:${layout('plain')}:1 "docker://$host/too/wide:1" 2>&1`;
    const printed = await runToSuccess(server, ['bash', '-c', script], { test: 'skopeo' });
    assert.match(printed, /denied: The layer goes beyond the quota/i, 'other clients hear it, too');
  } finally {
    await server.stop();
  }
});

test('a folder with train and serve stands behind an image name of slipway.yaml', async () => {
  const folder = join(scratch, 'programs');
  mkdirSync(folder);
  const write = `
import os, sys
sys.path.insert(0, ${JSON.stringify(join(import.meta.dirname, 'ecr'))})
import image_maker
for name in ("train", "serve"):
    text = getattr(image_maker, name.upper()).decode().replace("import words\\n", "").replace("words.WORD, open(\\"/app/linked\\").read()", "'', ''").replace("sorted(os.listdir(\\"/opaque\\"))", "''")
    open(${JSON.stringify(folder)} + "/" + name, "w").write(text)
    os.chmod(${JSON.stringify(folder)} + "/" + name, 0o755)`;
  execFileSync('python3', ['-c', write]);
  const server = await startServer({ settings: `images: { "acme/folder:1": ${folder}, "acme/gone:1": ${folder}-gone }\n` });
  try {
    await runToSuccess(server, ['python3', here('folder.py')], { test: 'boto3 folder.py' });
  } finally {
    await server.stop();
  }
});
