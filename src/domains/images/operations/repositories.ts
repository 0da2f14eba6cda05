import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row } from '../../../platform/store/port.ts';
import type { ImagesPorts } from '../ports.ts';
import { removeImage } from '../remove-image.ts';
import { describeRepository, invalidParameter, needsRepository, readRepository, rowsIn } from '../repository-access.ts';
import {
  IMAGE,
  type ImageDocument,
  LAYER_SWEEP,
  REPOSITORY,
  repositoryArn,
  type RepositoryDocument,
  repositoryKey,
} from '../resources.ts';

const PAGE_DEFAULT = 100;

export const createRepository = ({ store }: ImagesPorts): Operation<'ecr:CreateRepository'> =>
  operation('ecr:CreateRepository', {
    effect: 'change',
    needs: needsRepository('ecr:CreateRepository'),
    async handle(input, context) {
      const { repositoryName: name, imageTagMutability: mutability = 'MUTABLE' } = input;
      if (mutability !== 'MUTABLE' && mutability !== 'IMMUTABLE') {
        throw new ServiceError('NotImplementedException', `imageTagMutability ${mutability} is not implemented.`);
      }
      const encryption = input.encryptionConfiguration?.encryptionType ?? 'AES256';
      if (encryption !== 'AES256') {
        throw new ServiceError('NotImplementedException', `encryptionType ${encryption} is not implemented.`);
      }
      const place = placeOf(context);
      const key = repositoryKey(place, name);
      const arn = repositoryArn(place, name);
      const document: RepositoryDocument = { name, mutability };
      const index = { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs };
      const tags = tagsWrite(arn, input.tags as { Key: string; Value: string }[] | undefined, context.nowMs);
      return decideAndCommit(store, async (count) => {
        const found = await store.get<RepositoryDocument>(key);
        const result = { repository: describeRepository(context, { key, version: 1, document, index }) };
        // on a second look it may be our own commit whose answer was lost
        if (found && count > 0 && found.index.createdAtMs === context.nowMs) return { result };
        if (found) throw existsError(REPOSITORY, place, name);
        return {
          commit: {
            expect: [{ key, version: 0 }],
            write: [{ key, document, index }, ...(tags ? [tags] : [])],
            ledger: [
              entryOf(context, 'ecr:CreateRepository', [arn], { name: [null, name], imageTagMutability: [null, mutability] }),
            ],
          },
          result,
        };
      });
    },
  });

export const describeRepositories = ({ store }: ImagesPorts): Operation<'ecr:DescribeRepositories'> =>
  operation('ecr:DescribeRepositories', {
    effect: 'read',
    needs: ({ repositoryNames }, context) => [
      {
        action: 'ecr:DescribeRepositories',
        resources: (repositoryNames ?? ['*']).map((name) => repositoryArn(placeOf(context), name)),
      },
    ],
    async handle(input, context) {
      if (input.repositoryNames) {
        if (input.nextToken !== undefined || input.maxResults !== undefined) {
          throw invalidParameter('Invalid parameter: nextToken and maxResults cannot be given together with repositoryNames.');
        }
        const rows: Row<RepositoryDocument>[] = [];
        for (const repositoryName of input.repositoryNames) {
          const registry = input.registryId === undefined ? {} : { registryId: input.registryId };
          rows.push(await readRepository(store, context, { repositoryName, ...registry }));
        }
        return { repositories: rows.map((row) => describeRepository(context, row)) };
      }
      // the account has one registry; another's repositories are not ours to tell
      if (input.registryId !== undefined && input.registryId !== context.account) return { repositories: [] };
      const after = decodePageToken(input.nextToken);
      const page = await store.list<RepositoryDocument>({
        ...placeOf(context),
        kind: REPOSITORY.kind,
        sortBy: 'name',
        order: 'ascending',
        ...(after && { after }),
        limit: input.maxResults ?? PAGE_DEFAULT,
      });
      const nextToken = encodePageToken(page.next);
      return { repositories: page.rows.map((row) => describeRepository(context, row)), ...(nextToken && { nextToken }) };
    },
  });

export const putImageTagMutability = ({ store }: ImagesPorts): Operation<'ecr:PutImageTagMutability'> =>
  operation('ecr:PutImageTagMutability', {
    effect: 'change',
    needs: needsRepository('ecr:PutImageTagMutability'),
    async handle(input, context) {
      const { imageTagMutability: mutability } = input;
      if (mutability !== 'MUTABLE' && mutability !== 'IMMUTABLE') {
        throw new ServiceError('NotImplementedException', `imageTagMutability ${mutability} is not implemented.`);
      }
      await decideAndCommit(store, async () => {
        const row = await readRepository(store, context, input);
        if (row.document.mutability === mutability) return { result: undefined };
        const change = { imageTagMutability: [row.document.mutability, mutability] } as const;
        const arn = repositoryArn(placeOf(context), input.repositoryName);
        return {
          commit: {
            expect: [{ key: row.key, version: row.version }],
            write: [
              { key: row.key, document: { ...row.document, mutability }, index: { ...row.index, modifiedAtMs: context.nowMs } },
            ],
            ledger: [entryOf(context, 'ecr:PutImageTagMutability', [arn], change)],
          },
          result: undefined,
        };
      });
      return { registryId: context.account, repositoryName: input.repositoryName, imageTagMutability: mutability };
    },
  });

/** With `force` its images go first, each in a commit of its own: a delete cut short is finished by asking again. */
export const deleteRepository = (ports: ImagesPorts): Operation<'ecr:DeleteRepository'> =>
  operation('ecr:DeleteRepository', {
    effect: 'change',
    needs: needsRepository('ecr:DeleteRepository'),
    async handle(input, context) {
      const { store } = ports;
      const place = placeOf(context);
      const name = input.repositoryName;
      const arn = repositoryArn(place, name);
      return decideAndCommit(store, async () => {
        const row = await readRepository(store, context, input);
        for await (const image of rowsIn<ImageDocument>(store, place, name, IMAGE)) {
          if (!input.force) {
            throw new ServiceError(
              'RepositoryNotEmptyException',
              `The repository with name '${name}' in registry with id '${context.account}' cannot be deleted because it still contains images`,
            );
          }
          await removeImage(ports, context, image);
        }
        const current = await readRepository(store, context, input);
        const tags = tagsKey(arn);
        return {
          commit: {
            expect: [{ key: row.key, version: current.version }],
            remove: [row.key, ...((await store.get(tags)) ? [tags] : [])],
            timers: [{ reconciler: LAYER_SWEEP, key: row.key, dueAtMs: context.nowMs }],
            ledger: [entryOf(context, 'ecr:DeleteRepository', [arn], { name: [name, null] })],
          },
          result: { repository: describeRepository(context, row) },
        };
      });
    },
  });
