import type { InputOf } from '../../../contract/operations.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { causeOf, changeReferences } from '../change-references.ts';
import { changesNothing, type FileChange, importStream, keptFolders, modeOf, rejectConflicts } from '../decide-commit.ts';
import { branchRef } from '../decide-references.ts';
import {
  blobIdOf,
  checkedPath,
  FILE_BYTES_MAX,
  isObjectId,
  modeName,
  readCommit,
  readTree,
  type TreeEntry,
  typeOf,
} from '../objects.ts';
import type { OwnPorts } from '../ports.ts';
import { branchNeeds, openRepository, type Opened } from '../repository-access.ts';
import { checkedBranch, refuseFollower } from './branches.ts';

const FILES_MAX = 100;

interface Wanted {
  readonly repositoryName: string;
  readonly branchName: string;
  readonly parentCommitId?: string;
  readonly name?: string;
  readonly email?: string;
  readonly message?: string;
  readonly keepEmptyFolders?: boolean;
  readonly nothing: 'NoChangeException' | 'SameFileContentException';
  changes(present: ReadonlyMap<string, TreeEntry>): FileChange[];
}

interface Committed {
  readonly commitId: string;
  readonly treeId: string;
  readonly changes: readonly FileChange[];
  readonly present: ReadonlyMap<string, TreeEntry>;
}

/** One commit on a branch, made by `git fast-import` in the repository's turn and recorded as a push is. */
async function commitFiles(own: OwnPorts, context: OperationContext, action: string, wanted: Wanted): Promise<Committed> {
  const opened = await openRepository(own, context, wanted.repositoryName);
  const branch = checkedBranch(wanted.branchName);
  const cause = causeOf(context, action, wanted.repositoryName);
  const { result, changes: made } = await changeReferences(own, opened.row, cause, async ({ known, document }) => {
    refuseFollower(document);
    const tip = known.references[branchRef(branch)];
    await checkParent(own, opened, { ...wanted, tip, isEmpty: Object.keys(known.references).length === 0 });
    const present = tip === undefined ? new Map<string, TreeEntry>() : await filesOf(own, opened, tip);
    const asked = wanted.changes(present);
    const changes = wanted.keepEmptyFolders ? [...asked, ...keptFolders(asked, present)] : asked;
    refuse(rejectConflicts(changes, present));
    if (changesNothing(changes, present)) {
      throw new ServiceError(
        wanted.nothing,
        'The commit would change nothing: each file is there as it was given, or is not there.',
      );
    }
    await checkBlobs(own, opened, changes);
    const { principal, nowMs } = context;
    const stream = importStream({
      branch,
      parent: tip,
      name: wanted.name ?? principal.name,
      email: wanted.email ?? '',
      message: wanted.message ?? '',
      timeMs: nowMs,
      changes,
    });
    const { exitCode, errors } = await own.git.run(opened.place, ['fast-import', '--quiet', '--done'], { input: stream });
    if (exitCode !== 0) throw new BackendError('runtime', `A commit could not be written: ${errors}`);
    return { changes, present };
  });
  // not what the branch is by now: another may have come behind it
  const commitId = made.find(({ name }) => name === branchRef(branch))?.after;
  if (!commitId) throw new BackendError('runtime', `The commit on ${branch} is not there.`);
  const commit = await readCommit(own, opened, commitId);
  return { ...result, commitId, treeId: commit?.treeId ?? '' };
}

async function filesOf(own: OwnPorts, opened: Opened, commit: string): Promise<Map<string, TreeEntry>> {
  return new Map((await readTree(own, opened, commit, ['-r'])).map((entry) => [entry.path, entry]));
}

/** AWS: the parent is the tip of the branch; a first commit has none. */
async function checkParent(
  own: OwnPorts,
  opened: Opened,
  { tip, isEmpty, parentCommitId, branchName }: Wanted & { readonly tip: string | undefined; readonly isEmpty: boolean },
): Promise<void> {
  if (tip === undefined && !isEmpty) {
    throw new ServiceError('BranchDoesNotExistException', `The branch does not exist in the repository: ${branchName}.`);
  }
  if (parentCommitId === undefined) {
    if (tip === undefined) return;
    throw new ServiceError('ParentCommitIdRequiredException', 'A parent commit ID is required: the branch has commits already.');
  }
  if (!isObjectId(parentCommitId)) {
    throw new ServiceError('InvalidParentCommitIdException', `The parent commit ID ${parentCommitId.slice(0, 80)} is not valid.`);
  }
  if (parentCommitId === tip) return;
  if ((await typeOf(own, opened, parentCommitId)) !== 'commit') {
    throw new ServiceError(
      'ParentCommitDoesNotExistException',
      `The parent commit ${parentCommitId} does not exist in the repository.`,
    );
  }
  throw new ServiceError(
    'ParentCommitIdOutdatedException',
    `The parent commit ${parentCommitId} is not the tip of ${branchName}, which is ${tip ?? 'not there'}.`,
  );
}

async function checkBlobs(own: OwnPorts, opened: Opened, changes: readonly FileChange[]): Promise<void> {
  for (const { path, put } of changes) {
    if (put && !put.content && (await typeOf(own, opened, put.blobId)) !== 'blob') {
      throw new ServiceError('FileDoesNotExistException', `The source of ${path} is no file.`);
    }
  }
}

function contentOf(content: Uint8Array, path: string): Uint8Array {
  if (content.length <= FILE_BYTES_MAX) return content;
  throw new ServiceError(
    'FileContentSizeLimitExceededException',
    `The file ${path} has more than 6 MB; push larger files with git.`,
  );
}

const newFile = (fileMode: string | undefined, content: Uint8Array) => ({
  mode: modeOf(fileMode),
  blobId: blobIdOf(content),
  content,
});

const presentFile = (present: ReadonlyMap<string, TreeEntry>, path: string): TreeEntry => {
  const entry = present.get(path);
  if (entry) return entry;
  throw new ServiceError('FileDoesNotExistException', `The file ${path} does not exist in the branch.`);
};

type CreateCommitInput = InputOf<'codecommit:CreateCommit'>;

function plannedChanges(input: CreateCommitInput, present: ReadonlyMap<string, TreeEntry>): FileChange[] {
  const changes: FileChange[] = [];
  for (const { filePath, fileMode, fileContent, sourceFile } of input.putFiles ?? []) {
    const path = checkedPath(filePath);
    if (fileContent !== undefined && sourceFile !== undefined) {
      throw new ServiceError('FileContentAndSourceFileSpecifiedException', `${path} has both a content and a source file.`);
    }
    if (fileContent !== undefined) {
      changes.push({ path, put: newFile(fileMode, contentOf(fileContent, path)) });
    } else if (sourceFile !== undefined) {
      const source = presentFile(present, checkedPath(sourceFile.filePath));
      changes.push({ path, put: { mode: fileMode === undefined ? source.mode : modeOf(fileMode), blobId: source.id } });
      if (sourceFile.isMove) changes.push({ path: source.path });
    } else throw new ServiceError('SourceFileOrContentRequiredException', `${path} has neither a content nor a source file.`);
  }
  for (const { filePath } of input.deleteFiles ?? []) changes.push({ path: presentFile(present, checkedPath(filePath)).path });
  for (const { filePath, fileMode } of input.setFileModes ?? []) {
    const { path, id } = presentFile(present, checkedPath(filePath));
    changes.push({ path, put: { mode: modeOf(fileMode), blobId: id } });
  }
  const twice = changes.find(({ path }, index) => changes.findIndex((other) => other.path === path) !== index);
  if (twice) throw new ServiceError('SamePathRequestException', `The file ${twice.path} is named more than once.`);
  return changes;
}

export const createCommit = (own: OwnPorts): Operation<'codecommit:CreateCommit'> =>
  operation('codecommit:CreateCommit', {
    effect: 'change',
    needs: branchNeeds<'codecommit:CreateCommit'>('codecommit:CreateCommit'),
    async handle(input, context) {
      const count = (input.putFiles?.length ?? 0) + (input.deleteFiles?.length ?? 0) + (input.setFileModes?.length ?? 0);
      if (count === 0)
        throw new ServiceError('FileEntryRequiredException', 'A commit needs at least one file to put, delete or change.');
      if (count > FILES_MAX)
        throw new ServiceError('MaximumFileEntriesExceededException', `A commit takes at most ${FILES_MAX} files.`);
      const { commitId, treeId, changes, present } = await commitFiles(own, context, 'codecommit:CreateCommit', {
        ...input,
        name: input.authorName,
        message: input.commitMessage,
        nothing: 'NoChangeException',
        changes: (files) => plannedChanges(input, files),
      });
      const of = (wanted: (change: FileChange) => boolean) =>
        changes.filter(wanted).map(({ path, put }) => {
          const before = present.get(path);
          return {
            absolutePath: path,
            blobId: put?.blobId ?? before?.id ?? '',
            fileMode: modeName(put?.mode ?? before?.mode ?? ''),
          };
        });
      return {
        commitId,
        treeId,
        filesAdded: of(({ path, put }) => put !== undefined && !present.has(path)),
        filesUpdated: of(({ path, put }) => put !== undefined && present.has(path)),
        filesDeleted: of(({ put }) => put === undefined),
      };
    },
  });

export const putFile = (own: OwnPorts): Operation<'codecommit:PutFile'> =>
  operation('codecommit:PutFile', {
    effect: 'change',
    needs: branchNeeds<'codecommit:PutFile'>('codecommit:PutFile'),
    async handle(input, context) {
      const path = checkedPath(input.filePath);
      const content = contentOf(input.fileContent, path);
      const { commitId, treeId } = await commitFiles(own, context, 'codecommit:PutFile', {
        ...input,
        message: input.commitMessage,
        nothing: 'SameFileContentException',
        changes: () => [{ path, put: newFile(input.fileMode, content) }],
      });
      return { commitId, treeId, blobId: blobIdOf(content) };
    },
  });

export const deleteFile = (own: OwnPorts): Operation<'codecommit:DeleteFile'> =>
  operation('codecommit:DeleteFile', {
    effect: 'change',
    needs: branchNeeds<'codecommit:DeleteFile'>('codecommit:DeleteFile'),
    async handle(input, context) {
      const path = checkedPath(input.filePath);
      const { commitId, treeId, present } = await commitFiles(own, context, 'codecommit:DeleteFile', {
        ...input,
        message: input.commitMessage,
        nothing: 'NoChangeException',
        changes: (files) => [{ path: presentFile(files, path).path }],
      });
      return { commitId, treeId, blobId: present.get(path)?.id ?? '', filePath: path };
    },
  });
