import type { EventInput } from '../../platform/events/event.ts';
import type { GitReference } from '../../platform/ports/git.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import { type ReferencesDocument, repositoryArn } from './resources.ts';

/** What became of one reference; null: it was not there, or is no more. */
export interface ReferenceChange {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
  /** Commits where the objects are annotated tags. */
  readonly commitBefore: string | null;
  readonly commitAfter: string | null;
}

/** The differences between what is recorded and what is on the disk, in order of names. */
export function decideChanges(known: ReferencesDocument, found: readonly GitReference[]): ReferenceChange[] {
  const present = new Map(found.map((one) => [one.name, one]));
  const names = [...new Set([...Object.keys(known.references), ...present.keys()])].sort();
  return names.flatMap((name) => {
    const before = known.references[name] ?? null;
    const now = present.get(name);
    const after = now?.id ?? null;
    if (before === after) return [];
    return [{ name, before, after, commitBefore: known.peeled[name] ?? before, commitAfter: now?.peeled ?? after }];
  });
}

const BRANCH = 'refs/heads/';
const TAG = 'refs/tags/';
export const branchRef = (branch: string): string => `${BRANCH}${branch}`;
export const branchOf = (reference: string): string | undefined =>
  reference.startsWith(BRANCH) ? reference.slice(BRANCH.length) : undefined;

/**
 * The default branch, where HEAD points. One that is not there, since there was none yet or a remote that is followed renamed it, becomes `main`
 * or `master` if they are, else the first by name.
 */
export function decideDefaultBranch(present: string | undefined, found: readonly GitReference[]): string | undefined {
  const branches = found.flatMap(({ name }) => branchOf(name) ?? []);
  if (present !== undefined && branches.includes(present)) return present;
  return ['main', 'master'].find((name) => branches.includes(name)) ?? branches[0] ?? present;
}

/** As `aws.codecommit` tells it; notes and other references are no news at AWS. */
export function eventsOf(
  changes: readonly ReferenceChange[],
  place: Place,
  repository: { readonly name: string; readonly id: string },
  by: { readonly callerArn: string; readonly timeMs: number },
): EventInput[] {
  return changes.flatMap((change) => {
    const type = change.name.startsWith(BRANCH) ? 'branch' : change.name.startsWith(TAG) ? 'tag' : undefined;
    if (type === undefined) return [];
    const kind = change.before === null ? 'Created' : change.after === null ? 'Deleted' : 'Updated';
    return [
      {
        source: 'aws.codecommit',
        detailType: 'CodeCommit Repository State Change',
        account: place.account,
        region: place.region,
        timeMs: by.timeMs,
        resources: [repositoryArn(place, repository.name)],
        detail: {
          event: `reference${kind}`,
          repositoryName: repository.name,
          repositoryId: repository.id,
          referenceType: type,
          referenceName: change.name.slice((type === 'branch' ? BRANCH : TAG).length),
          referenceFullName: change.name,
          ...(change.commitAfter !== null && { commitId: change.commitAfter }),
          ...(change.commitBefore !== null && { oldCommitId: change.commitBefore }),
          callerUserArn: by.callerArn,
        },
      },
    ];
  });
}

/** The row's references after the changes. */
export function recorded(found: readonly GitReference[]): Pick<ReferencesDocument, 'references' | 'peeled'> {
  const references: { [name: string]: string } = {};
  const peeled: { [name: string]: string } = {};
  for (const one of found) {
    references[one.name] = one.id;
    if (one.peeled !== undefined) peeled[one.name] = one.peeled;
  }
  return { references, peeled };
}
