import type { InputOf } from '../../../contract/operations.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { causeOf, changeReferences, openSettled } from '../change-references.ts';
import { branchRef } from '../decide-references.ts';
import { readCommit, resolveCommit } from '../objects.ts';
import type { OwnPorts } from '../ports.ts';
import { type Opened, repositoryNeeds } from '../repository-access.ts';
import { repositoryArn } from '../resources.ts';
import { refuseFollower, tipOf, updateReference } from './branches.ts';

async function mergeBase(own: OwnPorts, { place }: Opened, one: string, other: string): Promise<string | undefined> {
  const { exitCode, output } = await own.git.run(place, ['merge-base', one, other]);
  return exitCode === 0 ? output.toString('utf8').trim() : undefined;
}

export const getMergeCommit = (own: OwnPorts): Operation<'codecommit:GetMergeCommit'> =>
  operation('codecommit:GetMergeCommit', {
    effect: 'read',
    needs: repositoryNeeds<'codecommit:GetMergeCommit'>('codecommit:GetMergeCommit'),
    async handle(input, context) {
      const opened = await openSettled(own, context, input.repositoryName);
      const sourceCommitId = await resolveCommit(own, opened, input.sourceCommitSpecifier);
      const destinationCommitId = await resolveCommit(own, opened, input.destinationCommitSpecifier);
      const baseCommitId = await mergeBase(own, opened, sourceCommitId, destinationCommitId);
      // fast-forwarded: the destination is the merge itself
      const mergedCommitId = baseCommitId === sourceCommitId ? destinationCommitId : undefined;
      return {
        sourceCommitId,
        destinationCommitId,
        ...(baseCommitId !== undefined && { baseCommitId }),
        ...(mergedCommitId !== undefined && { mergedCommitId }),
      };
    },
  });

/** The branch that moves, by its short name, which the right is asked for as well. */
const targetOf = (input: InputOf<'codecommit:MergeBranchesByFastForward'>): string =>
  (input.targetBranch ?? input.destinationCommitSpecifier).replace(/^refs\/heads\//, '');

export const mergeBranchesByFastForward = (own: OwnPorts): Operation<'codecommit:MergeBranchesByFastForward'> =>
  operation('codecommit:MergeBranchesByFastForward', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'codecommit:MergeBranchesByFastForward',
        resources: [repositoryArn(placeOf(context), input.repositoryName)],
        context: { 'codecommit:References': [branchRef(targetOf(input))] },
      },
    ],
    async handle(input, context) {
      const opened = await openSettled(own, context, input.repositoryName);
      const branch = targetOf(input);
      const source = await resolveCommit(own, opened, input.sourceCommitSpecifier);
      const destination = await resolveCommit(own, opened, input.destinationCommitSpecifier);
      if ((await mergeBase(own, opened, source, destination)) !== destination) {
        throw new ServiceError(
          'ManualMergeRequiredException',
          'The pull request cannot be merged automatically into the destination branch. You must manually merge the branches and resolve any conflicts.',
        );
      }
      const cause = causeOf(context, 'codecommit:MergeBranchesByFastForward', input.repositoryName);
      await changeReferences(own, opened.row, cause, async ({ known, document }) => {
        refuseFollower(document);
        const tip = tipOf({ known }, branch);
        if (tip !== destination) {
          throw new ServiceError(
            'ConcurrentReferenceUpdateException',
            `The branch ${branch} is at ${tip}, not at ${destination}.`,
          );
        }
        if (source !== tip) await updateReference(own, opened, [branchRef(branch), source, tip]);
      });
      return { commitId: source, treeId: (await readCommit(own, opened, source))?.treeId ?? '' };
    },
  });
