import type { InputOf } from '../../../contract/operations.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { WithArchive } from '../../../platform/ports/commit-archive.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { openSettled } from '../change-references.ts';
import { checkedPath, isObjectId, readCommit, readTree, resolveCommit } from '../objects.ts';
import type { OwnPorts } from '../ports.ts';
import { type Opened, repositoryNeeds } from '../repository-access.ts';
import { repositoryArn } from '../resources.ts';

const BATCH_MAX = 100;
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const DIFFERENCES_PER_PAGE = 1000;

export const getCommit = (own: OwnPorts): Operation<'codecommit:GetCommit'> =>
  operation('codecommit:GetCommit', {
    effect: 'read',
    needs(input, context) {
      const resources = [repositoryArn(placeOf(context), input.repositoryName)];
      const { Archive } = input as InputOf<'codecommit:GetCommit'> & WithArchive;
      return [
        { action: 'codecommit:GetCommit', resources },
        ...(Archive ? [{ action: 'codecommit:UploadArchive', resources }] : []),
      ];
    },
    async handle(input, context) {
      const { repositoryName, commitId } = input;
      const opened = await openSettled(own, context, repositoryName);
      if (!isObjectId(commitId)) {
        throw new ServiceError('InvalidCommitIdException', `The commit ID ${commitId.slice(0, 80)} is not valid.`);
      }
      const commit = await readCommit(own, opened, commitId);
      if (!commit) throw absentCommit(commitId);
      const { Archive } = input as InputOf<'codecommit:GetCommit'> & WithArchive;
      if (Archive) await putArchive(own, context, opened, commitId, Archive);
      return { commit };
    },
  });

const absentCommit = (id: string): ServiceError =>
  new ServiceError('CommitIdDoesNotExistException', `The commit ID ${id} does not exist in the repository.`);

/** The same commit gives the same bytes: times in it are the commit's, and no file is left out or rewritten by what the commit holds. */
async function putArchive(
  own: OwnPorts,
  { principal, region, requestId }: OperationContext,
  { place }: Opened,
  commitId: string,
  { bucket, key }: NonNullable<WithArchive['Archive']>,
): Promise<void> {
  await own.calls.call(principal, { region, requestId }, 's3:PutObject', {
    Bucket: bucket,
    Key: key,
    ContentType: 'application/zip',
    Body: own.git.stream(place, ['archive', '--format=zip', commitId]),
  });
}

export const batchGetCommits = (own: OwnPorts): Operation<'codecommit:BatchGetCommits'> =>
  operation('codecommit:BatchGetCommits', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:BatchGetCommits'>('codecommit:BatchGetCommits'),
    async handle({ repositoryName, commitIds }, context) {
      if (commitIds.length > BATCH_MAX) {
        throw new ServiceError('CommitIdsLimitExceededException', `At most ${BATCH_MAX} commit IDs can be asked for at once.`);
      }
      const opened = await openSettled(own, context, repositoryName);
      const found = [];
      const errors = [];
      for (const commitId of commitIds) {
        const commit = await readCommit(own, opened, commitId);
        const errorMessage = `The commit ID ${commitId} does not exist in the repository.`;
        if (commit) found.push(commit);
        else errors.push({ commitId, errorCode: 'CommitIdDoesNotExistException', errorMessage });
      }
      return { commits: found, errors };
    },
  });

export const getDifferences = (own: OwnPorts): Operation<'codecommit:GetDifferences'> =>
  operation('codecommit:GetDifferences', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:GetDifferences'>('codecommit:GetDifferences'),
    async handle(input, context) {
      const opened = await openSettled(own, context, input.repositoryName);
      const limit = input.MaxResults ?? DIFFERENCES_PER_PAGE;
      if (limit < 1)
        throw new ServiceError('InvalidMaxResultsException', `The specified number of maximum results is not valid: ${limit}.`);
      const from = firstOf(input.NextToken);
      const after = await resolveCommit(own, opened, input.afterCommitSpecifier);
      const before =
        input.beforeCommitSpecifier === undefined ? EMPTY_TREE : await resolveCommit(own, opened, input.beforeCommitSpecifier);
      const [beforePath, afterPath] = [input.beforePath, input.afterPath].map(pathOf);
      const compared = await comparedOf(own, opened, { before, after, beforePath, afterPath });
      const words = ['diff-tree', '-r', '-z', '--raw', '--full-index', '--no-renames', ...compared];
      const { exitCode, output, errors } = await own.git.run(opened.place, words);
      if (exitCode !== 0) throw new ServiceError('CommitDoesNotExistException', `The commits cannot be compared: ${errors}`);
      const all = parseDifferences(output.toString('utf8'));
      const page = all.slice(from, from + limit);
      const next = from + page.length;
      return { differences: page, ...(next < all.length && { NextToken: Buffer.from(`${next}`).toString('base64url') }) };
    },
  });

/** `/` is all there is. */
const pathOf = (path: string | undefined): string | undefined => (path && !/^\/+$/.test(path) ? checkedPath(path) : undefined);

interface Comparison {
  readonly before: string;
  readonly after: string;
  readonly beforePath: string | undefined;
  readonly afterPath: string | undefined;
}

/** What git is to compare. Two folders, of which one became the other, are compared as such: paths are those within them. */
async function comparedOf(
  own: OwnPorts,
  opened: Opened,
  { before, after, beforePath, afterPath }: Comparison,
): Promise<string[]> {
  const paths = [...new Set([beforePath, afterPath].filter((path) => path !== undefined))];
  if (paths.length === 0) return [before, after];
  const entryOf = async (commit: string, path: string) =>
    (await readTree(own, opened, commit, [], path)).find((entry) => entry.path === path);
  const [first, second] = [beforePath ?? paths[0] ?? '', afterPath ?? paths[0] ?? ''];
  const [old, now] = [await entryOf(before, first), await entryOf(after, second)];
  const isRenamed = first !== second;
  if (isRenamed ? !old || !now : !old && !now) {
    const missing = old ? second : first;
    throw new ServiceError('PathDoesNotExistException', `The path ${missing} does not exist in the commits.`);
  }
  return isRenamed && old?.type === 'tree' && now?.type === 'tree' ? [old.id, now.id] : [before, after, '--', ...paths];
}

function firstOf(token: string | undefined): number {
  if (token === undefined) return 0;
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ServiceError('InvalidContinuationTokenException', 'The specified continuation token is not valid.');
}

/** `:<mode> <mode> <id> <id> <letter>` and the path, each ended by NUL. */
function parseDifferences(text: string) {
  const words = text.split('\0');
  const found = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [, oldMode = '', newMode = '', oldId = '', newId = '', letter = 'M'] =
      /^:(\d+) (\d+) ([0-9a-f]+) ([0-9a-f]+) (\w)/.exec(words[at] ?? '') ?? [];
    const path = words[at + 1] ?? '';
    const beforeBlob = { blobId: oldId, path, mode: oldMode };
    const afterBlob = { blobId: newId, path, mode: newMode };
    const changeType: 'A' | 'D' | 'M' = letter === 'A' || letter === 'D' ? letter : 'M';
    found.push({ ...(letter !== 'A' && { beforeBlob }), ...(letter !== 'D' && { afterBlob }), changeType });
  }
  return found;
}
