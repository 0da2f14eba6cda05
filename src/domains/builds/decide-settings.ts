import type {
  EnvironmentVariable,
  Project,
  ProjectArtifacts,
  ProjectEnvironment,
  ProjectSource,
  StartBuildInput,
} from '../../contract/generated/codebuild.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import type { WithPipelineOrigin } from '../../platform/ports/build-origin.ts';
import type { BuildSettings } from './resources.ts';

/** A project with what the start of a build overrides. Pure. */

export const TIMEOUT_MINUTES_DEFAULT = 60;
export const QUEUED_MINUTES_DEFAULT = 480;

const refused = (message: string): Rejection => ({ code: 'InvalidInputException', message });

export function decideSettings(
  project: Project,
  input: StartBuildInput & WithPipelineOrigin,
  uuid: string,
): BuildSettings | Rejection {
  const source = primarySource(project, input);
  const secondarySources = input.secondarySourcesOverride ?? project.secondarySources ?? [];
  const origin = input.PipelineOrigin;
  const byPipeline = origin !== undefined;
  if (source.type === 'CODEPIPELINE' && !byPipeline) {
    return refused('Build type is CODEPIPELINE: such a project is started by a pipeline only, or with sourceTypeOverride.');
  }
  const sourceVersion = input.sourceVersion ?? project.sourceVersion;
  const versions = input.secondarySourcesVersionOverride ?? project.secondarySourceVersions ?? [];
  return {
    source,
    secondarySources: byPipeline
      ? origin.inputs.slice(1).map(({ name }) => ({ type: 'CODEPIPELINE' as const, sourceIdentifier: name }))
      : secondarySources,
    ...(sourceVersion !== undefined && { sourceVersion }),
    secondarySourceVersions: versions,
    ...artifactsOf(project, input),
    cache: input.cacheOverride ?? project.cache ?? { type: 'NO_CACHE' },
    environment: environmentOf(project, input),
    serviceRole: input.serviceRoleOverride ?? project.serviceRole ?? '',
    timeoutInMinutes: input.timeoutInMinutesOverride ?? project.timeoutInMinutes ?? TIMEOUT_MINUTES_DEFAULT,
    queuedTimeoutInMinutes: input.queuedTimeoutInMinutesOverride ?? project.queuedTimeoutInMinutes ?? QUEUED_MINUTES_DEFAULT,
    encryptionKey: input.encryptionKeyOverride ?? project.encryptionKey ?? '',
    logs: logsOf(project, input, uuid),
  };
}

function primarySource(project: Project, input: StartBuildInput & WithPipelineOrigin): ProjectSource {
  const base: ProjectSource = project.source ?? { type: 'NO_SOURCE' };
  const overrides: Partial<ProjectSource> = {
    ...(input.sourceTypeOverride && { type: input.sourceTypeOverride }),
    ...(input.sourceLocationOverride !== undefined && { location: input.sourceLocationOverride }),
    ...(input.gitCloneDepthOverride !== undefined && { gitCloneDepth: input.gitCloneDepthOverride }),
    ...(input.gitSubmodulesConfigOverride && { gitSubmodulesConfig: input.gitSubmodulesConfigOverride }),
    ...(input.buildspecOverride !== undefined && { buildspec: input.buildspecOverride }),
    ...(input.insecureSslOverride !== undefined && { insecureSsl: input.insecureSslOverride }),
    ...(input.sourceAuthOverride && { auth: input.sourceAuthOverride }),
  };
  return { ...base, ...overrides, ...(input.PipelineOrigin && { type: 'CODEPIPELINE' as const }) };
}

function artifactsOf(
  project: Project,
  input: StartBuildInput & WithPipelineOrigin,
): Pick<BuildSettings, 'artifacts' | 'secondaryArtifacts'> {
  const origin = input.PipelineOrigin;
  if (!origin) {
    return {
      artifacts: input.artifactsOverride ?? project.artifacts ?? { type: 'NO_ARTIFACTS' },
      secondaryArtifacts: input.secondaryArtifactsOverride ?? project.secondaryArtifacts ?? [],
    };
  }
  const [first, ...others] = origin.outputs;
  return {
    artifacts: { type: first ? 'CODEPIPELINE' : 'NO_ARTIFACTS', packaging: 'ZIP', ...(first && { name: first.name }) },
    secondaryArtifacts: others.map(
      ({ name }): ProjectArtifacts => ({ type: 'CODEPIPELINE', packaging: 'ZIP', name, artifactIdentifier: name }),
    ),
  };
}

function environmentOf(project: Project, input: StartBuildInput): ProjectEnvironment {
  const base: ProjectEnvironment = project.environment ?? {
    type: 'LINUX_CONTAINER',
    image: 'aws/codebuild/standard:7.0',
    computeType: 'BUILD_GENERAL1_SMALL',
  };
  return {
    ...base,
    ...(input.environmentTypeOverride && { type: input.environmentTypeOverride }),
    ...(input.imageOverride !== undefined && { image: input.imageOverride }),
    ...(input.computeTypeOverride && { computeType: input.computeTypeOverride }),
    ...(input.privilegedModeOverride !== undefined && { privilegedMode: input.privilegedModeOverride }),
    environmentVariables: mergedVariables(base.environmentVariables, input.environmentVariablesOverride),
  };
}

/** An override replaces the variable of its name; new ones come last. */
export function mergedVariables(
  base: readonly EnvironmentVariable[] = [],
  overrides: readonly EnvironmentVariable[] = [],
): EnvironmentVariable[] {
  const merged = new Map(base.map((one) => [one.name, one]));
  for (const one of overrides) merged.set(one.name, one);
  return [...merged.values()];
}

function logsOf(project: Project, input: StartBuildInput, uuid: string): BuildSettings['logs'] {
  const config = (input.logsConfigOverride ?? project.logsConfig)?.cloudWatchLogs;
  const prefix = config?.streamName ? `${config.streamName}/` : '';
  return {
    enabled: config?.status !== 'DISABLED',
    group: config?.groupName ?? `/aws/codebuild/${project.name ?? ''}`,
    stream: `${prefix}${uuid}`,
  };
}

const SECONDARY_MAX = 12;
const GIT_TYPES = ['CODECOMMIT', 'GITHUB', 'GITHUB_ENTERPRISE', 'GITLAB', 'GITLAB_SELF_MANAGED', 'BITBUCKET'];

export const isGit = ({ type }: Pick<ProjectSource, 'type'>): boolean => GIT_TYPES.includes(type);

/** What CodeBuild refuses of a project, and what cannot be done here. */
export function refusedProject(project: Project): Rejection | undefined {
  const name = project.name ?? '';
  if (!/^[A-Za-z0-9][A-Za-z0-9\-_]{1,254}$/.test(name)) {
    return refused(
      'Project name must start with a letter or number and may contain letters, numbers, dashes and underscores: ' +
        `2 to 255 characters; "${name}" does not.`,
    );
  }
  return refusedDescription(project) ?? refusedPair(project);
}

/** What the start of a build makes of its project; what a delivery pipeline gives it has been checked there. */
export function refusedStart(settings: BuildSettings, input: StartBuildInput & WithPipelineOrigin): Rejection | undefined {
  if (input.PipelineOrigin) return refusedSource(settings.source, settings.environment) ?? refusedRest(settings);
  const { logsConfigOverride: logsConfig, fleetOverride: fleet, autoRetryLimitOverride: autoRetryLimit } = input;
  const environment = { ...settings.environment, ...(fleet && { fleet }) };
  return refusedDescription({
    ...settings,
    environment,
    ...(logsConfig && { logsConfig }),
    ...(autoRetryLimit !== undefined && { autoRetryLimit }),
  });
}

type Described = Readonly<
  Pick<Project, 'source' | 'artifacts' | 'environment' | 'cache' | 'logsConfig' | 'autoRetryLimit' | 'fileSystemLocations'>
> & { readonly secondarySources?: readonly ProjectSource[]; readonly secondaryArtifacts?: readonly ProjectArtifacts[] };

const refusedDescription = (described: Described): Rejection | undefined =>
  refusedSource(described.source ?? { type: 'NO_SOURCE' }, described.environment) ??
  refusedSecondary(described) ??
  refusedArtifacts(described.artifacts) ??
  refusedRest(described);

export function refusedSource(source: ProjectSource, environment: ProjectEnvironment | undefined): Rejection | undefined {
  const { type, location } = source;
  if (type !== 'NO_SOURCE' && type !== 'CODEPIPELINE' && !location) {
    return refused(`Invalid project source: location is required for the source type ${type}.`);
  }
  if (type === 'NO_SOURCE' && !source.buildspec) {
    return refused('Project source type NO_SOURCE requires a buildspec: give it inline, or as the ARN of an S3 object.');
  }
  if (type === 'S3' && !/^[^/]+\/.+/.test(bucketPath(location ?? ''))) {
    return refused(`Invalid project source: location of an S3 source must be bucket/key; found "${location}".`);
  }
  if (isGit(source) && !/^https?:\/\/[^\s]+$/.test(location ?? '')) {
    return refused(`Invalid project source: location must be a http or https URL of a git repository; found "${location}".`);
  }
  if (environment?.type?.startsWith('WINDOWS'))
    return refused(`Environment type ${environment.type} is not available here: builds run on Linux.`);
  return undefined;
}

/** `bucket/key` of what may be written as an ARN too. */
export const bucketPath = (location: string): string => location.replace(/^arn:aws[a-z-]*:s3:::/, '').replace(/^s3:\/\//, '');

function refusedSecondary(project: Described): Rejection | undefined {
  const sources = project.secondarySources ?? [];
  const artifacts = project.secondaryArtifacts ?? [];
  if (sources.length > SECONDARY_MAX || artifacts.length > SECONDARY_MAX) {
    return refused(`A project has at most ${SECONDARY_MAX} secondary sources and ${SECONDARY_MAX} secondary artifacts.`);
  }
  for (const source of sources) {
    if (!source.sourceIdentifier) return refused('Invalid secondary source: sourceIdentifier is required.');
    if (!/^[A-Za-z0-9_]{1,127}$/.test(source.sourceIdentifier)) {
      return refused(
        `Invalid secondary source: sourceIdentifier "${source.sourceIdentifier}" may hold letters, digits and _ only.`,
      );
    }
    const problem =
      source.type === 'NO_SOURCE' ? refused('A secondary source cannot be NO_SOURCE.') : refusedSource(source, undefined);
    if (problem) return problem;
  }
  for (const artifact of artifacts) {
    if (!artifact.artifactIdentifier) return refused('Invalid secondary artifact: artifactIdentifier is required.');
  }
  const ids = [
    ...sources.map(({ sourceIdentifier }) => `s ${sourceIdentifier}`),
    ...artifacts.map(({ artifactIdentifier }) => `a ${artifactIdentifier}`),
  ];
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  return twice === undefined ? undefined : refused(`The identifier ${twice.slice(2)} is given twice.`);
}

const refusedArtifacts = (artifacts: ProjectArtifacts | undefined): Rejection | undefined =>
  artifacts?.type === 'S3' && !artifacts.location
    ? refused('Invalid artifacts: location must be set for artifacts type S3.')
    : undefined;

const refusedPair = ({ artifacts, source }: Project): Rejection | undefined =>
  (artifacts?.type === 'CODEPIPELINE') === (source?.type === 'CODEPIPELINE')
    ? undefined
    : refused('Invalid input: source and artifacts must both be of type CODEPIPELINE, or neither.');

function refusedRest(project: Described): Rejection | undefined {
  const names = (project.environment?.environmentVariables ?? []).map(({ name }) => name);
  const bad = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (bad !== undefined) return refused(`Invalid environment variable name: "${bad}".`);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) return refused(`Environment variable ${twice} is given twice.`);
  if (project.cache?.type === 'S3' && !project.cache.location)
    return refused('Invalid cache: location is required for the type S3.');
  if ((project.fileSystemLocations ?? []).length > 0) return refused('fileSystemLocations (EFS) are not available here.');
  if (project.logsConfig?.s3Logs?.status === 'ENABLED') {
    return refused(
      'Logs in S3 (s3Logs) are not implemented: builds are logged in CloudWatch Logs. Set their status to DISABLED.',
    );
  }
  if (project.environment?.fleet) return refused('Fleets are not implemented: builds run on this machine. Leave fleet out.');
  if ((project.autoRetryLimit ?? 0) > 0) {
    return refused('autoRetryLimit is not implemented: leave it out, and start a build that failed again with RetryBuild.');
  }
  return undefined;
}
