import type { Room } from '../../platform/calls/operation.ts';
import type { GitService } from '../../platform/ports/git-service.ts';
import { followReconciler } from './follow.ts';
import { createGitService } from './git-service.ts';
import { createBranch, deleteBranch, getBranch, listBranches, updateDefaultBranch } from './operations/branches.ts';
import { getMergeCommit, mergeBranchesByFastForward } from './operations/merges.ts';
import { batchGetCommits, getCommit, getDifferences } from './operations/read-commits.ts';
import { getBlob, getFile, getFolder } from './operations/read-files.ts';
import {
  batchGetRepositories,
  createRepository,
  deleteRepository,
  getRepository,
  listRepositories,
  updateRepositoryDescription,
  updateRepositoryName,
} from './operations/repositories.ts';
import { listTagsForResource, tagResource, untagResource } from './operations/repository-tags.ts';
import { getRepositoryTriggers, putRepositoryTriggers, testRepositoryTriggers } from './operations/triggers.ts';
import { createCommit, deleteFile, putFile } from './operations/write-commits.ts';
import type { OwnPorts, RepositoriesPorts } from './ports.ts';
import { packsReconciler, referencesReconciler, remainsReconciler } from './reconcile-references.ts';
import { REPOSITORY } from './resources.ts';
import { createTurns } from './turns.ts';

export interface RepositoriesRoom extends Room {
  /** For the git front of the gateway. */
  readonly service: GitService;
}

/** CodeCommit: bare repositories that git itself serves; what their references are is a row, with events and ledger. */
export function createRepositoriesRoom(ports: RepositoriesPorts): RepositoriesRoom {
  const own: OwnPorts = { ...ports, turns: createTurns(), seen: new Set() };
  return {
    name: 'repositories',
    operations: [
      createRepository(own),
      getRepository(own),
      listRepositories(own),
      batchGetRepositories(own),
      deleteRepository(own),
      updateRepositoryDescription(own),
      updateRepositoryName(own),
      tagResource(own),
      untagResource(own),
      listTagsForResource(own),
      getBranch(own),
      listBranches(own),
      createBranch(own),
      deleteBranch(own),
      updateDefaultBranch(own),
      createCommit(own),
      putFile(own),
      deleteFile(own),
      getCommit(own),
      batchGetCommits(own),
      getDifferences(own),
      getBlob(own),
      getFile(own),
      getFolder(own),
      getMergeCommit(own),
      mergeBranchesByFastForward(own),
      getRepositoryTriggers(own),
      putRepositoryTriggers(own),
      testRepositoryTriggers(own),
    ],
    resources: [REPOSITORY],
    reconcilers: [referencesReconciler(own), packsReconciler(own), remainsReconciler(own), followReconciler(own)],
    calls: ['s3:PutObject', 'secretsmanager:GetSecretValue'],
    service: createGitService(own),
    // what an earlier server started must not write any more when its pushes are recorded
    start: () => own.git.recover(),
  };
}
