import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { causeOf, changeReferences } from '../change-references.ts';
import { isReferenceName } from '../decide-push.ts';
import { branchOf, branchRef } from '../decide-references.ts';
import { isObjectId, typeOf } from '../objects.ts';
import type { OwnPorts } from '../ports.ts';
import { branchNeeds, openRepository, type Opened, readRepository, repositoryNeeds } from '../repository-access.ts';
import { referencesKey, REPOSITORY_REFERENCES, repositoryArn, type RepositoryDocument } from '../resources.ts';

const absentBranch = (name: string): ServiceError =>
  new ServiceError('BranchDoesNotExistException', `The branch does not exist in the repository: ${name}.`);

export function checkedBranch(name: string): string {
  if (isReferenceName(branchRef(name)) && !isObjectId(name)) return name;
  throw new ServiceError('InvalidBranchNameException', `The branch name ${JSON.stringify(name)} is not valid.`);
}

/** The tip of a branch; throws when there is no such branch. */
export function tipOf({ known }: Pick<Opened, 'known'>, branch: string): string {
  const name = branchRef(branch);
  const tip = Object.hasOwn(known.references, name) ? known.references[name] : undefined;
  if (tip === undefined) throw absentBranch(branch);
  return tip;
}

/** API calls may not change what follows another repository. */
export function refuseFollower(document: RepositoryDocument): void {
  if (!document.follow) return;
  throw new ServiceError(
    'OperationNotAllowedException',
    `The repository ${document.name} follows ${document.follow.url} and is changed there only.`,
  );
}

function refuseDeletion(document: RepositoryDocument, branch: string): void {
  refuseFollower(document);
  if (document.defaultBranch === branch) {
    throw new ServiceError(
      'DefaultBranchCannotBeDeletedException',
      `The branch ${branch} is the default branch of the repository and cannot be deleted.`,
    );
  }
  if (document.protected?.includes(branch)) {
    throw new ServiceError(
      'OperationNotAllowedException',
      `The branch ${branch} is protected by the tag slipway:protected and cannot be deleted.`,
    );
  }
}

/** `git update-ref`, which compares the old value itself. Only in the repository's turn. */
export async function updateReference(
  own: OwnPorts,
  { place }: Pick<Opened, 'place'>,
  words: readonly [name: string, after: string, before: string] | readonly ['-d', name: string, before: string],
): Promise<void> {
  const { exitCode, errors } = await own.git.run(place, ['update-ref', ...words]);
  if (exitCode === 0) return;
  if (/cannot lock ref|is at [0-9a-f]+ but expected/.test(errors)) {
    throw new ServiceError('ConcurrentReferenceUpdateException', 'Another change of the same reference came first.');
  }
  throw new BackendError('runtime', `A reference was not updated: ${errors}`);
}

export const getBranch = (own: OwnPorts): Operation<'codecommit:GetBranch'> =>
  operation('codecommit:GetBranch', {
    effect: 'read',
    needs: ({ repositoryName = '' }, context) => [
      { action: 'codecommit:GetBranch', resources: [repositoryArn(placeOf(context), repositoryName)] },
    ],
    async handle({ repositoryName, branchName }, context) {
      if (!repositoryName) throw new ServiceError('RepositoryNameRequiredException', 'A repository name is required.');
      if (!branchName) throw new ServiceError('BranchNameRequiredException', 'A branch name is required.');
      const opened = await openRepository(own, context, repositoryName);
      return { branch: { branchName, commitId: tipOf(opened, branchName) } };
    },
  });

export const listBranches = (own: OwnPorts): Operation<'codecommit:ListBranches'> =>
  operation('codecommit:ListBranches', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:ListBranches'>('codecommit:ListBranches'),
    async handle({ repositoryName }, context) {
      const { known } = await openRepository(own, context, repositoryName);
      return { branches: Object.keys(known.references).flatMap((name) => branchOf(name) ?? []) };
    },
  });

export const createBranch = (own: OwnPorts): Operation<'codecommit:CreateBranch'> =>
  operation('codecommit:CreateBranch', {
    effect: 'change',
    needs: branchNeeds<'codecommit:CreateBranch'>('codecommit:CreateBranch'),
    async handle({ repositoryName, branchName, commitId }, context) {
      const opened = await openRepository(own, context, repositoryName);
      const name = branchRef(checkedBranch(branchName));
      if (!isObjectId(commitId)) {
        throw new ServiceError('InvalidCommitIdException', `The commit ID ${commitId.slice(0, 80)} is not valid.`);
      }
      const cause = causeOf(context, 'codecommit:CreateBranch', repositoryName);
      await changeReferences(own, opened.row, cause, async ({ known, document }) => {
        refuseFollower(document);
        if (known.references[name] !== undefined) {
          throw new ServiceError('BranchNameExistsException', `The branch name ${branchName} already exists in the repository.`);
        }
        if ((await typeOf(own, opened, commitId)) !== 'commit') {
          throw new ServiceError('CommitDoesNotExistException', `The commit ${commitId} does not exist in the repository.`);
        }
        await updateReference(own, opened, [name, commitId, '0'.repeat(40)]);
      });
      return {};
    },
  });

export const deleteBranch = (own: OwnPorts): Operation<'codecommit:DeleteBranch'> =>
  operation('codecommit:DeleteBranch', {
    effect: 'change',
    needs: branchNeeds<'codecommit:DeleteBranch'>('codecommit:DeleteBranch'),
    async handle({ repositoryName, branchName }, context) {
      const opened = await openRepository(own, context, repositoryName);
      const name = branchRef(checkedBranch(branchName));
      const cause = causeOf(context, 'codecommit:DeleteBranch', repositoryName);
      const { result } = await changeReferences(own, opened.row, cause, async ({ known, document }) => {
        refuseDeletion(document, branchName);
        const commitId = known.references[name];
        if (commitId !== undefined) await updateReference(own, opened, ['-d', name, commitId]);
        return commitId;
      });
      // AWS: a branch that is not there is no fault
      return result === undefined ? {} : { deletedBranch: { branchName, commitId: result } };
    },
  });

export const updateDefaultBranch = (own: OwnPorts): Operation<'codecommit:UpdateDefaultBranch'> =>
  operation('codecommit:UpdateDefaultBranch', {
    effect: 'change',
    needs: repositoryNeeds<'codecommit:UpdateDefaultBranch'>('codecommit:UpdateDefaultBranch'),
    async handle({ repositoryName, defaultBranchName }, context) {
      const opened = await openRepository(own, context, repositoryName);
      await own.turns.take(opened.document.id, async () => {
        await commitDefault(own, context, repositoryName, defaultBranchName);
        await own.git.setHead(opened.place, defaultBranchName);
      });
      return {};
    },
  });

/** With a timer, so that HEAD follows the row also when the server dies before it is written. */
async function commitDefault(own: OwnPorts, context: OperationContext, name: string, branch: string): Promise<void> {
  await decideAndCommit(own.store, async () => {
    tipOf(await openRepository(own, context, name), branch);
    const { key, version, document, index } = await readRepository(own.store, context, name);
    if (document.defaultBranch === branch) return { result: undefined };
    const after = { ...document, defaultBranch: branch, modifiedAtMs: context.nowMs };
    const references = referencesKey(key, document.id);
    const known = await own.store.get(references);
    const changes = { defaultBranch: [document.defaultBranch ?? null, branch] } as const;
    return {
      commit: {
        expect: [
          { key, version },
          { key: references, version: known?.version ?? 0 },
        ],
        write: [{ key, document: after, index: { ...index, modifiedAtMs: context.nowMs } }],
        timers: [{ reconciler: REPOSITORY_REFERENCES, key: references, dueAtMs: context.nowMs }],
        ledger: [entryOf(context, context.operation, [repositoryArn(placeOf(context), name)], changes)],
      },
      result: undefined,
    };
  });
}
