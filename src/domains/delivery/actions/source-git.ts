import type { Commit } from '../../../contract/generated/codecommit.ts';
import type { InputOf } from '../../../contract/operations.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { WithArchive } from '../../../platform/ports/commit-archive.ts';
import { type RepositoryPlace, repositoryOf } from '../decide-sources.ts';
import { type ActionKind, failed, type Seen, type Work } from './action-kind.ts';
import { overrideOf } from './revisions.ts';

const FETCH_MS = 2_000;
const FETCH_WITHIN_MS = 10 * 60_000;

/** The files of a branch's head, or of the commit that was asked for, as a zip file; for every provider of git sources. */
export const gitSource: ActionKind = {
  calls: ['codecommit:GetBranch', 'codecommit:GetCommit'],
  async start(work) {
    const { ports, principal, origin, action, declared } = work;
    const output = action.outputs?.[0];
    const configured = repositoryOf(declared.actionTypeId.provider, work.configuration);
    const place = configured && { ...configured, branch: work.execution.branches?.[action.name] ?? configured.branch };
    if (!output || !place) return failed('ConfigurationError', `The action ${action.name} names no repository or has no output.`);
    const commitId = overrideOf(work, 'COMMIT_ID') ?? (await headOf(work, place));
    if (commitId === undefined) {
      return failed('ConfigurationError', `The branch ${place.branch} of the repository ${place.repository} has no commit.`);
    }
    const input: InputOf<'codecommit:GetCommit'> & WithArchive = {
      repositoryName: place.repository,
      commitId,
      Archive: { bucket: output.bucket, key: output.key },
    };
    try {
      const { commit } = await ports.calls.call(principal, origin, 'codecommit:GetCommit', input);
      return seenOf(work, place, commit, commitId, output.name);
    } catch (error) {
      if (isToCome(work, error)) return { seen: 'told', changes: { againAtMs: ports.clock.now() + FETCH_MS } };
      throw error;
    }
  },
};

/** A webhook may tell of a commit before the repository that follows the other host has fetched it. */
const isToCome = ({ execution, action, ports }: Work, error: unknown): boolean =>
  error instanceof ServiceError &&
  /^Commit(?:Id)?DoesNotExistException$/.test(error.code) &&
  execution.trigger.type === 'Webhook' &&
  ports.clock.now() < action.startedAtMs + FETCH_WITHIN_MS;

async function headOf({ ports, principal, origin }: Work, { repository, branch }: RepositoryPlace): Promise<string | undefined> {
  const input = { repositoryName: repository, branchName: branch };
  const { branch: found } = await ports.calls.call(principal, origin, 'codecommit:GetBranch', input);
  return found?.commitId;
}

function seenOf(work: Work, place: RepositoryPlace, commit: Commit, commitId: string, artifact: string): Seen {
  const message = (commit.message ?? '').trimEnd();
  const { configuration, declared } = work;
  const common = {
    CommitId: commitId,
    BranchName: place.branch,
    CommitMessage: message,
    AuthorDate: isoOf(commit.author?.date),
  };
  const isConnection = declared.actionTypeId.provider === 'CodeStarSourceConnection';
  const special: Record<string, string> = isConnection
    ? {
        ConnectionArn: configuration['ConnectionArn'] ?? '',
        FullRepositoryName: configuration['FullRepositoryId'] ?? '',
        AuthorEmail: commit.author?.email ?? '',
        AuthorDisplayName: commit.author?.name ?? '',
      }
    : { RepositoryName: place.repository, CommitterDate: isoOf(commit.committer?.date) };
  return {
    seen: 'succeeded',
    changes: {
      externalExecutionId: commitId,
      summary: message,
      revision: { name: artifact, revisionId: commitId, revisionSummary: message },
      outputVariables: { ...common, ...special },
    },
  };
}

/** Dates of git are "seconds zone"; others are left as they are. */
function isoOf(date: string | undefined): string {
  const seconds = /^(\d+)(?: [+-]\d{4})?$/.exec(date ?? '')?.[1];
  return seconds === undefined ? (date ?? '') : `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}
