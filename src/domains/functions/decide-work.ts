import { OWN_LINE } from '../../platform/log-streams.ts';
import type { WorkInput, WorkSpec } from '../../platform/ports/work.ts';
import { type RuntimeKind, runtimeKind } from './decide-config.ts';
import type { EnvironmentDocument, FunctionConfig } from './resources.ts';

/** The process of one environment. Pure. */

interface Roots {
  readonly task: string;
  readonly runtime: string;
}
const LAMBDA_ROOTS: Roots = { task: '/var/task', runtime: '/var/runtime' };
/** Without isolation there are only the folders of `/opt/ml`, and where those are the process is told in SAGEMAKER_BASE_DIR. */
const PLAIN_ROOTS: Roots = { task: '/opt/ml/task', runtime: '/opt/ml/runtime' };
/** Nothing lives for ever: code that spins on while no server minds it ends with this. Environments are replaced long before. */
const LIFETIME_SECONDS = 3 * 3600;
export const REPLACE_AFTER_MS = 2 * 3600 * 1000;
/** Lambda gives a whole processor from here on. */
const MIB_PER_CPU = 1769;

const BOOTSTRAPS: Readonly<Record<RuntimeKind, readonly [program: string, file: string]>> = {
  python: ['python3', 'bootstrap.py'],
  node: ['node', 'bootstrap.mjs'],
};

function commandOf(kind: RuntimeKind, isolated: boolean): string[] {
  const [program, file] = BOOTSTRAPS[kind];
  if (isolated) return [program, `${LAMBDA_ROOTS.runtime}/${file}`];
  const roots = 'LAMBDA_TASK_ROOT="$SAGEMAKER_BASE_DIR/task" LAMBDA_RUNTIME_DIR="$SAGEMAKER_BASE_DIR/runtime"';
  return ['/bin/sh', '-c', `export ${roots}; exec ${program} "$LAMBDA_RUNTIME_DIR/${file}"`];
}

/** The environments that `WorkBackend`s know: jobs' Python (boto3 is in it), and the server's own Node. */
const WORK_RUNTIMES: Readonly<Record<RuntimeKind, string>> = { python: 'ml', node: 'node' };

export interface EnvironmentFacts {
  readonly region: string;
  readonly logFile: string;
  readonly bootstrap: WorkInput['entries'][number];
  /** Endpoint URLs and credentials for code that calls AWS. */
  readonly access: Readonly<Record<string, string>>;
  /** e.g. `3.11.7`. */
  readonly runtimeVersion: string;
  readonly isolated: boolean;
}

export function planEnvironment(environment: EnvironmentDocument, config: FunctionConfig, facts: EnvironmentFacts): WorkSpec {
  const kind = runtimeKind(config.Runtime) ?? 'python';
  const roots = facts.isolated ? LAMBDA_ROOTS : PLAIN_ROOTS;
  return {
    id: environment.workId,
    kind: 'service',
    hostname: 'algo-1',
    hosts: ['algo-1'],
    runtime: { name: WORK_RUNTIMES[kind] },
    image: config.Runtime,
    command: commandOf(kind, facts.isolated),
    workingDirectory: '/', // the bootstrap goes to the code's folder itself
    environment: { ...config.variables, ...ownVariables(environment, config, facts, roots), ...facts.access },
    preamble: [`${OWN_LINE}${runtimeNote(config.Runtime, kind, facts.runtimeVersion)}`, `${OWN_LINE}{isolation}`],
    files: [],
    inputs: [
      { path: roots.runtime, access: 'read-only', entries: [facts.bootstrap] },
      {
        path: roots.task,
        access: 'read-only',
        entries: [{ relativePath: 'code.zip', digest: config.codeDigest, sizeBytes: config.CodeSize }],
        extract: 'zip',
      },
    ],
    outputs: [],
    limits: {
      graceSeconds: 0,
      memoryBytes: config.MemorySize * 1024 * 1024,
      cpus: Math.max(1, Math.ceil(config.MemorySize / MIB_PER_CPU)),
      maxRuntimeSeconds: LIFETIME_SECONDS,
    },
    network: 'host',
    logFile: facts.logFile,
  };
}

const PROGRAMS: Readonly<Record<RuntimeKind, string>> = { python: 'Python', node: 'Node' };

const runtimeNote = (asked: string, kind: RuntimeKind, version: string): string =>
  `${asked} asked for, ${PROGRAMS[kind]} ${version} runs`;

function ownVariables(
  environment: EnvironmentDocument,
  config: FunctionConfig,
  { region }: EnvironmentFacts,
  roots: Roots,
): Record<string, string> {
  return {
    TZ: ':UTC',
    _HANDLER: config.Handler,
    LAMBDA_TASK_ROOT: roots.task,
    LAMBDA_RUNTIME_DIR: roots.runtime,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${config.Runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: environment.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: environment.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(config.MemorySize),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: environment.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: environment.logStream,
    PYTHONUNBUFFERED: '1',
  };
}
