import { RE2JS } from 're2js';
import type { ActionDeclaration, GitPushFilter, PipelineDeclaration } from '../../contract/generated/codepipeline.ts';

/** Which changes of the world start a pipeline. Pure. */

export interface RepositoryPlace {
  readonly repository: string;
  readonly branch: string;
}

/** The repository here that a git source takes its files from; those of other hosts are followed by one of the same name here. */
export function repositoryOf(provider: string, configuration: Readonly<Record<string, string>>): RepositoryPlace | undefined {
  const { RepositoryName, BranchName, FullRepositoryId, Repo, Branch } = configuration;
  if (provider === 'CodeCommit') return placeOf(RepositoryName, BranchName);
  if (provider === 'CodeStarSourceConnection') return placeOf(FullRepositoryId?.split('/').at(-1), BranchName);
  if (provider === 'GitHub') return placeOf(Repo, Branch);
  return undefined;
}

const placeOf = (repository: string | undefined, branch: string | undefined): RepositoryPlace | undefined =>
  repository !== undefined && branch !== undefined ? { repository, branch } : undefined;

/** A source that is watched for a pipeline. */
export type Watched = { stage: string; action: string } & (
  | { kind: 'git'; repository: string; branch: string; push?: GitPushFilter[] }
  | { kind: 's3'; bucket: string; objectKey: string }
);

/** What of a pipeline's sources starts it by itself. */
export function watchedSources(pipeline: PipelineDeclaration): Watched[] {
  const stage = pipeline.stages[0];
  return (stage?.actions ?? []).flatMap((action) => watchedSource(pipeline, stage?.name ?? '', action) ?? []);
}

function watchedSource(pipeline: PipelineDeclaration, stage: string, action: ActionDeclaration): Watched | undefined {
  const { configuration = {}, name } = action;
  const { provider } = action.actionTypeId;
  const trigger = pipeline.triggers?.find(({ gitConfiguration }) => gitConfiguration.sourceActionName === name);
  if (!trigger && (configuration['PollForSourceChanges'] === 'false' || configuration['DetectChanges'] === 'false'))
    return undefined;
  if (provider === 'S3') {
    const { S3Bucket: bucket, S3ObjectKey: objectKey } = configuration;
    return bucket === undefined || objectKey === undefined ? undefined : { stage, action: name, kind: 's3', bucket, objectKey };
  }
  const place = repositoryOf(provider, configuration);
  if (!place) return undefined;
  const push = trigger?.gitConfiguration.push;
  return { stage, action: name, kind: 'git', ...place, ...(push && { push }) };
}

/**
 * Whether a path, branch or tag is meant by a glob: `*` is anything but a slash, `**` anything, `?` one character, `{a,b}` either; as the
 * user guide describes the patterns of triggers. Whoever writes one must not hold up the server: it is matched in linear time.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let source = '';
  let depth = 0;
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? '';
    if (char === '*' && pattern[at + 1] === '*') {
      // `**/` is also no folder at all
      const slash = pattern[at + 2] === '/';
      source += slash ? '(?:.*/)?' : '.*';
      at += slash ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '{') {
      depth += 1;
      source += '(?:';
    } else if (char === '}' && depth > 0) {
      depth -= 1;
      source += ')';
    } else if (char === ',' && depth > 0) source += '|';
    else source += char.replace(/[.+^$()|[\]\\{}]/, '\\$&');
  }
  return depth === 0 && RE2JS.compile(source, RE2JS.DOTALL).matches(text);
}

interface Criteria {
  readonly includes?: readonly string[];
  readonly excludes?: readonly string[];
}

/** Excludes win over includes; without includes everything is meant. */
const isMeant = ({ includes, excludes = [] }: Criteria, text: string): boolean =>
  !excludes.some((pattern) => matchesGlob(pattern, text)) &&
  (!includes || includes.some((pattern) => matchesGlob(pattern, text)));

export const isBranchMeant = (push: readonly GitPushFilter[], branch: string): boolean =>
  push.some(({ branches }) => branches && isMeant(branches, branch));

/** Whether a push to a branch starts the pipeline; `paths` are the files that it changed. */
export const isPushMeant = (push: readonly GitPushFilter[], branch: string, paths: readonly string[]): boolean =>
  push.some(
    ({ branches, filePaths }) =>
      branches && isMeant(branches, branch) && (!filePaths || paths.some((path) => isMeant(filePaths, path))),
  );

export const needsPaths = (push: readonly GitPushFilter[]): boolean => push.some(({ filePaths }) => filePaths);
