import { createHash } from 'node:crypto';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row } from '../../../platform/store/port.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { compressionOf, type Manifest, parseConfig, parseManifest, runsOn } from '../decide-manifest.ts';
import { hostPlatform } from '../host-platform.ts';
import type { ImagesPorts } from '../ports.ts';
import { imageIdOf, invalidParameter, needsRepository, readRepository } from '../repository-access.ts';
import {
  digestOf,
  hexOf,
  type ImageContent,
  type ImageDocument,
  imageKey,
  layerKey,
  type LayerDocument,
  parentOf,
  repositoryArn,
  type RepositoryDocument,
  type TagDocument,
  tagKey,
} from '../resources.ts';

const CONFIG_BYTES_MAX = 8 * 1024 * 1024;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * An image that can run on this host is unpacked before it is accepted, so that what is wrong with a layer is said to whoever pushes
 * it and not to the first job; nothing of a refused image stays but layers, which are swept.
 */
export const putImage = (ports: ImagesPorts): Operation<'ecr:PutImage'> =>
  operation('ecr:PutImage', {
    effect: 'change',
    needs: needsRepository('ecr:PutImage'),
    async handle(input, context) {
      const { store, blobs } = ports;
      await readRepository(store, context, input);
      if (input.imageTag !== undefined && !TAG.test(input.imageTag)) {
        throw invalidParameter(`Invalid parameter at 'imageTag': "${input.imageTag}" is no tag.`);
      }
      const bytes = Buffer.from(input.imageManifest, 'utf8');
      const digest = createHash('sha256').update(bytes).digest('hex');
      if (input.imageDigest !== undefined && hexOf(input.imageDigest) !== digest) {
        throw new ServiceError(
          'ImageDigestDoesNotMatchException',
          `The manifest has the digest ${digestOf(digest)}, not ${input.imageDigest}.`,
        );
      }
      const manifest = parseManifest(input.imageManifest, input.imageManifestMediaType);
      if ('problem' in manifest) throw invalidParameter(`Invalid parameter at 'imageManifest': ${manifest.problem}`);
      const { content, layers, sizeBytes } = await contentOf(ports, context, input.repositoryName, digest, manifest);
      await blobs.write(once(bytes));
      const document: ImageDocument = {
        region: context.region,
        repository: input.repositoryName,
        digest,
        mediaType: manifest.mediaType,
        sizeBytes,
        content,
      };
      await writeImage(ports, context, document, input.imageTag, layers);
      return {
        image: {
          registryId: context.account,
          repositoryName: input.repositoryName,
          imageId: imageIdOf(digest, input.imageTag),
          imageManifest: input.imageManifest,
          imageManifestMediaType: manifest.mediaType,
        },
      };
    },
  });

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

interface Content {
  readonly content: ImageContent;
  /** Rows the image will refer to: its layers and config, or the images of an index. */
  readonly layers: readonly Row[];
  readonly sizeBytes: number;
}

async function contentOf(
  ports: ImagesPorts,
  context: OperationContext,
  repository: string,
  digest: string,
  manifest: Manifest,
): Promise<Content> {
  const place = placeOf(context);
  if (manifest.form === 'index') {
    const children = manifest.children.map((child) => ({ digest: child.digest, platform: child.platform }));
    const rows = await ports.store.getMany<ImageDocument>(children.map((child) => imageKey(place, repository, child.digest)));
    const missing = children.filter((_, at) => !rows[at]).map((child) => digestOf(child.digest));
    if (missing.length > 0) {
      throw new ServiceError(
        'ReferencedImagesNotFoundException',
        `Images of the index are not in the repository: ${missing.join(', ')}`,
      );
    }
    const found = rows.filter((row): row is Row<ImageDocument> => row !== undefined);
    return {
      content: { form: 'index', children },
      layers: found,
      sizeBytes: sum(found.map(({ document }) => document.sizeBytes)),
    };
  }
  const blobs = [manifest.config, ...manifest.layers];
  const rows = await ports.store.getMany<LayerDocument>(blobs.map((blob) => layerKey(place, repository, blob.digest)));
  const missing = blobs.filter((_, at) => !rows[at]).map((blob) => digestOf(blob.digest));
  if (missing.length > 0) {
    throw new ServiceError('LayersNotFoundException', `Layers of the image are not in the repository: ${missing.join(', ')}`);
  }
  const layers = rows.filter((row): row is Row<LayerDocument> => row !== undefined);
  const sizeBytes = sum(layers.map(({ document }) => document.sizeBytes));
  if (manifest.form === 'image') return { content: await imageContent(ports, digest, manifest), layers, sizeBytes };
  const content: ImageContent = {
    form: 'artifact',
    artifactType: manifest.artifactType,
    blobs: layers.map(({ document }) => ({ digest: document.digest, sizeBytes: document.sizeBytes })),
  };
  return { content, layers, sizeBytes };
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, each) => total + each, 0);

async function imageContent(
  { blobs, trees }: ImagesPorts,
  digest: string,
  manifest: Manifest & { readonly form: 'image' | 'artifact' },
): Promise<ImageContent> {
  const config = parseConfig(await blobs.readText(manifest.config.digest, CONFIG_BYTES_MAX), manifest.layers.length);
  if ('problem' in config) throw invalidParameter(config.problem);
  const root = manifest.layers.map((layer, at) => {
    const compression = compressionOf(layer.mediaType);
    if (!compression)
      throw invalidParameter(`Layer ${digestOf(layer.digest)} is a ${layer.mediaType}, which is no layer of a file system.`);
    return { digest: layer.digest, diffId: config.diffIds[at] ?? '', compression };
  });
  const { platform, environment, workingDirectory, entrypoint, command, user } = config;
  if (runsOn(platform, hostPlatform())) await prepared(trees, { digest, layers: root, environment, workingDirectory });
  return {
    form: 'image',
    platform,
    config: manifest.config.digest,
    layers: manifest.layers.map((layer) => ({ ...layer })),
    root,
    environment: { ...environment },
    workingDirectory,
    entrypoint: [...entrypoint],
    command: [...command],
    user,
  };
}

async function prepared(trees: ImagesPorts['trees'], root: Parameters<ImagesPorts['trees']['prepare']>[0]): Promise<void> {
  try {
    await trees.prepare(root);
  } catch (error) {
    if (error instanceof BackendError && error.reason === 'image') throw invalidParameter(error.message);
    throw error;
  }
}

async function writeImage(
  { store }: ImagesPorts,
  context: OperationContext,
  document: ImageDocument,
  tag: string | undefined,
  layers: readonly Row[],
): Promise<void> {
  const place = placeOf(context);
  const { repository, digest } = document;
  const key = imageKey(place, repository, digest);
  const parent = parentOf(place, repository);
  await decideAndCommit(store, async (count) => {
    const owner = await readRepository(store, context, { repositoryName: repository });
    const image = await store.get<ImageDocument>(key);
    const tagged = tag === undefined ? undefined : await store.get<TagDocument>(tagKey(place, repository, tag));
    const isThere = image !== undefined && (tag === undefined || tagged?.document.digest === digest);
    if (isThere && count > 0) return { result: undefined }; // our own commit, whose answer was lost
    refuseImmutable(owner, tag, tagged?.document.digest, digest);
    if (isThere) return { result: undefined };
    const index = { parent, createdAtMs: image?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs };
    const tagWrite = tag !== undefined && {
      key: tagKey(place, repository, tag),
      document: { region: context.region, repository, tag, digest } satisfies TagDocument,
      index: { parent, facet: digest, createdAtMs: context.nowMs, modifiedAtMs: context.nowMs },
    };
    const referred = [...new Map(layers.map((row) => [row.key.name, row])).values()];
    return {
      commit: {
        expect: [
          { key: owner.key, version: owner.version },
          { key, version: image?.version ?? 0 },
          ...(tagWrite ? [{ key: tagWrite.key, version: tagged?.version ?? 0 }] : []),
          ...(image ? [] : referred.map((row) => ({ key: row.key, version: row.version }))),
        ],
        write: [
          // bumped, so that it cannot be deleted meanwhile as empty
          { key: owner.key, document: owner.document, index: { ...owner.index, modifiedAtMs: context.nowMs } },
          ...(image ? [] : [{ key, document, index, blobs: [digest] }]),
          // bumped too: whoever removes what nothing refers to expects the row as it was when it looked
          ...(image ? [] : referred.map((row) => ({ ...row, index: { ...row.index, modifiedAtMs: context.nowMs } }))),
          ...(tagWrite ? [tagWrite] : []),
        ],
        ...(!image && { refer: referred.map((row) => ({ from: key, to: row.key })) }),
        ledger: [
          entryOf(context, 'ecr:PutImage', [repositoryArn(place, repository)], {
            imageDigest: [tagged ? digestOf(tagged.document.digest) : null, digestOf(digest)],
            ...(tag !== undefined && { imageTag: [tagged ? tag : null, tag] }),
          }),
        ],
      },
      result: undefined,
    };
  });
}

function refuseImmutable(
  owner: Row<RepositoryDocument>,
  tag: string | undefined,
  before: string | undefined,
  digest: string,
): void {
  if (owner.document.mutability !== 'IMMUTABLE' || before === undefined || before === digest) return;
  throw new ServiceError(
    'ImageTagAlreadyExistsException',
    `The image tag '${tag}' already exists in the '${owner.document.name}' repository and cannot be overwritten because the repository is immutable.`,
  );
}
