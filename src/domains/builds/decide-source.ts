import type { ProjectSource } from '../../contract/generated/codebuild.ts';
import { isGit } from './decide-settings.ts';
import type { BuildDocument, BuildSettings } from './resources.ts';

/** Where a build's sources and its buildspec are. Pure. */

type BuildspecPlace =
  | { readonly kind: 'inline'; readonly text: string }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string };

const PATH_DEFAULT = 'buildspec.yml';

/** CodeBuild takes one member for all three: an ARN of S3, a path in the source, or the text itself. */
export function buildspecPlace(buildspec: string | undefined): BuildspecPlace {
  if (buildspec === undefined || buildspec.trim() === '') return { kind: 'path', path: PATH_DEFAULT };
  const [, bucket, key] = /^arn:aws[a-z-]*:s3:::([^/\s]+)\/(\S+)$/.exec(buildspec.trim()) ?? [];
  if (bucket !== undefined && key !== undefined) return { kind: 's3', bucket, key };
  return /[\n{]|:\s/.test(buildspec) ? { kind: 'inline', text: buildspec } : { kind: 'path', path: buildspec.trim() };
}

/** The version of a secondary source, by its identifier. */
export const versionOf = (settings: BuildSettings, source: ProjectSource): string | undefined =>
  source.sourceIdentifier === undefined
    ? settings.sourceVersion
    : settings.secondarySourceVersions.find(({ sourceIdentifier }) => sourceIdentifier === source.sourceIdentifier)
        ?.sourceVersion;

/** Folder of a source below the sources' root. */
export const sourceFolder = (source: Pick<ProjectSource, 'sourceIdentifier'>): string =>
  source.sourceIdentifier === undefined ? 'src' : `src-${source.sourceIdentifier}`;

export const sourcesOf = ({ settings }: BuildDocument): readonly ProjectSource[] => [
  settings.source,
  ...settings.secondarySources,
];

/** `refs/heads/main^{<commit id>}`, as of tags and pull requests: the commit is what is meant. */
const REFERENCE_AND_COMMIT = /^refs\/.+\^\{([0-9a-f]{40})\}$/;
/** A pull request of GitHub by its number. */
const PULL_REQUEST = /^pr\/(\d+)$/;

/** What git is to do; undefined for other sources. */
export function gitOf(settings: BuildSettings, source: ProjectSource) {
  if (!isGit(source)) return undefined;
  const version = versionOf(settings, source);
  return {
    url: source.location ?? '',
    ...(version !== undefined &&
      version !== '' && { version: version.replace(REFERENCE_AND_COMMIT, '$1').replace(PULL_REQUEST, 'refs/pull/$1/head') }),
    ...(source.gitCloneDepth !== undefined && source.gitCloneDepth > 0 && { depth: source.gitCloneDepth }),
    ...(source.gitSubmodulesConfig?.fetchSubmodules === true && { submodules: true }),
    ...(source.insecureSsl === true && { insecure: true }),
  };
}
