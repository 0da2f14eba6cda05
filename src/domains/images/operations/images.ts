import type { ImageDetail } from '../../../contract/generated/ecr.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { Page, Row } from '../../../platform/store/port.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import type { ImagesPorts } from '../ports.ts';
import { removeImage } from '../remove-image.ts';
import {
  type Failure,
  findImage,
  type ImageId,
  imageIdOf,
  isFailure,
  needsRepository,
  readRepository,
  tagsOf,
} from '../repository-access.ts';
import {
  digestOf,
  IMAGE,
  type ImageDocument,
  IMAGE_TAG,
  parentOf,
  repositoryArn,
  type TagDocument,
  tagKey,
} from '../resources.ts';

const PAGE_DEFAULT = 100;
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;

/** One page of a repository's images, newest names last. */
function listImageRows(
  { store }: ImagesPorts,
  context: OperationContext,
  kind: typeof IMAGE | typeof IMAGE_TAG,
  input: { readonly repositoryName: string; readonly nextToken?: string; readonly maxResults?: number },
): Promise<Page<ImageDocument | TagDocument>> {
  const after = decodePageToken(input.nextToken);
  return store.list<ImageDocument | TagDocument>({
    account: context.account,
    region: GLOBAL,
    kind: kind.kind,
    parent: parentOf(placeOf(context), input.repositoryName),
    sortBy: 'name',
    order: 'ascending',
    ...(after && { after }),
    limit: input.maxResults ?? PAGE_DEFAULT,
  });
}

const isTagged = (filter: string | undefined, tags: readonly unknown[]): boolean =>
  filter === undefined || filter === 'ANY' || (filter === 'TAGGED') === tags.length > 0;

async function tagNames(ports: ImagesPorts, context: OperationContext, { document }: Row<ImageDocument>): Promise<string[]> {
  const rows = await tagsOf(ports.store, placeOf(context), document.repository, document.digest);
  return rows.map((row) => row.document.tag);
}

export const describeImages = (ports: ImagesPorts): Operation<'ecr:DescribeImages'> =>
  operation('ecr:DescribeImages', {
    effect: 'read',
    needs: needsRepository('ecr:DescribeImages'),
    async handle(input, context) {
      await readRepository(ports.store, context, input);
      if (input.imageIds) {
        const details = [];
        for (const id of input.imageIds) {
          const found = await findImage(ports.store, placeOf(context), input.repositoryName, id);
          if (isFailure(found)) throw imageNotFound(context, input.repositoryName, id);
          details.push(describeImage(context, found, await tagNames(ports, context, found)));
        }
        return { imageDetails: details };
      }
      const page = await listImageRows(ports, context, IMAGE, input);
      const details = [];
      for (const row of page.rows as Row<ImageDocument>[]) {
        const tags = await tagNames(ports, context, row);
        if (isTagged(input.filter?.tagStatus, tags)) details.push(describeImage(context, row, tags));
      }
      const nextToken = encodePageToken(page.next);
      return { imageDetails: details, ...(nextToken && { nextToken }) };
    },
  });

function imageNotFound(context: OperationContext, repository: string, { imageTag, imageDigest }: ImageId): ServiceError {
  const id = `{imageDigest:'${imageDigest ?? 'null'}', imageTag:'${imageTag ?? 'null'}'}`;
  return new ServiceError(
    'ImageNotFoundException',
    `The image with imageId ${id} does not exist within the repository with name '${repository}' in the registry with id '${context.account}'`,
    {},
    'absent',
  );
}

function describeImage(context: OperationContext, { document, index }: Row<ImageDocument>, tags: readonly string[]): ImageDetail {
  const { content } = document;
  return {
    registryId: context.account,
    repositoryName: document.repository,
    imageDigest: digestOf(document.digest),
    ...(tags.length > 0 && { imageTags: [...tags] }),
    imageSizeInBytes: document.sizeBytes,
    imagePushedAt: index.createdAtMs,
    imageManifestMediaType: document.mediaType,
    ...(content.form !== 'index' && {
      artifactMediaType: content.form === 'artifact' ? content.artifactType : 'application/vnd.oci.image.config.v1+json',
    }),
  };
}

export const listImages = (ports: ImagesPorts): Operation<'ecr:ListImages'> =>
  operation('ecr:ListImages', {
    effect: 'read',
    needs: needsRepository('ecr:ListImages'),
    async handle(input, context) {
      await readRepository(ports.store, context, input);
      const status = input.filter?.tagStatus;
      if (status === 'TAGGED') {
        const page = await listImageRows(ports, context, IMAGE_TAG, input);
        const nextToken = encodePageToken(page.next);
        const ids = (page.rows as Row<TagDocument>[]).map(({ document }) => imageIdOf(document.digest, document.tag));
        return { imageIds: ids, ...(nextToken && { nextToken }) };
      }
      const page = await listImageRows(ports, context, IMAGE, input);
      const imageIds = [];
      for (const row of page.rows as Row<ImageDocument>[]) {
        const tags = await tagNames(ports, context, row);
        if (!isTagged(status, tags)) continue;
        if (tags.length === 0) imageIds.push(imageIdOf(row.document.digest));
        for (const tag of tags) imageIds.push(imageIdOf(row.document.digest, tag));
      }
      const nextToken = encodePageToken(page.next);
      return { imageIds, ...(nextToken && { nextToken }) };
    },
  });

export const batchGetImage = (ports: ImagesPorts): Operation<'ecr:BatchGetImage'> =>
  operation('ecr:BatchGetImage', {
    effect: 'read',
    needs: needsRepository('ecr:BatchGetImage'),
    async handle(input, context) {
      await readRepository(ports.store, context, input);
      const images = [];
      const failures: Failure[] = [];
      for (const id of input.imageIds) {
        const found = await findImage(ports.store, placeOf(context), input.repositoryName, id);
        if (isFailure(found)) {
          failures.push(found);
          continue;
        }
        const { digest, mediaType } = found.document;
        images.push({
          registryId: context.account,
          repositoryName: input.repositoryName,
          imageId: imageIdOf(digest, id.imageTag),
          imageManifest: await ports.blobs.readText(digest, MANIFEST_BYTES_MAX),
          imageManifestMediaType: mediaType,
        });
      }
      return { images, failures };
    },
  });

/** A tag alone takes only the tag away, unless it is the image's last; a digest takes the image with all its tags. */
export const batchDeleteImage = (ports: ImagesPorts): Operation<'ecr:BatchDeleteImage'> =>
  operation('ecr:BatchDeleteImage', {
    effect: 'change',
    needs: needsRepository('ecr:BatchDeleteImage'),
    async handle(input, context) {
      const { store } = ports;
      await readRepository(store, context, input);
      const imageIds: ImageId[] = [];
      const failures: Failure[] = [];
      for (const id of input.imageIds) {
        const found = await findImage(store, placeOf(context), input.repositoryName, id);
        if (isFailure(found)) {
          failures.push(found);
          continue;
        }
        const { digest } = found.document;
        if ((await store.referrers(found.key, 1)).length > 0) {
          failures.push({
            imageId: id,
            failureCode: 'ImageReferencedByManifestList' as Failure['failureCode'],
            failureReason: 'Requested image referenced by manifest list',
          });
          continue;
        }
        const tags = await tagNames(ports, context, found);
        if (id.imageDigest === undefined && tags.length > 1) {
          await removeTag(ports, context, input.repositoryName, id.imageTag ?? '', digest);
          imageIds.push(imageIdOf(digest, id.imageTag));
          continue;
        }
        await removeImage(ports, context, found);
        if (tags.length === 0) imageIds.push(imageIdOf(digest));
        for (const tag of tags) imageIds.push(imageIdOf(digest, tag));
      }
      return { imageIds, failures };
    },
  });

async function removeTag(
  { store }: ImagesPorts,
  context: OperationContext,
  repository: string,
  tag: string,
  digest: string,
): Promise<void> {
  const place = placeOf(context);
  await decideAndCommit(store, async () => {
    const row = await store.get<TagDocument>(tagKey(place, repository, tag));
    if (row?.document.digest !== digest) return { result: undefined };
    const change = { imageTag: [tag, null], imageDigest: [digestOf(digest), null] } as const;
    return {
      commit: {
        expect: [{ key: row.key, version: row.version }],
        remove: [row.key],
        ledger: [entryOf(context, 'ecr:BatchDeleteImage', [repositoryArn(place, repository)], change)],
      },
      result: undefined,
    };
  });
}
