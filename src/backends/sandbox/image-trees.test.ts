import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { RootImage, RootLayer } from '../../platform/ports/images.ts';
import { createImageTrees } from './image-trees.ts';

/** A tar made by lines of Python that call `add(name, kind, link, content, mode)`. */
function tarOf(code: string): Buffer {
  const program = `
import io, sys, tarfile
archive = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
def add(name, kind=tarfile.REGTYPE, link="", content=b"x", mode=0o644, mtime=1000):
    member = tarfile.TarInfo(name); member.type = kind; member.linkname = link; member.mode = mode; member.mtime = mtime
    member.size = len(content) if kind == tarfile.REGTYPE else 0
    archive.addfile(member, io.BytesIO(content))
${code}
archive.close()`;
  return execFileSync('python3', ['-c', program], { maxBuffer: 1 << 28 });
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function createRig() {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-images-'));
  const stored = new Map<string, Uint8Array>();
  const trees = createImageTrees({
    cacheFolder: folder,
    blobs: {
      async *open(digest) {
        const bytes = stored.get(digest);
        assert.ok(bytes);
        for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
      },
    },
  });
  const layer = (tar: Uint8Array, compression: RootLayer['compression'] = 'none'): RootLayer => {
    const packed = compression === 'gzip' ? gzipSync(tar) : compression === 'zstd' ? zstdCompressSync(tar) : tar;
    stored.set(sha256(packed), packed);
    return { digest: sha256(packed), diffId: sha256(tar), compression };
  };
  const image = (...layers: RootLayer[]): RootImage => ({
    digest: sha256(Buffer.from(JSON.stringify(layers))),
    layers,
    environment: { A: 'b' },
    workingDirectory: '/work',
  });
  const close = () => rmSync(folder, { recursive: true });
  return { folder, trees, stored, layer, image, close };
}

const opened = (rig: ReturnType<typeof createRig>, root: RootImage) => rig.trees.open(root.digest, () => root);

test('layers of every packing lie upon each other; whiteouts and opaque folders hide what is below and nothing else', async () => {
  const rig = createRig();
  const root = rig.image(
    rig.layer(
      tarOf(`
add("usr/bin", tarfile.DIRTYPE, mode=0o755); add("bin", tarfile.SYMTYPE, "usr/bin"); add("usr/bin/tool", content=b"one", mode=0o4755)
add("etc/keep"); add("etc/gone"); add("var/cache/a"); add("var/cache/b"); add("var/cache/deep/c"); add("opt/x/file"); add("file", content=b"old")
add("locked", tarfile.DIRTYPE, mode=0o555); add("locked/in"); add("hard", tarfile.LNKTYPE, "usr/bin/tool"); add("dev/null", tarfile.CHRTYPE)`),
    ),
    rig.layer(
      tarOf(`
add("./bin/more", content=b"two"); add("etc/.wh.gone"); add("var/cache/new"); add("var/cache/.wh..wh..opq"); add("var/cache/deep/d")
add("opt/.wh.x"); add("opt/x2", tarfile.DIRTYPE); add(".wh..wh.plnk"); add("file", tarfile.DIRTYPE); add("file/inside")`),
      'gzip',
    ),
    rig.layer(tarOf('add("etc/keep", content=b"new", mtime=5); add("pipe", tarfile.FIFOTYPE); add(".wh.never")'), 'zstd'),
  );
  const { folder, environment, workingDirectory } = await opened(rig, root);
  const list = (path: string) => readdirSync(join(folder, path)).toSorted();
  assert.deepEqual(list('.'), ['bin', 'dev', 'etc', 'file', 'hard', 'locked', 'opt', 'pipe', 'usr', 'var']);
  assert.equal(readlinkSync(join(folder, 'bin')), 'usr/bin');
  assert.deepEqual(list('usr/bin'), ['more', 'tool'], 'a file below a link lands where the link leads');
  assert.deepEqual(list('etc'), ['keep']);
  assert.equal(readFileSync(join(folder, 'etc/keep'), 'utf8'), 'new');
  assert.equal(statSync(join(folder, 'etc/keep')).mtimeMs, 5000);
  assert.deepEqual(list('var/cache'), ['deep', 'new']);
  assert.deepEqual(list('var/cache/deep'), ['d']);
  assert.deepEqual(list('opt'), ['x2']);
  assert.deepEqual(list('file'), ['inside']);
  assert.deepEqual(list('dev'), []);
  assert.equal(statSync(join(folder, 'usr/bin/tool')).mode & 0o7777, 0o755, 'set-user-id is dropped');
  assert.equal(statSync(join(folder, 'hard')).ino, statSync(join(folder, 'usr/bin/tool')).ino);
  assert.deepEqual([environment, workingDirectory], [{ A: 'b' }, '/work']);
  rig.stored.clear();
  assert.equal((await rig.trees.open(root.digest, () => undefined)).folder, folder, 'what is unpacked needs its layers no more');
  rig.close();
});

test('links that lead out of the image lead back into it, and nothing outside is touched', async () => {
  const rig = createRig();
  const outside = join(rig.folder, 'outside');
  writeFileSync(outside, 'mine');
  const root = rig.image(
    rig.layer(
      tarOf(`
add("up", tarfile.SYMTYPE, "../../../.."); add("up/etc/escaped"); add("abs", tarfile.SYMTYPE, ${JSON.stringify(rig.folder)})
add("abs/outside", content=b"changed"); add("f", tarfile.SYMTYPE, ${JSON.stringify(outside)}); add("f", content=b"file")
add("loop/l", tarfile.SYMTYPE, "/etc")`),
    ),
    rig.layer(tarOf('add("up/.wh.etc"); add("loop/l/.wh..wh..opq"); add("abs/.wh.outside")')),
  );
  const { folder } = await opened(rig, root);
  assert.equal(readFileSync(outside, 'utf8'), 'mine');
  assert.ok(existsSync('/etc/passwd'));
  assert.ok(!existsSync('/etc/escaped'));
  assert.ok(lstatSync(join(folder, 'f')).isFile());
  assert.ok(!existsSync(join(folder, 'etc')), 'the whiteout took the image’s own folder');
  rig.close();
});

const REFUSED: Readonly<Record<string, readonly [code: string, why: RegExp]>> = {
  upward: ['add("../escaped")', /outside of the image/],
  'upward inside': ['add("a/../../escaped")', /outside of the image/],
  'hard link upward': ['add("h", tarfile.LNKTYPE, "../../etc/passwd")', /outside of the image/],
  'hard link to nothing': ['add("h", tarfile.LNKTYPE, "/etc/passwd")', /not there/],
  device: ['add("disk", tarfile.BLKTYPE)', /is a device/],
  circle: ['add("a", tarfile.SYMTYPE, "b"); add("b", tarfile.SYMTYPE, "a"); add("a/x")', /circle of links/],
};

test('a layer that would escape, is corrupt, or is not what the configuration says is refused with words, and nothing stays', async () => {
  const rig = createRig();
  const fine = rig.layer(tarOf('add("ok"); add("locked", tarfile.DIRTYPE, mode=0o000); add("locked/in")'));
  const refused = async (name: string, layer: RootLayer, why: RegExp) => {
    await assert.rejects(opened(rig, rig.image(fine, layer)), { name: 'BackendError', reason: 'image', message: why }, name);
    assert.deepEqual(readdirSync(join(rig.folder, 'images')), [], name);
  };
  for (const [name, [code, why]] of Object.entries(REFUSED)) await refused(name, rig.layer(tarOf(code)), why);
  const tar = tarOf('add("big", content=b"y" * 100000)');
  await refused('cut', rig.layer(tar.subarray(0, 60000)), /Layer 2 of 2 .*(readable tar|middle)/);
  await refused('no tar', rig.layer(Buffer.from('nonsense'.repeat(1000))), /no readable tar/);
  const corrupt = { ...rig.layer(tar, 'gzip') };
  rig.stored.set(corrupt.digest, Buffer.from('no gzip at all'));
  await refused('no gzip', corrupt, /not readable as gzip/);
  const cut = { ...rig.layer(tar, 'zstd') };
  rig.stored.set(cut.digest, (rig.stored.get(cut.digest) ?? Buffer.of()).subarray(0, 40));
  await refused('cut zstd', cut, /not readable as zstd|readable tar|middle/);
  await refused('another content', { ...rig.layer(tar), diffId: '0'.repeat(64) }, /configuration says sha256:0000/);
  rig.close();
});

test('a layer with folders deeper than a path can be, also by way of links, is refused with words, and nothing stays', async () => {
  const { folder, trees, layer, image } = createRig();
  const deep = `add("/".join(["d"] * 1500) + "/file")\nadd("d", tarfile.SYMTYPE, "x")`;
  const linked = `
for at in range(20):
    add("/".join(["d"] * 100 if at == 0 else ["l%d" % (at - 1)] + ["d"] * 100) + "/end", tarfile.DIRTYPE)
    add("l%d" % at, tarfile.SYMTYPE, "/".join(["d"] * 100 if at == 0 else ["l%d" % (at - 1)] + ["d"] * 100))
add("d", tarfile.SYMTYPE, "x")`;
  for (const code of [deep, linked])
    await assert.rejects(trees.prepare(image(layer(tarOf(code)))), { reason: 'image', message: /too deep/ });
  assert.deepEqual(readdirSync(join(folder, 'images')), []);
  rmSync(folder, { recursive: true });
});

test('a layer may not unpack to more than there is room for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-layer-'));
  const program = fileURLToPath(new URL('./shim/layer.py', import.meta.url));
  const unpack = (bytesMax: string) =>
    spawnSync('python3', [program, folder, bytesMax], {
      input: tarOf('add("big", content=b"y" * 1000); add("more")'),
      encoding: 'utf8',
    });
  const fits = unpack('1001');
  assert.deepEqual([fits.status, fits.stdout.trim()], [0, '0']);
  const refused = unpack('1000');
  assert.deepEqual([refused.status, /more than 1000 bytes/.test(refused.stderr)], [3, true]);
  rmSync(folder, { recursive: true });
});

test('two who need an image at once unpack it once', async () => {
  const rig = createRig();
  const root = rig.image(rig.layer(tarOf('add("a")')));
  const [one, two] = await Promise.all([opened(rig, root), opened(rig, root)]);
  assert.equal(one.folder, two.folder);
  await assert.rejects(
    rig.trees.open('0'.repeat(64), () => undefined),
    { name: 'BackendError', reason: 'image', message: /was deleted/ },
  );
  rig.close();
});
