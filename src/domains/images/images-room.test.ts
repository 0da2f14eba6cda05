import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { createRegistryTokens } from '../../platform/authorization/registry-token.ts';
import { ACCOUNT, callsOf, REGION } from '../../platform/calls/room-rig.ts';
import { BackendError } from '../../platform/errors/families.ts';
import { systemIds } from '../../platform/ids.ts';
import { createBlobStore, type LocalBlobStore } from '../../platform/objects/blob-store.ts';
import type { RootImage } from '../../platform/ports/images.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import { createReconcileLoop } from '../../platform/reconcile/loop.ts';
import { DEFAULT_SETTINGS } from '../../platform/settings.ts';
import type { CommitResult, Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { createVirtualClock, type VirtualClock } from '../../platform/virtual-clock.ts';
import { hostPlatform } from './host-platform.ts';
import { createImageIndex, type ImageIndex } from './image-index.ts';
import { createImagesRoom } from './room.ts';

const HOUR_MS = 3_600_000;

type Call = <N extends OperationName>(name: N, input: InputOf<N>, region?: string) => Promise<OutputOf<N>>;

interface Setting {
  readonly call: Call;
  readonly store: Store;
  readonly blobs: LocalBlobStore;
  readonly clock: VirtualClock;
  readonly imageIndex: ImageIndex;
  /** What was unpacked; an image in `refused` is refused. */
  readonly unpacked: RootImage[];
  readonly refused: Set<string>;
}

/** The room over a real store and blob store; unpacking is only told. `wrap` stands between room and store. */
async function withImagesRoom(run: (setting: Setting) => Promise<void>, wrap: (store: Store) => Store = (store) => store) {
  const clock = createVirtualClock();
  await withSqliteStore(
    async ({ store: real, folder }) => {
      const store = wrap(real);
      const blobs = createBlobStore({ folder: join(folder, 'blobs'), clock, store: real });
      const imageIndex = createImageIndex({ store: real, account: ACCOUNT });
      const unpacked: RootImage[] = [];
      const refused = new Set<string>();
      const trees = {
        async prepare(root: RootImage) {
          if (root.layers.some(({ digest }) => refused.has(digest)))
            throw new BackendError('image', 'Layer 1 of 1 is refused: bad.');
          unpacked.push(root);
        },
      };
      const registryTokens = createRegistryTokens('ab'.repeat(32), systemIds);
      const room = createImagesRoom({
        store,
        blobs,
        clock,
        ids: systemIds,
        settings: { ...DEFAULT_SETTINGS, registry: { layerMiB: 1, totalMiB: 2 } },
        registryTokens,
        trees,
        imageIndex,
      });
      const silent = () => undefined;
      const log = { debug: silent, info: silent, warn: silent, error: silent };
      const loop = createReconcileLoop({ store: real, clock, log });
      loop.register(room.reconcilers ?? []);
      await loop.start();
      const operate = callsOf(room.operations, () => clock.now());
      const call: Call = (name, input, region = REGION) => operate(name, input, { region });
      await run({ call, store: real, blobs, clock, imageIndex, unpacked, refused });
      await loop.stop();
    },
    { clock },
  );
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await setImmediate();
}

const hexOf = (content: string): string => createHash('sha256').update(content).digest('hex');

async function pushLayer(call: Call, repositoryName: string, content: string, region?: string): Promise<void> {
  const { uploadId = '' } = await call('ecr:InitiateLayerUpload', { repositoryName }, region);
  const layerPartBlob = Buffer.from(content);
  const part = { repositoryName, uploadId, partFirstByte: 0, partLastByte: layerPartBlob.length - 1, layerPartBlob };
  await call('ecr:UploadLayerPart', part, region);
  await call('ecr:CompleteLayerUpload', { repositoryName, uploadId, layerDigests: [`sha256:${hexOf(content)}`] }, region);
}

/** Pushes an image of one layer and returns the hex digests of image and layer. */
async function push(
  call: Call,
  repositoryName: string,
  imageTag: string,
  layer: string,
  { platform = hostPlatform(), region = 'us-east-1' } = {},
): Promise<{ image: string; layer: string }> {
  const [os, architecture] = platform.split('/');
  const config = JSON.stringify({ os, architecture, config: { Cmd: [layer] }, rootfs: { diff_ids: [`sha256:${hexOf(layer)}`] } });
  for (const content of [layer, config]) await pushLayer(call, repositoryName, content, region);
  const described = (content: string, mediaType: string) => ({
    mediaType,
    digest: `sha256:${hexOf(content)}`,
    size: content.length,
  });
  const imageManifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: described(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [described(layer, 'application/vnd.oci.image.layer.v1.tar')],
  });
  await call('ecr:PutImage', { repositoryName, imageManifest, imageTag }, region);
  return { image: hexOf(imageManifest), layer: hexOf(layer) };
}

test('an image is unpacked when it is put and found by every name it has; after a restart too', async () => {
  await withImagesRoom(async ({ call, store, imageIndex, unpacked }) => {
    await call('ecr:CreateRepository', { repositoryName: 'a/b' });
    const { image, layer } = await push(call, 'a/b', '1', 'layer');
    assert.deepEqual(
      unpacked.map(({ digest, layers }) => [digest, layers.map((each) => each.digest)]),
      [[image, [layer]]],
    );
    const again = createImageIndex({ store, account: ACCOUNT });
    await again.fill();
    for (const index of [imageIndex, again]) {
      for (const name of [
        'a/b:1',
        `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/a/b:1`,
        '127.0.0.1:7600/a/b:1',
        `a/b@sha256:${image}`,
        `x.y/a/b:9@sha256:${image}`,
      ]) {
        const found = index.find(name);
        assert.ok(found && 'root' in found, name);
        assert.deepEqual([found.root.digest, found.command], [image, ['layer']]);
      }
      for (const name of ['a/b', 'a/b:2', 'a', 'b:1', 'A/B:1', '']) assert.equal(index.find(name), undefined, name);
      assert.equal(index.root(image)?.digest, image);
    }
  });
});

test('of one name in two regions the host decides, else the newest; a foreign platform is kept and says so', async () => {
  await withImagesRoom(async ({ call, clock, imageIndex, unpacked }) => {
    for (const region of ['us-east-1', 'eu-west-1']) await call('ecr:CreateRepository', { repositoryName: 'r' }, region);
    const { repositories } = await call('ecr:DescribeRepositories', { registryId: '210987654321' });
    assert.deepEqual(repositories, []);
    const encrypted = { repositoryName: 'e', encryptionConfiguration: { encryptionType: 'KMS' as const } };
    await assert.rejects(call('ecr:CreateRepository', encrypted), { code: 'NotImplementedException' });
    const east = await push(call, 'r', 'v', 'east');
    clock.advance(1000);
    const west = await push(call, 'r', 'v', 'west', { region: 'eu-west-1' });
    const digestOf = (name: string) => {
      const found = imageIndex.find(name);
      return found && 'root' in found ? found.root.digest : found;
    };
    assert.equal(digestOf(`${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/r:v`), east.image);
    assert.equal(digestOf(`${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/r:v`), west.image);
    assert.equal(digestOf(`${ACCOUNT}.dkr.ecr.ap-south-1.amazonaws.com/r:v`), west.image);
    const before = unpacked.length;
    await push(call, 'r', 'foreign', 'foreign', { platform: 'linux/riscv64' });
    assert.equal(unpacked.length, before);
    const foreign = imageIndex.find('r:foreign');
    assert.match(foreign && 'problem' in foreign ? foreign.problem : '', /built for linux\/riscv64, and this host is linux\//);
  });
});

test('layers that no image names go after an hour, with their bytes; a delete of the last image lets its layers go', async () => {
  await withImagesRoom(async ({ call, store, clock, imageIndex }) => {
    await call('ecr:CreateRepository', { repositoryName: 'r' });
    await pushLayer(call, 'r', 'loose');
    const kept = await push(call, 'r', 'kept', 'kept');
    const gone = await push(call, 'r', 'gone', 'gone');
    const unused = () => store.unusedBlobs([hexOf('loose'), kept.layer, gone.layer, gone.image]);
    assert.deepEqual(await unused(), []);
    clock.advance(HOUR_MS + 1000);
    await until(async () => (await unused()).length > 0);
    assert.deepEqual(await unused(), [hexOf('loose')]);
    await call('ecr:BatchDeleteImage', { repositoryName: 'r', imageIds: [{ imageTag: 'gone' }] });
    assert.equal(imageIndex.find('r:gone'), undefined);
    clock.advance(2 * HOUR_MS);
    await until(async () => (await unused()).length === 3);
    assert.deepEqual((await unused()).toSorted(), [hexOf('loose'), gone.layer, gone.image].toSorted());
    await call('ecr:DeleteRepository', { repositoryName: 'r', force: true });
    await until(async () => (await store.timers({ limit: 10 })).length === 0);
    assert.deepEqual(await store.unusedBlobs([kept.layer, kept.image]), [kept.layer, kept.image]);
    assert.equal(imageIndex.root(kept.image), undefined);
  });
});

test('an upload that nobody goes on with is forgotten after a day; each part gives it a new one', async () => {
  await withImagesRoom(async ({ call, clock, store }) => {
    await call('ecr:CreateRepository', { repositoryName: 'r' });
    const { uploadId = '' } = await call('ecr:InitiateLayerUpload', { repositoryName: 'r' });
    const part = (first: number) => ({
      repositoryName: 'r',
      uploadId,
      partFirstByte: first,
      partLastByte: first,
      layerPartBlob: Buffer.from('x'),
    });
    clock.advance(23 * HOUR_MS);
    await call('ecr:UploadLayerPart', part(0));
    clock.advance(23 * HOUR_MS);
    await call('ecr:UploadLayerPart', part(1));
    clock.advance(25 * HOUR_MS);
    await until(async () => (await store.timers({ limit: 10 })).length === 0);
    await assert.rejects(call('ecr:UploadLayerPart', part(2)), { code: 'UploadNotFoundException' });
    assert.deepEqual(await store.unusedBlobs([hexOf('x')]), [hexOf('x')]);
  });
});

test('a refused image leaves nothing but layers, and an image beyond the quota is refused', async () => {
  await withImagesRoom(async ({ call, refused, imageIndex }) => {
    await call('ecr:CreateRepository', { repositoryName: 'r' });
    refused.add(hexOf('bad'));
    await assert.rejects(push(call, 'r', 'bad', 'bad'), { code: 'InvalidParameterException', message: /refused: bad/ });
    assert.equal(imageIndex.find('r:bad'), undefined);
    assert.deepEqual((await call('ecr:ListImages', { repositoryName: 'r' })).imageIds, []);
    await assert.rejects(pushLayer(call, 'r', 'x'.repeat(1024 * 1024 + 1)), {
      code: 'LimitExceededException',
      message: /layerMiB/,
    });
    for (const letter of 'ab') await pushLayer(call, 'r', letter.repeat(1024 * 1024 - 100));
    await assert.rejects(pushLayer(call, 'r', 'c'.repeat(1024)), { code: 'LimitExceededException', message: /totalMiB/ });
  });
});

test('what lies in open uploads counts: many of them do not go beyond the quota either', async () => {
  await withImagesRoom(async ({ call, clock, store }) => {
    await call('ecr:CreateRepository', { repositoryName: 'r' });
    const uploads = await Promise.all('abc'.split('').map(() => call('ecr:InitiateLayerUpload', { repositoryName: 'r' })));
    const send = (at: number, letter: string, partFirstByte = 0) =>
      call('ecr:UploadLayerPart', {
        repositoryName: 'r',
        uploadId: uploads[at]?.uploadId ?? '',
        partFirstByte,
        partLastByte: partFirstByte + 512 * 1024 - 1,
        layerPartBlob: Buffer.from(letter.repeat(512 * 1024)),
      });
    for (const [at, letter] of ['a', 'b'].entries()) {
      await send(at, letter);
      await send(at, letter.toUpperCase(), 512 * 1024);
    }
    await assert.rejects(send(2, 'c'), { code: 'LimitExceededException', message: /totalMiB/ });
    await assert.rejects(call('ecr:InitiateLayerUpload', { repositoryName: 'r' }), { code: 'LimitExceededException' });
    clock.advance(25 * HOUR_MS);
    await until(async () => (await store.timers({ limit: 10 })).length === 0);
    await pushLayer(call, 'r', 'd');
  });
});

test('rows of another account name no image of this one', async () => {
  await withImagesRoom(async ({ call, store, imageIndex }) => {
    await call('ecr:CreateRepository', { repositoryName: 'r' });
    const { image } = await push(call, 'r', 'v', 'layer');
    const places = { account: ACCOUNT, region: GLOBAL };
    const found = async (kind: string) =>
      (await store.list({ ...places, kind, sortBy: 'name', order: 'ascending', limit: 9 })).rows;
    const [row] = await found('Image');
    const [tag] = await found('ImageTag');
    assert.ok(row && tag);
    const key = { ...row.key, account: '210987654321' };
    const tagKey = { ...tag.key, account: '210987654321' };
    const digest = 'f'.repeat(64);
    const write = [
      { key: { ...key, name: row.key.name.replace(image, digest) }, document: { ...row.document, digest }, index: row.index },
      { key: tagKey, document: { ...tag.document, digest }, index: tag.index },
    ];
    await store.commit({ expect: [], write });
    const rootOf = () => {
      const local = imageIndex.find('r:v');
      return local && 'root' in local ? local.root.digest : undefined;
    };
    assert.equal(rootOf(), image);
    assert.equal(imageIndex.root(digest), undefined);
    await store.commit({ expect: [], remove: write.map((each) => each.key) });
    assert.equal(rootOf(), image);
  });
});

test('uploads that run side by side share what the quota leaves', async () => {
  await withImagesRoom(async ({ call }) => {
    await call('ecr:CreateRepository', { repositoryName: 'r' });
    const { promise: together, resolve: go } = Promise.withResolvers<void>();
    let waiting = 0;
    const sent = ['a', 'b', 'c'].map(async (letter) => {
      const { uploadId = '' } = await call('ecr:InitiateLayerUpload', { repositoryName: 'r' });
      async function* body() {
        waiting += 1;
        if (waiting === 3) go();
        await together; // each has asked how much room there is
        yield Buffer.from(letter.repeat(1024 * 1024));
      }
      const part = { repositoryName: 'r', uploadId, partFirstByte: 0, partLastByte: 1024 * 1024 - 1 };
      return call('ecr:UploadLayerPart', { ...part, layerPartBlob: body() as unknown as Uint8Array });
    });
    const refused = (await Promise.allSettled(sent)).flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    assert.deepEqual(
      refused.map(({ code }: { code: string }) => code),
      ['LimitExceededException'],
    );
  });
});

test('commits whose answer is lost are recognised: every operation ends as if it had been told', async () => {
  let lost = 0;
  const losing = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        if (name !== 'commit') {
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        }
        let told = true;
        return async (commit: Parameters<Store['commit']>[0]): Promise<CommitResult> => {
          const result = await target.commit(commit);
          told = !told;
          if (told || result.outcome !== 'done') return result;
          lost += 1;
          return { outcome: 'unknown' } as CommitResult;
        };
      },
    });
  await withImagesRoom(async ({ call, imageIndex }) => {
    await call('ecr:CreateRepository', { repositoryName: 'r' });
    const { image } = await push(call, 'r', 'v', 'layer');
    const found = imageIndex.find('r:v');
    assert.equal(found && 'root' in found && found.root.digest, image);
    const deleted = await call('ecr:BatchDeleteImage', { repositoryName: 'r', imageIds: [{ imageTag: 'v' }] });
    assert.equal(deleted.imageIds?.length, 1);
    assert.ok(lost >= 5, String(lost));
  }, losing);
});
