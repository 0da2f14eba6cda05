import { sagemakerConfig } from '../../platform/client-files.ts';
import { openLogStream, OWN_LINE } from '../../platform/log-streams.ts';
import { BUILD_RUNTIME, type PreparedTools } from '../../platform/ports/build-tools.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { WorkInput, WorkSpec } from '../../platform/ports/work.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { DRIVER_PATH, driverToken } from './answer-driver.ts';
import { accessOf, type BuildSession } from './build-session.ts';
import { BUILD_FOLDER, PLAIN_ROOTS, RECORDS_FILE, ROOTS } from './decide-plan.ts';
import { buildspecPlace, gitOf, sourceFolder, sourcesOf } from './decide-source.ts';
import type { BuildsPorts } from './ports.ts';
import type { BuildDocument, CacheDocument } from './resources.ts';

const GRACE_SECONDS = 5;
export const CACHE_FILE = 'cache.tar.gz';
const CACHE_FOLDER = `${BUILD_FOLDER}/restored`;

export const logStreamOf = ({ account, region }: ResourceKey, { settings: { logs } }: BuildDocument): LogStreamName => ({
  account,
  region,
  group: logs.group,
  stream: logs.stream,
});

/** The SageMaker SDK of Python would ask a fixed STS host for the default bucket. */
const SAGEMAKER_CONFIG = `${BUILD_FOLDER}/sagemaker.yaml`;

/** The whole work of a build: its driver, sources in place, and where it is to leave what it makes. */
export async function specifyBuild(
  ports: BuildsPorts,
  key: ResourceKey,
  build: BuildDocument,
  session: BuildSession,
  tools: PreparedTools,
  cache: CacheDocument | undefined,
): Promise<WorkSpec> {
  const { computeType, image } = build.settings.environment;
  const limits = ports.instanceLimits(INSTANCES[computeType] ?? computeType);
  const roots = ports.settings.sandbox === 'plain' ? PLAIN_ROOTS : ROOTS;
  return {
    id: build.workId,
    kind: 'job',
    hostname: 'build',
    hosts: ['build'],
    runtime: { name: BUILD_RUNTIME },
    image,
    command: ['slipway-build'],
    workingDirectory: BUILD_FOLDER,
    environment: {
      ...(await ports.credentials.environment(accessOf(key, build))),
      SAGEMAKER_USER_CONFIG_OVERRIDE: SAGEMAKER_CONFIG,
    },
    files: [
      { path: `${BUILD_FOLDER}/start.json`, text: JSON.stringify(startOf(ports, key, build, cache)) },
      { path: SAGEMAKER_CONFIG, text: sagemakerConfig(`sagemaker-${key.region}-${key.account}`) },
    ],
    inputs: [...sourceInputs(build, roots.sources), ...(cache ? [cacheInput(cache)] : [])],
    outputs: ['artifacts', 'reports', 'cache'].map((name) => ({ name, path: `${BUILD_FOLDER}/${name}` })),
    limits: {
      maxRuntimeSeconds: build.settings.timeoutInMinutes * 60,
      graceSeconds: GRACE_SECONDS,
      memoryBytes: limits.memoryMiB * 1024 * 1024,
      cpus: limits.cpus,
    },
    network: 'host',
    logFile: await logFileOf(ports, key, build, session),
    preamble: [
      `${OWN_LINE}${image} stands for the tools of this machine: ${inWords(tools.versions)}`,
      ...(tools.problem === undefined ? [] : [`${OWN_LINE}the AWS CLI is missing: ${tools.problem}`]),
      `${OWN_LINE}{isolation}`,
    ],
  };
}

/** What SageMaker calls machines of the size. */
const INSTANCES: Readonly<Record<string, string>> = {
  BUILD_GENERAL1_SMALL: 'ml.c5.large',
  BUILD_GENERAL1_MEDIUM: 'ml.c5.xlarge',
  BUILD_GENERAL1_LARGE: 'ml.c5.2xlarge',
  BUILD_GENERAL1_XLARGE: 'ml.c5.9xlarge',
  BUILD_GENERAL1_2XLARGE: 'ml.c5.18xlarge',
};

const inWords = (versions: Readonly<Record<string, string>>): string =>
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');

async function logFileOf(ports: BuildsPorts, key: ResourceKey, build: BuildDocument, session: BuildSession): Promise<string> {
  const stream = logStreamOf(key, build);
  // switched off there is a file that no stream shows
  if (!build.settings.logs.enabled) return ports.logFiles.path(stream);
  return openLogStream(ports, session.principal, session.origin, stream);
}

/** What is left of a build that has ended, but for its row: its files, and a log that no stream shows. Repeatable. */
export async function releaseFiles(
  ports: Pick<BuildsPorts, 'backend' | 'logFiles'>,
  key: ResourceKey,
  build: BuildDocument,
): Promise<void> {
  await ports.backend.release(build.workId);
  if (!build.settings.logs.enabled) await ports.logFiles.remove(logStreamOf(key, build));
}

/** Read by runtimes/build/driver/__main__.py. */
function startOf(ports: BuildsPorts, key: ResourceKey, build: BuildDocument, cache: CacheDocument | undefined) {
  const roots = ports.settings.sandbox === 'plain' ? PLAIN_ROOTS : ROOTS;
  const server = new URL(ports.serverUrl());
  const place = buildspecPlace(build.settings.source.buildspec);
  return {
    server: {
      host: server.hostname,
      port: Number(server.port),
      path: `${DRIVER_PATH}${build.workId}`,
      token: driverToken(ports, key),
    },
    records: RECORDS_FILE,
    sources: sourcesOf(build).map((source) => ({
      identifier: source.sourceIdentifier ?? null,
      directory: `${roots.sources}/${sourceFolder(source)}`,
      git: gitOf(build.settings, source) ?? null,
    })),
    git: { insteadOf: { [`https://git-codecommit.${key.region}.amazonaws.com/v1/repos/`]: `${server.origin}/_slipway/git/` } },
    buildspecPath: place.kind === 'path' ? place.path : null,
    cacheArchive: cache ? `${CACHE_FOLDER}/${CACHE_FILE}` : null,
  };
}

const cacheInput = ({ digest, sizeBytes }: CacheDocument): WorkInput => ({
  path: CACHE_FOLDER,
  access: 'read-only',
  entries: [{ relativePath: CACHE_FILE, digest, sizeBytes }],
});

function sourceInputs(build: BuildDocument, root: string): WorkInput[] {
  return sourcesOf(build).map((source, at): WorkInput => {
    const pinned = build.sources?.[at];
    const path = `${root}/${sourceFolder(source)}`;
    const entries = pinned?.entries ?? [];
    return { path, access: 'writable', entries, ...(pinned?.form === 'zip' && { extract: 'zip' as const }) };
  });
}
