import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadService, serviceIds } from '../../../models/load.ts';
import { createSandboxBackend, type SandboxBackend } from '../../backends/sandbox/sandbox-backend.ts';
import type { DescribeProcessingJobResponse, DescribeTrainingJobResponse } from '../../contract/generated/sagemaker.ts';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { createAdmission } from '../../platform/admission/admission.ts';
import type { Reservation } from '../../platform/admission/port.ts';
import { createAuthorizer } from '../../platform/authorization/authorizer.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { readOrCreateSealingKey } from '../../platform/authorization/sealing-key.ts';
import { createWorkCredentials, type WorkCredentials } from '../../platform/authorization/work-credentials.ts';
import { createCalls, createDispatcher, type Dispatcher } from '../../platform/calls/dispatch.ts';
import type { AnyOperation, Calls } from '../../platform/calls/operation.ts';
import { systemClock } from '../../platform/clock.ts';
import { systemIds } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import { createLogFiles } from '../../platform/log-files.ts';
import { createBlobStore, type LocalBlobStore } from '../../platform/objects/blob-store.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import { createReconcileLoop, type RunnableLoop } from '../../platform/reconcile/loop.ts';
import type { Store } from '../../platform/store/port.ts';
import { createSqliteStore } from '../../platform/store/sqlite/sqlite-store.ts';
import { createIdentityRoom, type IdentityRoom } from '../identity/room.ts';
import { seedIdentity } from '../identity/seed.ts';
import { createLogsRoom } from '../logs/room.ts';
import { createStorageRoom } from '../storage/room.ts';
import { createJobsRoom, type JobsRoom } from './room.ts';

export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/SageMakerPipelineExecutionRole`;
export const BUCKET = 'data';

/** The entry points of the images; the host's Python runs them. */
const ENTRY = join(import.meta.dirname, '../../../runtimes/entry');

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

const IMAGE: ResolvedImage = {
  image: '',
  repository: 'python',
  tag: '3.11',
  runtime: 'ml',
  framework: 'python',
  promised: { python: '3.9' },
  actual: { python: '3.11.2' },
  profile: { note: 'image python:3.9 is emulated by python 3.11.2' },
};

export interface JobsRigOptions {
  readonly folder?: string;
  readonly capacity?: Reservation;
  readonly sandbox?: 'auto' | 'bubblewrap' | 'unshare' | 'plain';
  /** Of rooms that are not here. */
  readonly operations?: readonly AnyOperation[];
}

/** One server's worth of jobs on a data folder: real store, blobs, S3, identity, logs and sandboxes. */
export class JobsRig {
  readonly folder: string;
  readonly store: Store;
  readonly blobs: LocalBlobStore;
  readonly backend: SandboxBackend;
  readonly loop: RunnableLoop;
  readonly calls: Calls;
  readonly room: JobsRoom;
  readonly #identity: IdentityRoom;
  readonly #credentials: WorkCredentials;
  readonly #server: Server;
  #dispatcher: Dispatcher | undefined;
  #admin: Principal | undefined;

  private constructor(folder: string, sealingKey: string, options: JobsRigOptions) {
    this.folder = folder;
    const [clock, ids] = [systemClock, systemIds];
    const settings = {
      account: ACCOUNT,
      approval: 'required' as const,
      roles: 'lenient' as const,
      sandbox: options.sandbox ?? 'auto',
      reservations: { job: { cpus: 1, memoryMiB: 64 }, modelServer: { cpus: 0, memoryMiB: 512 } },
    };
    const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock });
    const blobs = createBlobStore({ folder: join(folder, 'blobs'), clock, store });
    const logFiles = createLogFiles({ folder: join(folder, 'logs') });
    this.store = store;
    this.blobs = blobs;
    this.loop = createReconcileLoop({ store, clock, log: SILENT });
    this.backend = createSandboxBackend({
      folder,
      cacheFolder: join(folder, 'cache'),
      blobs,
      clock,
      settings,
      log: SILENT,
      locateRuntime: () => ({ folders: [ENTRY], environment: { PATH: `${ENTRY}/bin:/usr/bin:/bin` } }),
    });
    this.calls = createCalls(() => this.#dispatcher as Dispatcher, ids);
    this.#identity = createIdentityRoom({
      store,
      clock,
      ids,
      sealingKey,
      settings,
      routes: { publishIdentities: async () => undefined },
    });
    this.#credentials = createWorkCredentials({
      roles: this.#identity.sessions,
      backend: this.backend,
      key: sealingKey,
      serverUrl: () => this.url,
      runtimeUrl: () => this.url,
    });
    this.#server = createServer((request, response) => {
      void this.#credentials.route.handle(request, response, new URL(request.url ?? '/', this.url));
    });
    this.room = createJobsRoom({
      store,
      calls: this.calls,
      clock,
      loop: this.loop,
      backend: this.backend,
      logFiles,
      settings,
      credentials: this.#credentials,
      roles: this.#identity.sessions,
      admission: createAdmission({ capacity: options.capacity ?? { cpus: 8, memoryMiB: 8192 } }),
      runtimes: {
        resolve: (image) => (image.includes('unknown') ? { problem: `Image ${image} is not known here.` } : resolved(image)),
      },
      instanceLimits: (type) => ({
        cpus: 64,
        memoryMiB: 256,
        ...(type === 'ml.m5.xlarge' && { note: 'instance type ml.m5.xlarge is clipped' }),
      }),
    });
    const rooms = [
      this.#identity,
      createStorageRoom({ store, blobs, ids, clock }),
      createLogsRoom({ store, files: logFiles, clock }),
      this.room,
    ];
    this.#dispatcher = createDispatcher({
      operations: [...rooms.flatMap(({ operations }) => operations), ...(options.operations ?? [])],
      services: serviceIds.map(loadService),
      authorizer: createAuthorizer(this.#identity.directory),
      clock,
      ids,
      store,
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  static async start(options: JobsRigOptions = {}): Promise<JobsRig> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'slipway-jobs-'));
    const sealingKey = await readOrCreateSealingKey(join(folder, 'keys/sealing.key'), systemIds);
    const rig = new JobsRig(folder, sealingKey, options);
    await new Promise<void>((resolve) => rig.#server.listen(0, '127.0.0.1', resolve));
    const { accessKeyId } = await seedIdentity({
      store: rig.store,
      clock: systemClock,
      ids: systemIds,
      account: ACCOUNT,
      sealingKey,
    });
    const credential = await rig.#identity.directory.credential(accessKeyId, undefined);
    if (credential && 'principal' in credential) rig.#admin = credential.principal;
    rig.loop.register(rig.room.reconcilers ?? []);
    await rig.room.start?.();
    await rig.loop.start();
    return rig;
  }

  /** As `kill -9` would: memory is gone, jobs are not told. */
  async abandon(): Promise<string> {
    await this.loop.stop();
    await this.room.stop?.();
    this.backend.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.blobs.stop();
    await this.store.close();
    return this.folder;
  }

  async close(): Promise<void> {
    rmSync(await this.abandon(), { recursive: true, force: true });
  }

  call<N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>> {
    return this.calls.call(this.#admin as Principal, { region: REGION }, name, input);
  }

  /** A call that an execution makes. */
  callFor<N extends OperationName>(execution: string, name: N, input: InputOf<N>): Promise<OutputOf<N>> {
    const principal = { ...(this.#admin as Principal), onBehalfOf: execution };
    return this.calls.call(principal, { region: REGION }, name, input);
  }

  async put(key: string, content: string): Promise<string> {
    await this.call('s3:CreateBucket', { Bucket: BUCKET }).catch((error: { code?: string }) => {
      if (!error.code?.startsWith('BucketAlready')) throw error;
    });
    await this.call('s3:PutObject', { Bucket: BUCKET, Key: key, Body: bytes(content) });
    return `s3://${BUCKET}/${key}`;
  }

  /** Creates a processing job that runs `script`, as SDKs do: the script is an input. */
  async process(name: string, script: string, more: Partial<InputOf<'sagemaker:CreateProcessingJob'>> = {}): Promise<string> {
    const code = s3Input('code', await this.put(`scripts/${name}/process.py`, script), '/opt/ml/processing/input/code');
    const job = processingJob(name, { ...more, ProcessingInputs: [...(more.ProcessingInputs ?? []), code] });
    return (await this.call('sagemaker:CreateProcessingJob', job)).ProcessingJobArn;
  }

  /** Creates a training job that runs `script` out of a channel. */
  async train(name: string, script: string, more: Partial<InputOf<'sagemaker:CreateTrainingJob'>> = {}): Promise<string> {
    const code = channel('code', await this.put(`scripts/${name}/train.py`, script));
    const job = trainingJob(name, { ...more, InputDataConfig: [...(more.InputDataConfig ?? []), code] });
    return (await this.call('sagemaker:CreateTrainingJob', job)).TrainingJobArn;
  }

  async get(key: string): Promise<Buffer> {
    const { Body } = await this.call('s3:GetObject', { Bucket: BUCKET, Key: key });
    const chunks: Uint8Array[] = [];
    for await (const chunk of Body ?? []) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async keys(prefix = ''): Promise<string[]> {
    const { Contents = [] } = await this.call('s3:ListObjectsV2', { Bucket: BUCKET, Prefix: prefix });
    return Contents.map(({ Key }) => Key ?? '');
  }

  /** The lines of the job's log stream, as a client of CloudWatch Logs reads them. */
  async log(group: 'TrainingJobs' | 'ProcessingJobs' | 'TransformJobs', name: string): Promise<string[]> {
    const logGroupName = `/aws/sagemaker/${group}`;
    const { logStreams = [] } = await this.call('logs:DescribeLogStreams', { logGroupName, logStreamNamePrefix: `${name}/` });
    const { events = [] } = await this.call('logs:GetLogEvents', {
      logGroupName,
      logStreamName: logStreams[0]?.logStreamName ?? '',
      startFromHead: true,
    });
    return events.map(({ message }) => message ?? '');
  }

  training(
    name: string,
    until = (job: DescribeTrainingJobResponse): boolean => ended(job.TrainingJobStatus),
  ): Promise<DescribeTrainingJobResponse> {
    return this.#until(() => this.call('sagemaker:DescribeTrainingJob', { TrainingJobName: name }), until);
  }

  processing(
    name: string,
    until = (job: DescribeProcessingJobResponse): boolean => ended(job.ProcessingJobStatus),
  ): Promise<DescribeProcessingJobResponse> {
    return this.#until(() => this.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: name }), until);
  }

  async #until<T>(look: () => Promise<T>, until: (found: T) => boolean): Promise<T> {
    for (;;) {
      const found = await look();
      if (until(found)) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async ledger(): Promise<{ action: string; outcome: string; resources: readonly string[] }[]> {
    return (await this.store.ledger({ afterSequence: 0, limit: 1000 })).map(({ entry }) => entry);
  }

  /** The run whose name begins and ends so; empty when there is none. */
  works(prefix: string, suffix: string): string {
    const hash = new RegExp(`^${prefix}[0-9a-f]{12}${suffix}$`);
    return readdirSync(join(this.folder, 'runs')).find((name) => hash.test(name)) ?? '';
  }

  /** The supervisor's claim of a job's run. */
  claim(workId: string): string {
    return readFileSync(join(this.folder, 'runs', workId, 'claim'), 'utf8');
  }
}

const resolved = (image: string): ResolvedImage =>
  image.includes('model')
    ? { ...IMAGE, image, serveCommand: ['/usr/bin/python3', '/opt/ml/model/serve.py'] }
    : image.includes('xgboost')
      ? { ...IMAGE, image, framework: 'xgboost', trainCommand: ['/usr/bin/python3', '/opt/ml/input/data/code/train.py'] }
      : { ...IMAGE, image };

const ended = (status: string): boolean => ['Completed', 'Failed', 'Stopped'].includes(status);

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

export function processingJob(
  name: string,
  more: Partial<InputOf<'sagemaker:CreateProcessingJob'>> = {},
): InputOf<'sagemaker:CreateProcessingJob'> {
  return {
    ProcessingJobName: name,
    RoleArn: ROLE,
    AppSpecification: { ImageUri: 'python:3.9', ContainerEntrypoint: ['python3', '/opt/ml/processing/input/code/process.py'] },
    ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.xlarge', VolumeSizeInGB: 10 } },
    ...more,
  };
}

export function trainingJob(
  name: string,
  more: Partial<InputOf<'sagemaker:CreateTrainingJob'>> = {},
): InputOf<'sagemaker:CreateTrainingJob'> {
  return {
    TrainingJobName: name,
    RoleArn: ROLE,
    OutputDataConfig: { S3OutputPath: `s3://${BUCKET}/models/` },
    ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 10 },
    StoppingCondition: { MaxRuntimeInSeconds: 600 },
    ...more,
    AlgorithmSpecification: {
      TrainingImage: 'python:3.9',
      TrainingInputMode: 'File',
      ContainerEntrypoint: ['python3', '/opt/ml/input/data/code/train.py'],
      ...more.AlgorithmSpecification,
    },
  };
}

export const s3Input = (name: string, uri: string, path: string) => ({
  InputName: name,
  S3Input: { S3Uri: uri, LocalPath: path, S3DataType: 'S3Prefix' as const, S3InputMode: 'File' as const },
});

export const s3Output = (name: string, uri: string, path: string) => ({
  OutputName: name,
  S3Output: { S3Uri: uri, LocalPath: path, S3UploadMode: 'EndOfJob' as const },
});

export const channel = (name: string, uri: string) => ({
  ChannelName: name,
  DataSource: { S3DataSource: { S3DataType: 'S3Prefix' as const, S3Uri: uri } },
});
