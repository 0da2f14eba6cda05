import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadService } from '../../models/load.ts';
import type { InputOf, OperationName, OutputOf } from '../../src/contract/operations.ts';
import { createAuthorizer } from '../../src/platform/authorization/authorizer.ts';
import type { PolicyDocument } from '../../src/platform/authorization/policy.ts';
import type { RoleSessions } from '../../src/platform/authorization/port.ts';
import type { Principal } from '../../src/platform/authorization/principal.ts';
import { createCalls, createDispatcher } from '../../src/platform/calls/dispatch.ts';
import { type AnyOperation, operation } from '../../src/platform/calls/operation.ts';
import { ServiceError } from '../../src/platform/errors/families.ts';
import { checkToken } from '../../src/platform/idempotency.ts';
import { systemIds } from '../../src/platform/ids.ts';
import type { JsonObject } from '../../src/platform/json.ts';
import type { Log } from '../../src/platform/log.ts';
import { createReconcileLoop, type RunnableLoop } from '../../src/platform/reconcile/loop.ts';
import { createSqliteStore } from '../../src/platform/store/sqlite/sqlite-store.ts';
import type { Commit, CommitResult, Store } from '../../src/platform/store/port.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import type { EventInput } from '../../src/platform/events/event.ts';
import { createPipelinesRoom } from '../../src/domains/pipelines/room.ts';
import { type Named, StandInFunctions } from './stand-in-functions.ts';
import { StandInHosting } from './stand-in-hosting.ts';
import { StandInQueues } from './stand-in-queues.ts';

export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/SageMakerPipelineExecutionRole`;
const ALL: PolicyDocument = { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };

export const admin: Principal = {
  kind: 'user',
  account: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/admin`,
  userId: 'AIDAADMIN',
  name: 'admin',
};
export const scientist: Principal = {
  ...admin,
  arn: `arn:aws:iam::${ACCOUNT}:user/scientist`,
  userId: 'AIDASCI',
  name: 'scientist',
};

/** Where the server is to die. Memory is lost, the store and the world outside stay. */
export class Crash extends Error {}

type Status = 'InProgress' | 'Completed' | 'Failed' | 'Stopped';
export interface StandInJob {
  readonly type: 'ProcessingJob' | 'TrainingJob' | 'TransformJob';
  readonly input: Record<string, unknown>;
  status: Status;
  reason?: string;
}

/** The dispatcher fills tokens, as SDKs do. */
type Untokened<N extends OperationName> = Omit<InputOf<N>, 'ClientRequestToken'> & { ClientRequestToken?: string };

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** The pipelines room on the real store, dispatcher and loop; what other rooms do is done by stand-ins whose jobs the test ends. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-pipelines-'));
  readonly clock: VirtualClock = createVirtualClock();
  readonly policies = new Map<string, PolicyDocument[]>([
    ['admin', [ALL]],
    ['SageMakerPipelineExecutionRole', [ALL]],
  ]);
  readonly objects = new Map<string, string>();
  readonly jobs = new Map<string, StandInJob>();
  readonly models = new Map<string, object>();
  readonly packages: { input: InputOf<'sagemaker:CreateModelPackage'>; arn: string }[] = [];
  readonly groups = new Set<string>();
  #versions = 0;
  readonly functions = new StandInFunctions();
  readonly queues = new StandInQueues();
  readonly hosting = new StandInHosting(
    (resource) => `arn:aws:sagemaker:${REGION}:${ACCOUNT}:${resource}`,
    () => this.clock.now(),
  );
  readonly called: string[] = [];
  /** Called before and after every commit of the store, and before every call of a room; may throw a Crash. */
  fault: (point: string) => void | Promise<void> = () => {};
  readonly store: Store;
  /** The store without faults, for the stand-ins. */
  readonly #kept: Store;
  loop!: RunnableLoop;
  #dispatcher!: ReturnType<typeof createDispatcher>;

  constructor() {
    const store = createSqliteStore({ path: join(this.folder, 'store.db'), clock: this.clock });
    this.#kept = store;
    this.store = { ...store, commit: (commit) => this.#commit(store, commit) };
  }

  async #commit(store: Store, commit: Commit): Promise<CommitResult> {
    await this.fault('before commit');
    const result = await store.commit(commit);
    await this.fault('after commit');
    return result;
  }

  /** A server with nothing in memory over whatever the store holds. */
  async start(): Promise<void> {
    const { store, clock } = this;
    const services = [loadService('sagemaker'), loadService('s3'), loadService('lambda'), loadService('sqs')];
    const authorizer = createAuthorizer({ policiesOf: async ({ name }) => this.policies.get(name) ?? [] });
    const inner = createCalls(() => this.#dispatcher, systemIds);
    const calls: typeof inner = {
      call: async (principal, origin, name, input) => {
        await this.fault(`before ${name}`);
        this.called.push(name);
        const output = await inner.call(principal, origin, name, input);
        await this.fault(`after ${name}`);
        return output;
      },
    };
    const { model } = loadService('sagemaker');
    const room = createPipelinesRoom({ store, calls, authorizer, roles: this.#roles, clock, model });
    const operations = [...room.operations, ...this.#standIns()];
    this.#dispatcher = createDispatcher({ operations, services, authorizer, clock, ids: systemIds, store });
    this.loop = createReconcileLoop({ store, clock, log: SILENT });
    this.loop.register(room.reconcilers ?? []);
    this.loop.subscribe(room.subscriptions ?? []);
    await this.loop.start();
  }

  async restart(): Promise<void> {
    await this.loop.stop();
    await this.start();
  }

  async close(): Promise<void> {
    await this.loop.stop();
    await this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A client's call. */
  call<N extends OperationName>(name: N, input: Untokened<N>, principal = admin): Promise<OutputOf<N>> {
    return this.#dispatcher.dispatch(name, input as InputOf<N>, { principal, region: REGION, requestId: systemIds.uuid() });
  }

  /** Ends a job, as the jobs room would tell it. */
  async end(name: string, status: Status = 'Completed', reason?: string): Promise<void> {
    const job = this.jobs.get(name)!;
    job.status = status;
    job.reason = reason;
    await this.#tell({
      source: 'aws.sagemaker',
      detailType: `SageMaker ${job.type.replace('Job', '')} Job State Change`,
      resources: [this.#jobArn(name, job)],
      detail: { [`${job.type}Name`]: name, [`${job.type}Status`]: status },
    });
  }

  /** Ends the invocation of a function with what it returns, or the error it ends by. */
  endFunction(requestId: string, returned: unknown, functionError?: string): Promise<void> {
    return this.#tell(this.functions.end(requestId, JSON.stringify(returned), functionError));
  }

  /** Ends the deployment of an endpoint; with a reason it fails. */
  endDeployment(name: string, reason?: string): Promise<void> {
    return this.#tell(this.hosting.end(name, reason));
  }

  async #tell(event: Pick<EventInput, 'source' | 'detailType' | 'resources' | 'detail'>): Promise<void> {
    const place = { account: ACCOUNT, region: REGION, timeMs: this.clock.now() };
    await this.store.commit({ expect: [], events: [{ ...event, ...place }] });
  }

  running(): string[] {
    return [...this.jobs].filter(([, job]) => job.status === 'InProgress').map(([name]) => name);
  }

  #jobArn(name: string, { type }: Pick<StandInJob, 'type'>): string {
    return `arn:aws:sagemaker:${REGION}:${ACCOUNT}:${type.replace('Job', '').toLowerCase()}-job/${name}`;
  }

  readonly #roles: RoleSessions = {
    assume: async ({ account, roleArn, sessionName, onBehalfOf }) => {
      const name = roleArn.split('/').at(-1)!;
      const arn = `arn:aws:sts::${account}:assumed-role/${name}/${sessionName}`;
      return { kind: 'role-session', account, arn, userId: `AROA:${sessionName}`, name, onBehalfOf };
    },
    credentials: () => {
      throw new Error('pipelines give out no credentials');
    },
    resolve: async (_account, roleArn) => ({ effectiveRoleArn: roleArn }),
  };

  #standIns(): AnyOperation[] {
    const named: Named = (name, handle) =>
      operation(name, {
        effect: 'change',
        needs: () => [{ action: name, resources: ['*'] }],
        handle: handle as never,
      }) as AnyOperation;
    return [
      ...this.#jobStandIns('ProcessingJob', named),
      ...this.#jobStandIns('TrainingJob', named),
      ...this.#jobStandIns('TransformJob', named),
      ...this.#registryStandIns(named),
      ...this.functions.operations(named),
      ...this.queues.operations(named),
      ...this.hosting.operations(named),
      named('s3:ListObjectsV2', async ({ Bucket, Prefix = '' }: InputOf<'s3:ListObjectsV2'>) => {
        const start = `s3://${Bucket}/`;
        const under = [...this.objects]
          .filter(([uri]) => uri.startsWith(`${start}${Prefix}`))
          .sort(([a], [b]) => (a < b ? -1 : 1));
        const etag = (text: string) => `"${createHash('md5').update(text).digest('hex')}"`;
        return {
          Contents: under.map(([uri, text]) => ({ Key: uri.slice(start.length), ETag: etag(text), Size: text.length })),
        };
      }),
      named('s3:DeleteObject', async ({ Bucket, Key }: InputOf<'s3:DeleteObject'>) => {
        this.objects.delete(`s3://${Bucket}/${Key}`);
        return {};
      }),
      named('s3:GetObject', async ({ Bucket, Key }: InputOf<'s3:GetObject'>) => {
        const text = this.objects.get(`s3://${Bucket}/${Key}`);
        if (text === undefined) throw new ServiceError('NoSuchKey', 'The specified key does not exist.');
        return {
          Body: (async function* () {
            yield Buffer.from(text);
          })(),
        };
      }),
    ];
  }

  #jobStandIns(type: StandInJob['type'], named: Named): AnyOperation[] {
    const find = (input: Record<string, unknown>) => {
      const name = input[`${type}Name`] as string;
      const job = this.jobs.get(name);
      if (!job) throw new ServiceError('ValidationException', 'Could not find requested job with name: ' + name, {}, 'absent');
      return { name, job };
    };
    return [
      named(`sagemaker:Create${type}`, async (input: Record<string, unknown>) => {
        const name = input[`${type}Name`] as string;
        if (this.jobs.has(name))
          throw new ServiceError('ResourceInUse', `Job name must be unique; ${name} already exists`, {}, 'exists');
        this.jobs.set(name, { type, input, status: 'InProgress' });
        return { [`${type}Arn`]: this.#jobArn(name, { type }) };
      }),
      named(`sagemaker:Describe${type}`, async (input: Record<string, unknown>) => {
        const { name, job } = find(input);
        return {
          ...job.input,
          [`${type}Arn`]: this.#jobArn(name, job),
          [`${type}Status`]: job.status,
          FailureReason: job.reason,
          ...(type === 'TrainingJob' && { ModelArtifacts: { S3ModelArtifacts: `s3://models/${name}/output/model.tar.gz` } }),
        };
      }),
      named(`sagemaker:Stop${type}`, async (input: Record<string, unknown>) => {
        const { name, job } = find(input);
        if (job.status !== 'InProgress')
          throw new ServiceError('ValidationException', `The request was rejected because the job is in status ${job.status}.`);
        await this.end(name, 'Stopped');
        return {};
      }),
    ];
  }

  #registryStandIns(named: Named): AnyOperation[] {
    const arn = (resource: string) => `arn:aws:sagemaker:${REGION}:${ACCOUNT}:${resource}`;
    return [
      named('sagemaker:CreateModel', async (input: InputOf<'sagemaker:CreateModel'>) => {
        if (this.models.has(input.ModelName))
          throw new ServiceError(
            'ValidationException',
            `Cannot create already existing model "${input.ModelName}".`,
            {},
            'exists',
          );
        this.models.set(input.ModelName, { ...input, ModelArn: arn(`model/${input.ModelName}`) });
        return { ModelArn: arn(`model/${input.ModelName}`) };
      }),
      named('sagemaker:DescribeModel', async ({ ModelName }: InputOf<'sagemaker:DescribeModel'>) => {
        const model = this.models.get(ModelName);
        if (!model) throw new ServiceError('ValidationException', `Could not find model "${ModelName}".`, {}, 'absent');
        return model;
      }),
      named(
        'sagemaker:DescribeModelPackageGroup',
        async ({ ModelPackageGroupName: name }: InputOf<'sagemaker:DescribeModelPackageGroup'>) => {
          if (!this.groups.has(name))
            throw new ServiceError(
              'ValidationException',
              `ModelPackageGroup ${arn(`model-package-group/${name}`)} does not exist.`,
              {},
              'absent',
            );
          return { ModelPackageGroupName: name };
        },
      ),
      named(
        'sagemaker:CreateModelPackageGroup',
        async ({ ModelPackageGroupName: name }: InputOf<'sagemaker:CreateModelPackageGroup'>) => {
          if (this.groups.has(name))
            throw new ServiceError('ValidationException', `Model Package Group already exists: ${name}`, {}, 'exists');
          this.groups.add(name);
          return { ModelPackageGroupArn: arn(`model-package-group/${name}`) };
        },
      ),
      named('sagemaker:CreateModelPackage', async (input: InputOf<'sagemaker:CreateModelPackage'>) => {
        const use = {
          operation: 'sagemaker:CreateModelPackage',
          token: input.ClientToken!,
          request: input as unknown as JsonObject,
        };
        const token = await checkToken(this.#kept, { account: ACCOUNT, region: REGION }, use);
        if (token.outcome === 'repeat') return token.response;
        this.#versions++; // before anything is waited for: two at a time have two versions
        const made = { input, arn: arn(`model-package/${input.ModelPackageGroupName}/${this.#versions}`) };
        const { expect, write } = token.record({ ModelPackageArn: made.arn }, this.clock.now());
        await this.#kept.commit({ expect, write });
        this.packages.push(made);
        return { ModelPackageArn: made.arn };
      }),
      named('sagemaker:DescribeModelPackage', async ({ ModelPackageName }: InputOf<'sagemaker:DescribeModelPackage'>) => {
        const { input, arn: ModelPackageArn } = this.packages.find((one) => one.arn === ModelPackageName)!;
        return { ...input, ModelPackageArn, ModelPackageStatus: 'Completed' };
      }),
    ];
  }
}
