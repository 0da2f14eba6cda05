import type { ProjectArtifacts } from '../../contract/generated/codebuild.ts';
import type { ArtifactPlace } from '../../platform/ports/build-origin.ts';
import { type ArtifactSpec, type Buildspec, type BuildspecPhase, PHASE_KEYS } from './decide-buildspec.ts';
import { bucketPath } from './decide-settings.ts';
import type { BuildDocument, BuildKeeps, KeptArtifact } from './resources.ts';

/** What a build's driver is told once its buildspec is read (runtimes/build/driver). Pure. */

/** Where the sandbox shows a build's folders. */
interface BuildRoots {
  readonly sources: string;
}
export const ROOTS: BuildRoots = { sources: '/codebuild/output/src' };
/** Without isolation there are only the folders of `/opt/ml`. */
export const PLAIN_ROOTS: BuildRoots = { sources: '/opt/ml/codebuild/src' };

export const BUILD_FOLDER = '/opt/ml/build';
export const RECORDS_FILE = `${BUILD_FOLDER}/records.jsonl`;

export interface DriverPlan {
  readonly version: '0.1' | '0.2';
  readonly shell: 'bash' | 'sh';
  readonly environment: Readonly<Record<string, string>>;
  /** Values that the log must not show. */
  readonly masks: readonly string[];
  readonly notes: readonly string[];
  readonly exported: readonly string[];
  readonly phases: readonly (BuildspecPhase & { readonly name: string })[];
  readonly artifacts: readonly DriverArtifact[];
  readonly reports: BuildKeeps['reports'];
  readonly cache: readonly string[];
}

type DriverArtifact = Omit<ArtifactSpec, 'name' | 's3Prefix'> & {
  readonly place: string;
  readonly zip: boolean;
  readonly name?: string;
};

export interface ResolvedVariables {
  readonly environment: Readonly<Record<string, string>>;
  readonly masks: readonly string[];
  /** Names of those that hold parameters and secrets. */
  readonly secret: readonly string[];
}

export function planDriver(
  build: BuildDocument,
  spec: Buildspec,
  variables: ResolvedVariables,
  keeps: BuildKeeps,
  versions: Readonly<Record<string, string>>,
): DriverPlan {
  const { secret, ...values } = variables;
  const exported = spec.exported.filter((name) => !secret.includes(name) && !name.startsWith('AWS_'));
  return {
    version: spec.version,
    shell: spec.shell ?? (/amazonlinux|al2/.test(build.settings.environment.image) ? 'bash' : 'sh'),
    ...values,
    notes: [
      ...spec.notes.map((note) => `buildspec: ${note}`),
      ...spec.exported.filter((name) => !exported.includes(name)).map(unexportedNote),
      ...runtimeNotes(spec.runtimeVersions, versions),
    ],
    exported,
    phases: PHASE_KEYS.map((key) => ({ name: key.toUpperCase(), ...spec.phases[key] })),
    artifacts: keeps.artifacts.map(({ place, spec: { name, s3Prefix: _prefix, ...artifact }, zip, overrideName }) => ({
      ...artifact,
      place,
      zip,
      ...(overrideName && name !== undefined && { name }),
    })),
    reports: keeps.reports,
    cache: keeps.cache ? spec.cachePaths : [],
  };
}

/** CodeBuild exports neither (User Guide, "Build specification reference"): what is exported is shown to whoever may see the build. */
const unexportedNote = (name: string): string =>
  `buildspec: env.exported-variables: ${name} ${name.startsWith('AWS_') ? 'begins with AWS_' : 'holds a secret'} and is not exported`;

/** What the project and the buildspec together say to keep; a project's artifact that the buildspec does not describe is a problem. */
export function decideKeeps(build: BuildDocument, spec: Buildspec): BuildKeeps | { readonly problem: string } {
  const { settings, input } = build;
  const outputs = input.PipelineOrigin?.outputs ?? [];
  const artifacts: KeptArtifact[] = [];
  if (settings.artifacts.type !== 'NO_ARTIFACTS' && spec.artifacts) {
    artifacts.push(keptArtifact(build, settings.artifacts, spec.artifacts, '0', outputs[0]));
  }
  for (const [at, artifact] of settings.secondaryArtifacts.entries()) {
    const id = artifact.artifactIdentifier ?? '';
    // the outputs of a pipeline are all secondary ones where the buildspec has no primary artifact of that name
    const described = spec.secondaryArtifacts[id];
    if (!described)
      return { problem: `artifacts.secondary-artifacts.${id}: is missing, but the build is to give an artifact of that name.` };
    artifacts.push(keptArtifact(build, artifact, described, String(at + 1), outputs[at + 1]));
  }
  const first = outputs[0];
  if (first && !spec.artifacts) {
    const described = spec.secondaryArtifacts[first.name];
    if (!described) return { problem: 'artifacts.files: is missing, but the build is to give an artifact to its pipeline.' };
    artifacts.unshift(keptArtifact(build, settings.artifacts, described, '0', first));
  }
  return { artifacts, reports: spec.reports, cache: settings.cache.type !== 'NO_CACHE' && spec.cachePaths.length > 0 };
}

function keptArtifact(
  { id, projectName }: BuildDocument,
  artifact: ProjectArtifacts,
  spec: ArtifactSpec,
  place: string,
  exact: ArtifactPlace | undefined,
): KeptArtifact {
  const common = { place, spec, ...(artifact.artifactIdentifier !== undefined && { identifier: artifact.artifactIdentifier }) };
  if (exact) return { ...common, zip: true, bucket: exact.bucket, prefix: '', name: exact.key, overrideName: false, exact: true };
  const [bucket = '', ...rest] = bucketPath(artifact.location ?? '').split('/');
  const uuid = id.slice(id.indexOf(':') + 1);
  const folders = [...rest, artifact.path, artifact.namespaceType === 'BUILD_ID' ? uuid : undefined, spec.s3Prefix];
  return {
    ...common,
    zip: artifact.packaging === 'ZIP',
    bucket,
    prefix: folders.flatMap((folder) => folder?.split('/').filter((part) => part !== '') ?? []).join('/'),
    // `/` stands for the folder itself
    name: artifact.name ?? artifact.artifactIdentifier ?? projectName,
    overrideName: artifact.overrideArtifactName === true,
    exact: false,
  };
}

/** Key of the zip file or of the folder in the bucket. */
export function artifactKey({ prefix, name, overrideName, exact, zip }: KeptArtifact, given: string | undefined): string {
  if (exact) return name;
  const last = (overrideName ? given : undefined) ?? name;
  const parts = [prefix, ...last.split('/')].filter((part) => part !== '');
  const key = parts.join('/');
  return zip && last === '/' ? `${key}/artifact.zip`.replace(/^\//, '') : key;
}

/** There is one tool set: what was asked for is said beside what there is. */
function runtimeNotes(asked: Readonly<Record<string, string>>, present: Readonly<Record<string, string>>): string[] {
  return Object.entries(asked).map(([name, version]) => {
    const found = present[name.toLowerCase()];
    const shown = `${name} ${version === '' ? 'latest' : version}`;
    if (found === undefined) return `runtime-versions: ${shown} was asked for; this machine has no ${name} for builds`;
    return isWithinVersion(found, version)
      ? `runtime-versions: ${name} ${found}`
      : `runtime-versions: ${shown} was asked for; this machine has ${found}`;
  });
}

const isWithinVersion = (found: string, asked: string): boolean => {
  const prefix = asked.replace(/\.x$/, '');
  return asked === '' || asked === 'latest' || found === prefix || found.startsWith(`${prefix}.`);
};
