import { assumptionOf, type WorkAccess } from '../../platform/authorization/work-credentials.ts';
import { openLogStream } from '../../platform/log-streams.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { Write } from '../../platform/store/port.ts';
import { writeOf } from '../../platform/store/typed-rows.ts';
import type { Bootstraps } from './bootstraps.ts';
import { runtimeKind } from './decide-config.ts';
import { planEnvironment } from './decide-work.ts';
import type { FunctionsPorts } from './ports.ts';
import {
  ENVIRONMENT_RECONCILER,
  type EnvironmentDocument,
  environmentKey,
  type FunctionConfig,
  functionArn,
} from './resources.ts';
import type { Runnable } from './runnable.ts';

export interface NewEnvironment {
  readonly key: ResourceKey;
  readonly document: EnvironmentDocument;
}

/** An environment that is to be: nothing of it is there yet. */
export function nameEnvironment({ ids, clock }: FunctionsPorts, runnable: Runnable): NewEnvironment {
  const nowMs = clock.now();
  const id = Buffer.from(ids.bytes(16)).toString('hex');
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '/');
  return {
    key: environmentKey(runnable.key, id),
    document: {
      functionName: runnable.name,
      version: runnable.version,
      fingerprint: runnable.fingerprint,
      workId: `function-${id}`,
      logGroup: runnable.config.LoggingConfig.LogGroup ?? `/aws/lambda/${runnable.name}`,
      logStream: `${day}/[${runnable.version}]${id}`,
      memoryMiB: runnable.config.MemorySize,
      createdAtMs: nowMs,
    },
  };
}

export const logStreamOf = ({ key, document }: NewEnvironment): LogStreamName => ({
  account: key.account,
  region: key.region,
  group: document.logGroup,
  stream: document.logStream,
});

export const environmentWrite = (key: ResourceKey, document: EnvironmentDocument): Write =>
  writeOf(key, document, {
    parent: document.functionName,
    createdAtMs: document.createdAtMs,
    modifiedAtMs: document.createdAtMs,
  });

/** The row first: whatever happens after it, its timer leads to the process and to its end. */
export async function startEnvironment(
  ports: FunctionsPorts,
  bootstraps: Bootstraps,
  runnable: Runnable,
  environment: NewEnvironment,
  lookAtMs: number,
): Promise<void> {
  const { store, backend, workCredentials, blobs, runtimes } = ports;
  const { key, document } = environment;
  const kind = runtimeKind(runnable.config.Runtime) ?? 'python';
  const runtimeVersion = runtimes.version(kind);
  const bootstrap = await bootstraps.file(kind);
  const digests = [bootstrap.digest, runnable.config.codeDigest];
  for (const digest of digests) {
    if (!(await blobs.keep(digest))) {
      throw new BackendError('storage', 'The code of the function is gone from the store.', { retryable: true });
    }
  }
  const result = await store.commit({
    expect: [{ key, version: 0 }],
    write: [{ ...environmentWrite(key, document), blobs: digests }],
    timers: [{ reconciler: ENVIRONMENT_RECONCILER, key, dueAtMs: lookAtMs }],
  });
  if (result.outcome !== 'done') {
    throw new BackendError('storage', `A new environment was not recorded: ${result.outcome}.`, { retryable: true });
  }
  const roleArn = runnable.config.Role;
  const onBehalfOf = functionArn(key, runnable.name);
  const access = {
    account: key.account,
    region: key.region,
    roleArn,
    workId: document.workId,
    onBehalfOf,
    kind: accessKind(runnable.config),
  };
  await backend.start(
    planEnvironment(document, runnable.config, {
      region: key.region,
      logFile: await openLog(ports, environment, runnable),
      bootstrap,
      access: await workCredentials.environment(access),
      runtimeVersion,
      isolated: ports.settings.sandbox !== 'plain',
    }),
  );
}

const accessKind = ({ restricted, restrictedSettings }: FunctionConfig): NonNullable<WorkAccess['kind']> =>
  restricted || restrictedSettings ? 'function-of-job' : 'function';

/** The stream is the role's to make; where it has no right to, the file is there and no stream shows it. */
async function openLog(ports: FunctionsPorts, environment: NewEnvironment, { name, config }: Runnable): Promise<string> {
  const { key, document } = environment;
  const stream = logStreamOf(environment);
  const onBehalfOf = functionArn(key, name);
  try {
    const access = { account: key.account, workId: document.workId, onBehalfOf, kind: accessKind(config) };
    const principal = await ports.roles.assume(assumptionOf(access, config.Role));
    return await openLogStream(ports, principal, { region: key.region }, stream);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    ports.log.warn({ function: onBehalfOf, code: error.code }, 'The log stream of a function could not be made.');
    return ports.logFiles.path(stream);
  }
}
