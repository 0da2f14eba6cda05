import { OWN_LINE } from '../../platform/log-streams.ts';
import type { WorkInput, WorkSpec } from '../../platform/ports/work.ts';
import { type RuntimeKind, runtimeKind } from './decide-config.ts';
import type { EnvironmentDocument, FunctionConfig } from './resources.ts';

/** The process of one environment. Pure. */

const TASK_ROOT = '/var/task';
const RUNTIME_ROOT = '/var/runtime';
/** Nothing lives for ever: code that spins on while no server minds it ends with this. Environments are replaced long before. */
const LIFETIME_SECONDS = 3 * 3600;
export const REPLACE_AFTER_MS = 2 * 3600 * 1000;
/** Lambda gives a whole processor from here on. */
const MIB_PER_CPU = 1769;

const COMMANDS: Readonly<Record<RuntimeKind, readonly string[]>> = {
  python: ['python3', `${RUNTIME_ROOT}/bootstrap.py`],
  node: ['node', `${RUNTIME_ROOT}/bootstrap.mjs`],
};

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
}

export function planEnvironment(environment: EnvironmentDocument, config: FunctionConfig, facts: EnvironmentFacts): WorkSpec {
  const kind = runtimeKind(config.Runtime) ?? 'python';
  return {
    id: environment.workId,
    kind: 'service',
    hostname: 'algo-1',
    hosts: ['algo-1'],
    runtime: { name: WORK_RUNTIMES[kind] },
    image: config.Runtime,
    command: COMMANDS[kind],
    workingDirectory: TASK_ROOT,
    environment: { ...config.variables, ...ownVariables(environment, config, facts), ...facts.access },
    preamble: [`${OWN_LINE}${runtimeNote(config.Runtime, kind, facts.runtimeVersion)}`, `${OWN_LINE}{isolation}`],
    files: [],
    inputs: [
      { path: RUNTIME_ROOT, access: 'read-only', entries: [facts.bootstrap] },
      {
        path: TASK_ROOT,
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
): Record<string, string> {
  return {
    TZ: ':UTC',
    _HANDLER: config.Handler,
    LAMBDA_TASK_ROOT: TASK_ROOT,
    LAMBDA_RUNTIME_DIR: RUNTIME_ROOT,
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
