import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { storedPrincipal } from '../../../platform/notices.ts';
import { readTags, tagContext, tagList } from '../../../platform/resources/change-tags.ts';
import { absentError, existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit } from '../../../platform/store/port.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { parseTagSettings, type TagSettings } from '../decide-follow.ts';
import type { OwnPorts } from '../ports.ts';
import { readRepository, repositoryNeeds } from '../repository-access.ts';
import {
  type FollowDocument,
  type ReferencesDocument,
  referencesKey,
  REPOSITORY,
  REPOSITORY_FOLLOW,
  REPOSITORY_PACKS,
  REPOSITORY_REFERENCES,
  REPOSITORY_REMAINS,
  repositoryArn,
  type RepositoryDocument,
  repositoryKey,
} from '../resources.ts';
import { checkedTagMap } from './repository-tags.ts';

const PAGE_SIZE = 1000;
const BATCH_MAX = 100;
/** A backup that is being made may still need the folder. */
const REMAINS_MS = 3_600_000;

/** Repositories of the server's own region are named alone; of others with the region. */
function cloneUrl(own: OwnPorts, context: OperationContext, name: string): string {
  const region = context.region === own.settings.region ? '' : `${context.region}/`;
  return `${context.client?.endpoint ?? own.serverUrl()}/_slipway/git/${region}${name}`;
}

const metadataOf = (own: OwnPorts, context: OperationContext, document: RepositoryDocument) => ({
  accountId: context.account,
  repositoryId: document.id,
  repositoryName: document.name,
  ...(document.description !== undefined && { repositoryDescription: document.description }),
  ...(document.defaultBranch !== undefined && { defaultBranch: document.defaultBranch }),
  lastModifiedDate: document.modifiedAtMs,
  creationDate: document.createdAtMs,
  cloneUrlHttp: cloneUrl(own, context, document.name),
  Arn: repositoryArn(placeOf(context), document.name),
  ...(document.kmsKeyId !== undefined && { kmsKeyId: document.kmsKeyId }),
});

/** What no address could name. */
const refuseName = (name: string): void => {
  if (!name.endsWith('.git') && !/^\.+$/.test(name)) return;
  const why = 'it must not end in .git, and needs more than dots';
  throw new ServiceError('InvalidRepositoryNameException', `The repository name ${name} is not valid: ${why}.`);
};

/** What tags say, as the row keeps it. */
export function tagged(context: OperationContext, settings: TagSettings): Pick<RepositoryDocument, 'follow' | 'protected'> {
  const { follow } = settings;
  const followed: FollowDocument | undefined = follow && { ...follow, sender: storedPrincipal(context.principal) };
  return { ...(followed && { follow: followed }), ...(settings.protected && { protected: [...settings.protected] }) };
}

export const createRepository = (own: OwnPorts): Operation<'codecommit:CreateRepository'> =>
  operation('codecommit:CreateRepository', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'codecommit:CreateRepository',
        resources: [repositoryArn(placeOf(context), input.repositoryName)],
        ...(input.tags && { context: tagContext(tagList(input.tags)) }),
      },
    ],
    async handle(input, context) {
      const name = input.repositoryName;
      refuseName(name);
      const tags = checkedTagMap(input.tags ?? {});
      const settings = accepted(parseTagSettings(tags));
      const { nowMs } = context;
      const document: RepositoryDocument = {
        name,
        id: own.ids.uuid(),
        ...(input.repositoryDescription !== undefined && { description: input.repositoryDescription }),
        ...(input.kmsKeyId !== undefined && { kmsKeyId: input.kmsKeyId }),
        createdAtMs: nowMs,
        modifiedAtMs: nowMs,
        ...tagged(context, settings),
      };
      await decideAndCommit(own.store, () => createOnce(own, context, document, tags));
      return { repositoryMetadata: metadataOf(own, context, document) };
    },
  });

async function createOnce(
  own: OwnPorts,
  context: OperationContext,
  document: RepositoryDocument,
  tags: ReturnType<typeof tagList>,
): Promise<{ commit?: Commit; result: undefined }> {
  const place = placeOf(context);
  const key = repositoryKey(place, document.name);
  const found = await readRow<RepositoryDocument>(own.store, key);
  if (found?.document.id === document.id) return { result: undefined };
  if (found) throw existsError(REPOSITORY, place, document.name);
  const arn = repositoryArn(place, document.name);
  const index = { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs };
  const references: ReferencesDocument = { repositoryName: document.name, references: {}, peeled: {} };
  const referencesAt = referencesKey(place, document.id);
  const tagRow = tagsWrite(arn, tags, context.nowMs);
  return {
    commit: {
      expect: [
        { key, version: 0 },
        { key: referencesAt, version: 0 },
      ],
      write: [{ key, document, index }, { key: referencesAt, document: references, index }, ...(tagRow ? [tagRow] : [])],
      ...(document.follow && { timers: [{ reconciler: REPOSITORY_FOLLOW, key, dueAtMs: context.nowMs }] }),
      ledger: [entryOf(context, context.operation, [arn], { repositoryId: [null, document.id] })],
    },
    result: undefined,
  };
}

export const getRepository = (own: OwnPorts): Operation<'codecommit:GetRepository'> =>
  operation('codecommit:GetRepository', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:GetRepository'>('codecommit:GetRepository'),
    async handle({ repositoryName }, context) {
      const { document } = await readRepository(own.store, context, repositoryName);
      return { repositoryMetadata: metadataOf(own, context, document) };
    },
  });

export const listRepositories = (own: OwnPorts): Operation<'codecommit:ListRepositories'> =>
  operation('codecommit:ListRepositories', {
    effect: 'read',
    needs: () => [{ action: 'codecommit:ListRepositories', resources: ['*'] }],
    async handle(input, context) {
      const page = await own.store.list<RepositoryDocument>({
        ...placeOf(context),
        kind: REPOSITORY.kind,
        sortBy: input.sortBy === 'lastModifiedDate' ? 'modified' : 'name',
        order: input.order === 'descending' ? 'descending' : 'ascending',
        after: decodePageToken(input.nextToken, 'InvalidContinuationTokenException'),
        limit: PAGE_SIZE,
      });
      const nextToken = encodePageToken(page.next);
      const repositories = page.rows.map(({ document }) => ({ repositoryName: document.name, repositoryId: document.id }));
      return { repositories, ...(nextToken !== undefined && { nextToken }) };
    },
  });

export const batchGetRepositories = (own: OwnPorts): Operation<'codecommit:BatchGetRepositories'> =>
  operation('codecommit:BatchGetRepositories', {
    effect: 'read',
    needs: ({ repositoryNames }, context) => [
      {
        action: 'codecommit:BatchGetRepositories',
        resources: repositoryNames.map((name) => repositoryArn(placeOf(context), name)),
      },
    ],
    async handle({ repositoryNames }, context) {
      if (repositoryNames.length > BATCH_MAX) {
        throw new ServiceError(
          'MaximumRepositoryNamesExceededException',
          `The maximum number of allowed repository names was exceeded. Currently, this number is ${BATCH_MAX}.`,
        );
      }
      const rows = await own.store.getMany<RepositoryDocument>(
        repositoryNames.map((name) => repositoryKey(placeOf(context), name)),
      );
      return {
        repositories: rows.flatMap((row) => (row ? [metadataOf(own, context, row.document)] : [])),
        repositoriesNotFound: repositoryNames.filter((_, index) => rows[index] === undefined),
        errors: [],
      };
    },
  });

/** The folder goes an hour later: who fetches ends in peace, and a backup that knows the repository finds it. */
export const deleteRepository = (own: OwnPorts): Operation<'codecommit:DeleteRepository'> =>
  operation('codecommit:DeleteRepository', {
    effect: 'change',
    needs: repositoryNeeds<'codecommit:DeleteRepository'>('codecommit:DeleteRepository'),
    async handle({ repositoryName }, context) {
      const place = placeOf(context);
      const key = repositoryKey(place, repositoryName);
      const arn = repositoryArn(place, repositoryName);
      let id: string | undefined;
      await decideAndCommit(own.store, async () => {
        const row = await readRow<RepositoryDocument>(own.store, key);
        if (!row || (id !== undefined && row.document.id !== id)) return { result: undefined };
        id = row.document.id;
        const references = referencesKey(place, id);
        const known = await own.store.get(references);
        return {
          commit: {
            expect: [
              { key, version: row.version },
              { key: references, version: known?.version ?? 0 },
            ],
            remove: [key, references, tagsKey(arn)],
            timers: [
              { reconciler: REPOSITORY_FOLLOW, key, dueAtMs: null },
              { reconciler: REPOSITORY_REFERENCES, key: references, dueAtMs: null },
              { reconciler: REPOSITORY_PACKS, key: references, dueAtMs: null },
              { reconciler: REPOSITORY_REMAINS, key: references, dueAtMs: context.nowMs + REMAINS_MS },
            ],
            ledger: [entryOf(context, context.operation, [arn], { repositoryId: [id, null] })],
          },
          result: undefined,
        };
      });
      return id === undefined ? {} : { repositoryId: id };
    },
  });

export const updateRepositoryDescription = (own: OwnPorts): Operation<'codecommit:UpdateRepositoryDescription'> =>
  operation('codecommit:UpdateRepositoryDescription', {
    effect: 'change',
    needs: repositoryNeeds<'codecommit:UpdateRepositoryDescription'>('codecommit:UpdateRepositoryDescription'),
    async handle({ repositoryName, repositoryDescription }, context) {
      await decideAndCommit(own.store, async () => {
        const { key, version, document, index } = await readRepository(own.store, context, repositoryName);
        if (document.description === repositoryDescription) return { result: undefined };
        const { description: before, ...rest } = document;
        const after = {
          ...rest,
          ...(repositoryDescription !== undefined && { description: repositoryDescription }),
          modifiedAtMs: context.nowMs,
        };
        const changes = { repositoryDescription: [before ?? null, repositoryDescription ?? null] } as const;
        const ledger = [entryOf(context, context.operation, [repositoryArn(placeOf(context), repositoryName)], changes)];
        const write = [{ key, document: after, index: { ...index, modifiedAtMs: context.nowMs } }];
        return { commit: { expect: [{ key, version }], write, ledger }, result: undefined };
      });
      return {};
    },
  });

export const updateRepositoryName = (own: OwnPorts): Operation<'codecommit:UpdateRepositoryName'> =>
  operation('codecommit:UpdateRepositoryName', {
    effect: 'change',
    needs: ({ oldName, newName }, context) => [
      {
        action: 'codecommit:UpdateRepositoryName',
        resources: [oldName, newName].map((name) => repositoryArn(placeOf(context), name)),
      },
    ],
    async handle({ oldName, newName }, context) {
      refuseName(newName);
      if (oldName === newName) throw existsError(REPOSITORY, placeOf(context), newName);
      const { id } = (await readRepository(own.store, context, oldName)).document;
      await decideAndCommit(own.store, () => renameOnce(own, context, { id, oldName, newName }));
      return {};
    },
  });

async function renameOnce(
  own: OwnPorts,
  context: OperationContext,
  { id, oldName, newName }: { readonly id: string; readonly oldName: string; readonly newName: string },
): Promise<{ commit?: Commit; result: undefined }> {
  const place = placeOf(context);
  const [from, to] = [repositoryKey(place, oldName), repositoryKey(place, newName)];
  const [oldArn, newArn] = [repositoryArn(place, oldName), repositoryArn(place, newName)];
  const there = await readRow<RepositoryDocument>(own.store, to);
  if (there?.document.id === id) return { result: undefined };
  if (there) throw existsError(REPOSITORY, place, newName);
  const row = await readRow<RepositoryDocument>(own.store, from);
  const known = await readRow<ReferencesDocument>(own.store, referencesKey(place, id));
  if (!row || !known || row.document.id !== id) throw absentError(REPOSITORY, place, oldName);
  const tagRow = await own.store.get(tagsKey(oldArn));
  const tagsMoved = tagsWrite(newArn, await readTags(own.store, oldArn), context.nowMs);
  const { nowMs } = context;
  const document = { ...row.document, name: newName, modifiedAtMs: nowMs };
  const followed = row.document.follow ? [{ reconciler: REPOSITORY_FOLLOW, key: to, dueAtMs: nowMs }] : [];
  return {
    commit: {
      expect: [
        { key: from, version: row.version },
        { key: to, version: 0 },
        { key: known.key, version: known.version },
        { key: tagsKey(oldArn), version: tagRow?.version ?? 0 },
      ],
      write: [
        { key: to, document, index: { ...row.index, modifiedAtMs: nowMs } },
        { key: known.key, document: { ...known.document, repositoryName: newName }, index: known.index },
        ...(tagsMoved ? [tagsMoved] : []),
      ],
      remove: [from, tagsKey(oldArn)],
      timers: [{ reconciler: REPOSITORY_FOLLOW, key: from, dueAtMs: null }, ...followed],
      ledger: [entryOf(context, context.operation, [oldArn, newArn], { repositoryName: [oldName, newName] })],
    },
    result: undefined,
  };
}
