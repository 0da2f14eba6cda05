import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { loadService } from '../../../models/load.ts';
import type { ActionDeclaration, PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { createAuthorizer } from '../../platform/authorization/authorizer.ts';
import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { RoleSessions } from '../../platform/authorization/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { createCalls, createDispatcher } from '../../platform/calls/dispatch.ts';
import { type AnyOperation, operation } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { EventInput } from '../../platform/events/event.ts';
import { systemIds } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { WithPipelineOrigin } from '../../platform/ports/build-origin.ts';
import { INVOCATION_ENDED } from '../../platform/ports/invocation.ts';
import { createReconcileLoop, type RunnableLoop } from '../../platform/reconcile/loop.ts';
import type { CommitResult, Commit, Store } from '../../platform/store/port.ts';
import { createSqliteStore } from '../../platform/store/sqlite/sqlite-store.ts';
import { createVirtualClock, type VirtualClock } from '../../platform/virtual-clock.ts';
import type { DeliveryPorts } from './ports.ts';
import { createDeliveryRoom } from './room.ts';

export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/delivery`;
const ALL: PolicyDocument = { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

export const admin: Principal = {
  kind: 'user',
  account: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/admin`,
  userId: 'AIDAADMIN',
  name: 'admin',
};

/** Where the server is to die. Memory is lost, the store and the world outside stay. */
export class Crash extends Error {}

interface StandInBuild {
  readonly id: string;
  readonly input: InputOf<'codebuild:StartBuild'> & WithPipelineOrigin;
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
}

/** For tests: the delivery room on the real store, dispatcher and loop; what other rooms do is done by stand-ins that the test ends. */
export class DeliveryRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-delivery-'));
  readonly clock: VirtualClock = createVirtualClock();
  readonly policies = new Map<string, PolicyDocument[]>([
    ['admin', [ALL]],
    ['delivery', [ALL]],
  ]);
  /** By idempotency token: the same build is started once. */
  readonly builds = new Map<string, StandInBuild>();
  /** By branch: its head. */
  readonly heads = new Map<string, string>([['main', 'c1']]);
  /** Commits that are in no repository any more. */
  readonly lost = new Set<string>();
  readonly archived: string[] = [];
  /** Which packages an endpoint was brought to, one entry a deployment. */
  readonly deployed: string[] = [];
  readonly endpoint: { config?: string; pending?: string; failure?: string; modifiedAtMs?: number } = {};
  readonly invoked: { id: string; event: unknown }[] = [];
  /** Of invocations that broke off. */
  readonly broken = new Set<string>();
  readonly called: string[] = [];
  /** Of roles, as they were assumed. */
  readonly sessions: Principal[] = [];
  /** Called before and after every commit of the room, and every call it makes; may throw a Crash. */
  fault: (point: string) => void = () => {};
  readonly #kept: Store;
  readonly store: Store;
  loop!: RunnableLoop;
  ports!: DeliveryPorts;
  #dispatcher!: ReturnType<typeof createDispatcher>;
  #meanwhile: { readonly meant: (commit: Commit) => boolean; readonly work: () => Promise<unknown> } | undefined;
  #closed = false;

  constructor() {
    const store = createSqliteStore({ path: join(this.folder, 'store.db'), clock: this.clock });
    this.#kept = store;
    this.store = { ...store, commit: (commit) => this.#commit(commit) };
  }

  /** Does `work` once, just before the first commit of the room that is meant: after what it was decided on was read. */
  meanwhile(meant: (commit: Commit) => boolean, work: () => Promise<unknown>): void {
    this.#meanwhile = { meant, work };
  }

  async #commit(commit: Commit): Promise<CommitResult> {
    const meanwhile = this.#meanwhile;
    if (meanwhile?.meant(commit)) {
      this.#meanwhile = undefined;
      await meanwhile.work();
    }
    this.fault('before commit');
    const result = await this.#kept.commit(commit);
    this.fault('after commit');
    return result;
  }

  /** A server with nothing in memory over whatever the store holds. */
  async start(): Promise<void> {
    const { store, clock } = this;
    const names = ['codepipeline', 'codebuild', 'codecommit', 's3', 'sagemaker', 'lambda'] as const;
    const authorizer = createAuthorizer({ policiesOf: async ({ name }) => this.policies.get(name) ?? [] });
    const inner = createCalls(() => this.#dispatcher, systemIds);
    const calls: typeof inner = {
      call: async (principal, origin, name, input) => {
        this.fault(`before ${name}`);
        this.called.push(name);
        const output = await inner.call(principal, origin, name, input);
        this.fault(`after ${name}`);
        return output;
      },
    };
    const serverUrl = () => 'http://127.0.0.1:7600';
    const sealingKey = '5a'.repeat(32);
    this.ports = { store, calls, authorizer, roles: this.#roles, clock, ids: systemIds, log: SILENT, serverUrl, sealingKey };
    const room = createDeliveryRoom(this.ports);
    this.#dispatcher = createDispatcher({
      operations: [...room.operations, ...this.#standIns()],
      services: names.map(loadService),
      authorizer,
      clock,
      ids: systemIds,
      store,
    });
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
    if (this.#closed) return;
    this.#closed = true;
    await this.loop.stop();
    await this.#kept.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A client's call. */
  call<N extends OperationName>(name: N, input: InputOf<N>, principal = admin): Promise<OutputOf<N>> {
    return this.#dispatcher.dispatch(name, input, { principal, region: REGION, requestId: systemIds.uuid() });
  }

  /** Ends a build, as the builds room would tell it. */
  endBuild(build: StandInBuild, status: 'SUCCEEDED' | 'FAILED' = 'SUCCEEDED'): Promise<void> {
    build.status = status;
    const arn = `arn:aws:codebuild:${REGION}:${ACCOUNT}:build/${build.id}`;
    return this.#tell('aws.codebuild', 'CodeBuild Build State Change', { 'build-id': arn, 'build-status': status });
  }

  running(): StandInBuild[] {
    return [...this.builds.values()].filter(({ status }) => status === 'IN_PROGRESS');
  }

  /** The endpoint serves what it was brought to, or with `rollback` what it had. */
  async endDeployment(rollback = false): Promise<void> {
    if (!rollback) this.endpoint.config = this.endpoint.pending;
    this.endpoint.pending = undefined;
    this.endpoint.config ??= 'none';
    this.endpoint.failure = rollback ? 'It went back.' : undefined;
    this.endpoint.modifiedAtMs = this.clock.now();
    await this.#tell('aws.sagemaker', 'SageMaker Endpoint State Change', { EndpointName: 'e', EndpointStatus: 'IN_SERVICE' });
  }

  /** The function breaks off in its newest invocation, as the functions room would tell it. */
  async breakFunction(): Promise<void> {
    const requestId = this.invoked.at(-1)?.id ?? '';
    this.broken.add(requestId);
    await this.#tell('aws.lambda', INVOCATION_ENDED, { requestId });
  }

  async push(branch: string, commit: string): Promise<void> {
    this.heads.set(branch, commit);
    const detail = { repositoryName: 'repo', referenceType: 'branch', referenceName: branch, commitId: commit };
    await this.#tell('aws.codecommit', 'CodeCommit Repository State Change', detail);
  }

  async #tell(source: string, detailType: string, detail: EventInput['detail']): Promise<void> {
    const event = { source, detailType, account: ACCOUNT, region: REGION, timeMs: this.clock.now(), resources: [], detail };
    await this.#kept.commit({ expect: [], events: [event] });
  }

  readonly #roles: RoleSessions = {
    assume: async ({ account, roleArn, sessionName, service, onBehalfOf, sessionPolicy }) => {
      const name = roleArn.split('/').at(-1) ?? '';
      if (!this.policies.has(name)) throw new ServiceError('ValidationException', `Could not assume role ${roleArn}.`);
      const arn = `arn:aws:sts::${account}:assumed-role/${name}/${sessionName}`;
      const session: Principal = {
        kind: 'role-session',
        account,
        arn,
        userId: `AROA:${sessionName}`,
        name,
        service,
        ...(onBehalfOf && { onBehalfOf }),
        ...(sessionPolicy && { sessionPolicy }),
      };
      this.sessions.push(session);
      return session;
    },
    credentials: () => ({ accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token', expiresAtMs: 0 }),
    resolve: async (_account, roleArn) => ({ effectiveRoleArn: roleArn }),
  };

  #standIns(): AnyOperation[] {
    const named = <N extends OperationName>(name: N, handle: (input: InputOf<N>) => Partial<OutputOf<N>>): AnyOperation =>
      operation(name, {
        effect: 'change',
        needs: () => [{ action: name, resources: ['*'] }],
        handle: async (input) => handle(input as InputOf<N>) as OutputOf<N>,
      });
    const absent = (): never => {
      throw new ServiceError('ValidationException', 'It is not there.', {}, 'absent');
    };
    const buildOf = ({ id, status }: StandInBuild) => ({
      id,
      buildStatus: status,
      exportedEnvironmentVariables: [{ name: 'IMAGE', value: `image-of-${id}` }],
    });
    return [
      named('codecommit:GetBranch', ({ branchName = '' }) => ({
        branch: { branchName, commitId: this.heads.get(branchName) ?? absent() },
      })),
      named('codecommit:ListBranches', () => ({ branches: [...this.heads.keys()] })),
      named('codecommit:GetCommit', ({ commitId }) => {
        this.archived.push(commitId);
        return { commit: { commitId, message: `message of ${commitId}\n`, author: { date: '1700000000 +0000' } } };
      }),
      named('codecommit:GetDifferences', ({ beforeCommitSpecifier = '' }) => {
        if (this.lost.has(beforeCommitSpecifier)) throw new ServiceError('CommitDoesNotExistException', 'It is not there.');
        return { differences: [{ afterBlob: { path: 'src/model.py' } }] };
      }),
      named('codebuild:StartBuild', (input) => {
        const token = input.idempotencyToken ?? '';
        const build = this.builds.get(token) ?? {
          id: `${input.projectName}:${this.builds.size + 1}`,
          input,
          status: 'IN_PROGRESS' as const,
        };
        this.builds.set(token, build);
        return { build: buildOf(build) };
      }),
      named('codebuild:BatchGetBuilds', ({ ids }) => ({
        builds: [...this.builds.values()].filter(({ id }) => ids.includes(id)).map(buildOf),
      })),
      named('lambda:Invoke', ({ Payload, ...asked }) => {
        const id = (asked as { RequestId?: string }).RequestId ?? '';
        if (Payload && !this.invoked.some((one) => one.id === id)) {
          this.invoked.push({ id, event: JSON.parse(Buffer.from(Payload as Uint8Array).toString()) });
        }
        return this.broken.has(id) ? { StatusCode: 200, FunctionError: 'Unhandled' } : { StatusCode: 202 };
      }),
      ...this.#hosting(named, absent),
    ];
  }

  #hosting(
    named: <N extends OperationName>(name: N, handle: (input: InputOf<N>) => Partial<OutputOf<N>>) => AnyOperation,
    absent: () => never,
  ): AnyOperation[] {
    const made = new Set<string>();
    const once = (name: string): void => {
      if (made.has(name)) throw new ServiceError('ValidationException', `${name} exists.`, {}, 'exists');
      made.add(name);
    };
    const bring = (config: string): void => {
      this.deployed.push(config);
      this.endpoint.pending = config;
    };
    return [
      named('sagemaker:DescribeModelPackage', ({ ModelPackageName }) => ({ ModelPackageArn: ModelPackageName })),
      named('sagemaker:CreateModel', ({ ModelName }) => {
        once(`model ${ModelName}`);
        return {};
      }),
      named('sagemaker:CreateEndpointConfig', ({ EndpointConfigName }) => {
        once(`config ${EndpointConfigName}`);
        return {};
      }),
      named('sagemaker:CreateEndpoint', ({ EndpointConfigName = '' }) => {
        bring(EndpointConfigName);
        return {};
      }),
      named('sagemaker:UpdateEndpoint', ({ EndpointConfigName = '' }) => {
        bring(EndpointConfigName);
        return {};
      }),
      named('sagemaker:DescribeEndpoint', () => {
        const { config, pending, failure, modifiedAtMs = 0 } = this.endpoint;
        if (config === undefined && pending === undefined) return absent();
        return {
          EndpointName: 'e',
          EndpointStatus: pending === undefined ? ('InService' as const) : ('Updating' as const),
          ...(config !== undefined && { EndpointConfigName: config }),
          ...(pending !== undefined && { PendingDeploymentSummary: { EndpointConfigName: pending } }),
          ...(failure !== undefined && { FailureReason: failure }),
          LastModifiedTime: modifiedAtMs,
        };
      }),
    ];
  }
}

type Given = Partial<ActionDeclaration>;

const typed = (category: ActionDeclaration['actionTypeId']['category'], provider: string) =>
  ({ category, owner: 'AWS', provider, version: '1' }) as const;

export const source = (more: Given = {}): ActionDeclaration => ({
  name: 'Fetch',
  actionTypeId: typed('Source', 'CodeCommit'),
  configuration: { RepositoryName: 'repo', BranchName: 'main' },
  outputArtifacts: [{ name: 'Code' }],
  namespace: 'Origin',
  ...more,
});

export const build = (name: string, more: Given = {}): ActionDeclaration => ({
  name,
  actionTypeId: typed('Build', 'CodeBuild'),
  configuration: { ProjectName: name },
  inputArtifacts: [{ name: 'Code' }],
  outputArtifacts: [{ name: `${name}Out` }],
  ...more,
});

export const approval = (more: Given = {}): ActionDeclaration => ({
  name: 'Approve',
  actionTypeId: typed('Approval', 'Manual'),
  ...more,
});

export const deploy = (more: Given = {}): ActionDeclaration => ({
  name: 'Deploy',
  actionTypeId: typed('Deploy', 'SageMakerEndpoint'),
  configuration: {
    EndpointName: 'e',
    ModelPackageArn: `arn:aws:sagemaker:${REGION}:${ACCOUNT}:model-package/g/1`,
    ExecutionRoleArn: ROLE,
  },
  ...more,
});

export const invoke = (more: Given = {}): ActionDeclaration => ({
  name: 'Invoke',
  actionTypeId: typed('Invoke', 'Lambda'),
  configuration: { FunctionName: 'f', UserParameters: '#{Origin.CommitId}' },
  ...more,
});

export const pipelineOf = (
  stages: readonly (readonly [name: string, actions: ActionDeclaration[], more?: object])[],
  more: Partial<PipelineDeclaration> = {},
): PipelineDeclaration => ({
  name: 'P',
  roleArn: ROLE,
  artifactStore: { type: 'S3', location: 'artifacts' },
  stages: [{ name: 'Source', actions: [source()] }, ...stages.map(([name, actions, rest = {}]) => ({ name, actions, ...rest }))],
  ...more,
});

const rigs: DeliveryRig[] = [];
after(async () => {
  for (const rig of rigs) await rig.close();
});

/** A started one, which is closed after the tests of a file. */
export async function rigOf(): Promise<DeliveryRig> {
  const rig = new DeliveryRig();
  rigs.push(rig);
  await rig.start();
  return rig;
}

/** A pipeline and the execution it was made with, as far as that comes by itself. */
export async function made(pipeline: PipelineDeclaration): Promise<{ rig: DeliveryRig; execution: string }> {
  const rig = await rigOf();
  await rig.call('codepipeline:CreatePipeline', { pipeline });
  await rig.loop.idle();
  return { rig, execution: (await executions(rig))[0]?.pipelineExecutionId ?? '' };
}

/** Newest first. */
export const executions = async (rig: DeliveryRig) =>
  (await rig.call('codepipeline:ListPipelineExecutions', { pipelineName: 'P' })).pipelineExecutionSummaries ?? [];

export const statusOf = async (rig: DeliveryRig, id: string) =>
  (await executions(rig)).find(({ pipelineExecutionId }) => pipelineExecutionId === id)?.status;

export async function start(rig: DeliveryRig): Promise<string> {
  const { pipelineExecutionId = '' } = await rig.call('codepipeline:StartPipelineExecution', { name: 'P' });
  await rig.loop.idle();
  return pipelineExecutionId;
}

export async function stop(rig: DeliveryRig, pipelineExecutionId: string, abandon = true): Promise<void> {
  await rig.call('codepipeline:StopPipelineExecution', { pipelineName: 'P', pipelineExecutionId, abandon });
  await rig.loop.idle();
}

export async function retry(rig: DeliveryRig, stageName: string, pipelineExecutionId: string): Promise<void> {
  const input = { pipelineName: 'P', stageName, pipelineExecutionId, retryMode: 'FAILED_ACTIONS' as const };
  await rig.call('codepipeline:RetryStageExecution', input);
  await rig.loop.idle();
}

/** Of the request for approval that a stage waits for. */
export async function tokenOf(rig: DeliveryRig, stage: string): Promise<string | undefined> {
  const { stageStates = [] } = await rig.call('codepipeline:GetPipelineState', { name: 'P' });
  const states = stageStates.find(({ stageName }) => stageName === stage)?.actionStates ?? [];
  return states.map(({ latestExecution }) => latestExecution?.token).find((token) => token !== undefined);
}

type Answer = 'Approved' | 'Rejected';

export const answer = (rig: DeliveryRig, stage: string, token: string, status: Answer = 'Approved', principal = admin) => {
  const action = { pipelineName: 'P', stageName: stage, actionName: 'Approve' };
  return rig.call('codepipeline:PutApprovalResult', { ...action, result: { status, summary: 'looked at' }, token }, principal);
};

export async function approve(rig: DeliveryRig, stage: string): Promise<void> {
  await answer(rig, stage, (await tokenOf(rig, stage)) ?? '');
  await rig.loop.idle();
}

export async function endAll(rig: DeliveryRig, status: 'SUCCEEDED' | 'FAILED' = 'SUCCEEDED'): Promise<void> {
  for (const one of rig.running()) await rig.endBuild(one, status);
  await rig.loop.idle();
}

export async function actionsOf(rig: DeliveryRig, pipelineExecutionId: string) {
  const input = { pipelineName: 'P', filter: { pipelineExecutionId } };
  return (await rig.call('codepipeline:ListActionExecutions', input)).actionExecutionDetails ?? [];
}

/** What events said, in order. */
export async function told(rig: DeliveryRig, kind: 'Pipeline' | 'Stage' | 'Action'): Promise<string[]> {
  const events = await rig.store.events({ afterSequence: 0, limit: 1_000 });
  return events
    .filter(({ detailType }) => detailType === `CodePipeline ${kind} Execution State Change`)
    .map(({ detail }) => [detail['stage'], detail['action'], detail['state']].filter(Boolean).join(' '));
}

export const refused = (code: string) => (error: unknown) => error instanceof ServiceError && error.code === code;
