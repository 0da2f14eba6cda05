import type { Repository } from '../../contract/generated/ecr.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import type { AuthorizationNeed } from '../../platform/authorization/policy.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import { absentError, type Place, placeOf } from '../../platform/resources/declaration.ts';
import type { Cursor, Row, Store } from '../../platform/store/port.ts';
import {
  digestOf,
  hexOf,
  type IMAGE,
  type ImageDocument,
  imageKey,
  IMAGE_TAG,
  parentOf,
  REPOSITORY,
  repositoryArn,
  type RepositoryDocument,
  repositoryKey,
  type TagDocument,
  tagKey,
} from './resources.ts';

export const invalidParameter = (message: string): ServiceError => new ServiceError('InvalidParameterException', message);

/** What every operation on one repository needs: its own action on that repository. */
export const needsRepository =
  (action: string) =>
  (input: { readonly repositoryName: string }, context: OperationContext): AuthorizationNeed[] => [
    { action, resources: [repositoryArn(placeOf(context), input.repositoryName)] },
  ];

export async function readRepository(
  store: Pick<Store, 'get'>,
  context: OperationContext,
  input: { readonly repositoryName: string; readonly registryId?: string },
): Promise<Row<RepositoryDocument>> {
  const { repositoryName: name, registryId } = input;
  if (registryId !== undefined && registryId !== context.account) {
    throw new ServiceError(
      'RepositoryNotFoundException',
      `The repository with name '${name}' does not exist in the registry with id '${registryId}'`,
      {},
      'absent',
    );
  }
  const row = await store.get<RepositoryDocument>(repositoryKey(placeOf(context), name));
  if (!row) throw absentError(REPOSITORY, placeOf(context), name);
  return row;
}

/** Every row of `kind` in a repository, in order of names. */
export async function* rowsIn<D extends ImageDocument | TagDocument>(
  store: Store,
  place: Place,
  repository: string,
  kind: typeof IMAGE | typeof IMAGE_TAG,
  facet?: string,
): AsyncGenerator<Row<D>> {
  let after: Cursor | undefined;
  do {
    const page = await store.list<D>({
      account: place.account,
      region: GLOBAL,
      kind: kind.kind,
      parent: parentOf(place, repository),
      ...(facet !== undefined && { facet }),
      sortBy: 'name',
      order: 'ascending',
      ...(after && { after }),
      limit: 500,
    });
    yield* page.rows;
    after = page.next;
  } while (after);
}

export async function tagsOf(store: Store, place: Place, repository: string, digest: string): Promise<Row<TagDocument>[]> {
  const rows: Row<TagDocument>[] = [];
  for await (const row of rowsIn<TagDocument>(store, place, repository, IMAGE_TAG, digest)) rows.push(row);
  return rows;
}

export interface ImageId {
  readonly imageTag?: string;
  readonly imageDigest?: string;
}

export type Failure = {
  imageId: ImageId;
  failureCode: 'InvalidImageDigest' | 'ImageTagDoesNotMatchDigest' | 'ImageNotFound' | 'MissingDigestAndTag';
  failureReason: string;
};

/** The image an identifier names, or why it names none: tag, digest, or both, which must agree. */
export async function findImage(
  store: Store,
  place: Place,
  repository: string,
  id: ImageId,
): Promise<Row<ImageDocument> | Failure> {
  const failure = (failureCode: Failure['failureCode'], failureReason: string): Failure => ({
    imageId: id,
    failureCode,
    failureReason,
  });
  if (id.imageTag === undefined && id.imageDigest === undefined) {
    return failure('MissingDigestAndTag', 'Invalid request parameters: both tag and digest cannot be null');
  }
  const asked = id.imageDigest === undefined ? undefined : hexOf(id.imageDigest);
  if (id.imageDigest !== undefined && asked === undefined) {
    return failure(
      'InvalidImageDigest',
      "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
    );
  }
  const absent = failure('ImageNotFound', 'Requested image not found');
  const tag = id.imageTag === undefined ? undefined : await store.get<TagDocument>(tagKey(place, repository, id.imageTag));
  if (id.imageTag !== undefined && !tag) return absent;
  const digest = tag?.document.digest ?? asked ?? '';
  if (asked !== undefined && asked !== digest) {
    return failure('ImageTagDoesNotMatchDigest', `The tag ${id.imageTag} is not on the image ${id.imageDigest}.`);
  }
  return (await store.get<ImageDocument>(imageKey(place, repository, digest))) ?? absent;
}

export const isFailure = (found: Row<ImageDocument> | Failure): found is Failure => 'failureCode' in found;

/**
 * On AWS the address holds account and region. Here it is where the client reached us, so that what is built from it can be pushed to;
 * account and region are in the client's token.
 */
export function repositoryUri(context: OperationContext, name: string): string {
  const host = context.client?.endpoint && URL.parse(context.client.endpoint)?.host;
  return `${host || `${context.account}.dkr.ecr.${context.region}.amazonaws.com`}/${name}`;
}

export function describeRepository(context: OperationContext, { document, index }: Row<RepositoryDocument>): Repository {
  const { name, mutability } = document;
  return {
    repositoryArn: repositoryArn(placeOf(context), name),
    registryId: context.account,
    repositoryName: name,
    repositoryUri: repositoryUri(context, name),
    createdAt: index.createdAtMs,
    imageTagMutability: mutability,
    imageScanningConfiguration: { scanOnPush: false },
    encryptionConfiguration: { encryptionType: 'AES256' },
  };
}

export const imageIdOf = (digest: string, tag?: string): { imageDigest: string; imageTag?: string } => ({
  imageDigest: digestOf(digest),
  ...(tag !== undefined && { imageTag: tag }),
});
