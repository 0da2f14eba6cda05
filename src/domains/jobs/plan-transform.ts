import { createHash } from 'node:crypto';
import type { WorkSpec } from '../../platform/ports/work.ts';
import type { PinnedContainer } from '../../platform/serving/pinned-container.ts';
import { planModelServer } from '../../platform/serving/plan-model-server.ts';
import type { JobHost } from './decide-hosts.ts';
import { filterSteps, formOf, outputFormOf, type TransformRequest } from './decide-transform-request.ts';
import { json } from './plan-training.ts';
import type { TransformFile, TransformJobDocument } from './resources.ts';

/** The works of a transform job: per host a driver, and a model server for each container of the model. Pure. */

export interface TransformHost {
  /** `algo-1` */
  readonly name: string;
  /** As the log streams show it: `i-…`. */
  readonly instanceId: string;
  readonly driver: string;
  readonly servers: readonly string[];
}

export const DRIVER_OUTPUT = { name: 'transform', path: '/opt/ml/output/transform' };

/** A host without an input would only start a model. Before the inputs are known, as many as were asked for. */
export const transformHostCount = ({ request, files }: TransformJobDocument): number =>
  Math.max(1, Math.min(request.TransformResources.InstanceCount, files?.length ?? Number.POSITIVE_INFINITY));

export function transformHosts(job: TransformJobDocument): TransformHost[] {
  return Array.from({ length: transformHostCount(job) }, (_, n) => ({
    name: `algo-${n + 1}`,
    instanceId: `i-${createHash('sha256').update(`${job.workId} ${n}`).digest('hex').slice(0, 17)}`,
    driver: `${job.workId}-${n + 1}`,
    servers: job.model.containers.map((_container, place) => `${job.workId}-${n + 1}-m${place + 1}`),
  }));
}

/** All works of a job, by the host they are of. */
export const transformWorks = (job: TransformJobDocument): JobHost[] =>
  transformHosts(job).flatMap(({ name, driver, servers }) => [driver, ...servers].map((workId) => ({ name, workId })));

/** Files are dealt out in the order of their keys. */
const filesOfHost = (job: TransformJobDocument, host: number): { readonly file: TransformFile; readonly index: number }[] =>
  (job.files ?? []).map((file, index) => ({ file, index })).filter(({ index }) => index % transformHostCount(job) === host);

/** AWS's names: of the model server's log, and of the driver's. */
export function transformLogStreams(
  job: TransformJobDocument,
  { instanceId }: TransformHost,
): { servers: string[]; driver: string } {
  const stream = `${job.name}/${instanceId}-${Math.floor(job.createdAtMs / 1000)}`;
  const { containers } = job.model;
  const servers = containers.map(({ hostname }, place) =>
    containers.length === 1 ? stream : `${stream}/${hostname ?? `container-${place + 1}`}`,
  );
  return { servers, driver: `${stream}/data-log` };
}

export const TRANSFORM_LOG_GROUP = '/aws/sagemaker/TransformJobs';

const STRATEGIES = { MultiRecord: 'MULTI_RECORD', SingleRecord: 'SINGLE_RECORD' } as const;

/** What the container is told: that it is a batch, and what of its limits the user set. */
function transformEnvironment(request: TransformRequest): Record<string, string> {
  const { MaxPayloadInMB, MaxConcurrentTransforms, BatchStrategy, Environment } = request;
  return {
    SAGEMAKER_BATCH: 'true',
    ...(MaxPayloadInMB !== undefined && { SAGEMAKER_MAX_PAYLOAD_IN_MB: `${MaxPayloadInMB}` }),
    ...(MaxConcurrentTransforms !== undefined && { SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: `${MaxConcurrentTransforms}` }),
    ...(BatchStrategy !== undefined && { SAGEMAKER_BATCH_STRATEGY: STRATEGIES[BatchStrategy] }),
    ...Environment,
  };
}

export interface TransformFacts {
  readonly region: string;
  readonly logFile: string;
  readonly limits: { readonly cpus: number; readonly memoryMiB: number; readonly note?: string };
  readonly environment: Readonly<Record<string, string>>;
}

export function planTransformServer(
  job: TransformJobDocument,
  container: PinnedContainer,
  workId: string,
  facts: TransformFacts,
): WorkSpec {
  const environment = { ...container.environment, ...transformEnvironment(job.request) };
  const { networkIsolation } = job.model;
  return planModelServer({ ...container, environment }, workId, { ...facts, networkIsolation });
}

const CONFIG_FILE = '/opt/ml/input/config/transform.json';
const INPUT_FOLDER = '/opt/ml/input/data';
const DRIVER_COMMAND = 'slipway-batch-transform';
const DRIVER_GRACE_SECONDS = 5;
/** Service limit of AWS. */
const RUNTIME_SECONDS_MAX = 28 * 86_400;
const STARTUP_SECONDS = 600;
const TIMEOUT_SECONDS_DEFAULT = 600;
const RETRIES_DEFAULT = 3;

export function planDriver(
  job: TransformJobDocument,
  host: number,
  facts: Omit<TransformFacts, 'region' | 'environment'>,
): WorkSpec {
  const { name, driver, servers } = transformHosts(job)[host] as TransformHost;
  const files = filesOfHost(job, host);
  return {
    id: driver,
    kind: 'job',
    hostname: name,
    hosts: [name],
    services: servers,
    runtime: { name: 'ml' },
    image: job.model.containers[0]?.image ?? '',
    command: [DRIVER_COMMAND],
    workingDirectory: '/',
    environment: {},
    files: [json(CONFIG_FILE, driverPlan(job, files))],
    // by number: keys of S3 may be no file names
    inputs: [
      {
        path: INPUT_FOLDER,
        access: 'read-only',
        entries: files.map(({ file: { digest, sizeBytes }, index }) => ({ relativePath: `${index}`, digest, sizeBytes })),
      },
    ],
    outputs: [DRIVER_OUTPUT],
    limits: {
      maxRuntimeSeconds: RUNTIME_SECONDS_MAX,
      graceSeconds: DRIVER_GRACE_SECONDS,
      memoryBytes: facts.limits.memoryMiB * 1024 * 1024,
      cpus: facts.limits.cpus,
    },
    network: 'none',
    logFile: facts.logFile,
  };
}

/** What the driver reads; see runtimes/entry/slipway_transform/driver.py. */
function driverPlan({ request, createdAtMs }: TransformJobDocument, files: ReturnType<typeof filesOfHost>): object {
  const { TransformInput, TransformOutput, DataProcessing, ModelClientConfig, DataCaptureConfig } = request;
  return {
    split: TransformInput.SplitType ?? 'None',
    assemble: TransformOutput.AssembleWith ?? 'None',
    strategy: request.BatchStrategy ?? null,
    maxConcurrent: request.MaxConcurrentTransforms ?? null,
    maxPayloadMiB: request.MaxPayloadInMB ?? null,
    contentType: TransformInput.ContentType ?? null,
    accept: TransformOutput.Accept ?? null,
    gzip: TransformInput.CompressionType === 'Gzip',
    timeoutSeconds: ModelClientConfig?.InvocationsTimeoutInSeconds ?? TIMEOUT_SECONDS_DEFAULT,
    retries: ModelClientConfig?.InvocationsMaxRetries ?? RETRIES_DEFAULT,
    startupSeconds: STARTUP_SECONDS,
    inputForm: formOf(TransformInput.ContentType) ?? null,
    outputForm: outputFormOf(request) ?? null,
    inputSteps: filterSteps(DataProcessing?.InputFilter),
    outputSteps: filterSteps(DataProcessing?.OutputFilter),
    join: DataProcessing?.JoinSource === 'Input',
    inferenceTime: DataCaptureConfig?.GenerateInferenceId ? secondsOf(createdAtMs) : null,
    files: files.map(({ file, index }) => ({ uri: file.uri, path: `${INPUT_FOLDER}/${index}`, output: `${index}.out` })),
  };
}

const secondsOf = (timeMs: number): string => new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z');

/** Where the output of a file goes; undefined for what is none of the driver's outputs. */
export function outputName(job: TransformJobDocument, output: string): string | undefined {
  const index = /^(\d+)\.out$/.exec(output)?.[1];
  const file = index === undefined ? undefined : job.files?.[Number(index)];
  return file && `${file.relativePath}.out`;
}
