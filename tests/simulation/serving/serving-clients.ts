import type { InputOf, OperationName, OutputOf } from '../../../src/contract/operations.ts';
import { ServiceError } from '../../../src/platform/errors/families.ts';
import type { AcceptedInvocation, Answered } from '../../../src/platform/ports/routes.ts';
import { zipOf } from '../../harness/zip.ts';
import type { Machine } from '../machine.ts';
import type { Random } from '../random.ts';
import type { Action } from '../scheduler.ts';
import { FILES_VARIABLE, OUTCOME_VARIABLE } from '../workload/outcomes.ts';
import { SURROUNDINGS } from '../workload/step-shapes.ts';
import { Unanswered } from '../unanswered.ts';
import type { World } from '../world.ts';
import { judgeServing } from './judge-serving.ts';

/** Untokened: what clients leave to their SDK. */
type Asked<N extends OperationName> = Omit<InputOf<N>, 'ClientRequestToken'> & { ClientRequestToken?: string };

const GROUP = 'served';
const OUTCOMES = [
  ...Array.from({ length: 12 }, () => 'ok'),
  'fail-until-attempt-2',
  'fail-until-attempt-3',
  'lost-until-attempt-2',
  'fail',
  'oom',
];
const FUNCTION = { 'app.py': 'def handler(event, context):\n    return event\n' };

interface Container {
  readonly Image: string;
  readonly ModelDataUrl: string;
  readonly Environment: Record<string, string>;
}

/** What was invoked of a function and how the client asked for it to come out. */
export interface Invoked {
  readonly id: number;
  readonly outcome: string;
  readonly kind: 'Event' | 'RequestResponse';
}

/** Clients of endpoints, models, transform jobs and functions, who come and go in no order. */
export class ServingClients {
  busy = 0;
  /** Whose deletion was acknowledged, and that nobody asked for again. */
  readonly deleted = new Set<string>();
  /** Acknowledged, by name. */
  readonly created = new Set<string>();
  /** Transform jobs by name: how they are to end. */
  readonly transforms = new Map<string, { readonly outcome: string; stopped: boolean; acknowledged: boolean; ended: boolean }>();
  /** Asynchronous invocations of endpoints, as they were accepted. */
  readonly accepted: (AcceptedInvocation & { readonly endpoint: string; readonly createdAtMs: unknown })[] = [];
  /** Acknowledged events. */
  readonly events: Invoked[] = [];
  readonly #world: World;
  readonly #machine: Machine;
  readonly #random: Random;
  readonly #underWay = new Map<string, number>();
  readonly #lastTurn = new Map<string, number>();
  #count = 0;

  constructor(world: World, machine: Machine, random: Random) {
    this.#world = world;
    this.#machine = machine;
    this.#random = random;
  }

  async prepare(): Promise<void> {
    const { bucket: Bucket } = SURROUNDINGS;
    await this.#world.call('s3:CreateBucket', { Bucket });
    for (const Key of ['in/a', 'in/b', 'm/1', 'm/2']) await this.#put(Key, Key);
    await this.#world.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: GROUP });
    await this.#createFunction('f1');
    for (const n of [1, 2, 3]) {
      if (n < 3) await this.#createModel(`m${n}`);
      await this.#createConfig(`c${n}`, `m${n === 3 ? 1 : n}`);
      await this.#register();
    }
  }

  next(): Action | undefined {
    const acts: readonly [name: string, weight: number, act: () => Promise<unknown>][] = [
      ['put model data', 0.5, () => this.#put(`m/${1 + this.#random.int(2)}`, `model ${this.#number()}`)],
      ['register', 1, () => this.#register()],
      ['decide on a package', 1, () => this.#decide()],
      ['deploy what was withdrawn', 0.3, () => this.#deployWithdrawn()],
      ['create a model', 2, () => this.#createModel()],
      ['delete a model', 0.3, () => this.#call('sagemaker:DeleteModel', { ModelName: this.#name('m') })],
      ['create a config', 2, () => this.#createConfig()],
      ['delete a config', 0.3, () => this.#call('sagemaker:DeleteEndpointConfig', { EndpointConfigName: this.#name('c') })],
      ['create an endpoint', 2, () => this.#createEndpoint()],
      ['update an endpoint', 1.5, () => this.#updateEndpoint()],
      ['scale an endpoint', 0.5, () => this.#scale()],
      ['delete an endpoint', 0.7, () => this.#deleteEndpoint()],
      ['invoke an endpoint', 2, () => this.#invokeEndpoint()],
      [
        'delete data',
        0.2,
        () => this.#call('s3:DeleteObject', { Bucket: SURROUNDINGS.bucket, Key: `m/${1 + this.#random.int(2)}` }),
      ],
      ['process', 1, () => this.#process()],
      ['stop a job', 0.4, () => this.#call('sagemaker:StopProcessingJob', { ProcessingJobName: this.#name('j') })],
      ['delete a job', 0.4, () => this.#call('sagemaker:DeleteProcessingJob', { ProcessingJobName: this.#name('j') })],
      ['transform', 1, () => this.#transform()],
      ['stop a transform', 0.3, () => this.#stopTransform()],
      ['invoke a function', 2, () => this.#invoke()],
      ['change a function', 0.4, () => this.#changeFunction()],
      ['delete a function', 0.15, () => this.#deleteFunction()],
      ['create a function', 0.3, () => this.#createFunction(this.#name('f', 2))],
      ['create a function and regret it', 0.1, () => this.#regretFunction()],
    ];
    let left = this.#random.next() * acts.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight, act] of acts) {
      left -= weight;
      if (left < 0) return { name, perform: () => void this.#run(name, act) };
    }
    return undefined;
  }

  /** What would run on for days is stopped, so that everything can end. */
  finishing(): Action | undefined {
    if (this.busy > 0) return undefined;
    const hanging = [...this.transforms].find(([, { outcome, ended }]) => outcome === 'hang' && !ended)?.[0];
    if (hanging === undefined) return undefined;
    return { name: `stop ${hanging}`, perform: () => void this.#run('stop what hangs', () => this.#stopAtLast(hanging)) };
  }

  judge(): Promise<string[]> {
    return judgeServing(this.#world, this.#machine, this);
  }

  async #run(name: string, act: () => Promise<unknown>): Promise<void> {
    const { coverage } = this.#world;
    this.busy += 1;
    try {
      await act();
      coverage.add('client', name);
    } catch (error) {
      if (error instanceof Unanswered) coverage.add('client', `${name}: unanswered`);
      else if (error instanceof ServiceError) coverage.add('client', `${name}: ${error.code}`);
      else coverage.add('client', `${name}: ${String(error).slice(0, 60)}`);
    } finally {
      this.busy -= 1;
    }
  }

  #number(): number {
    this.#count += 1;
    return this.#count;
  }

  /** One of few names, so that clients meet. */
  #name(prefix: string, count = 3): string {
    return `${prefix}${1 + this.#random.int(count)}`;
  }

  #call<N extends OperationName>(name: N, input: Asked<N>): Promise<OutputOf<N>> {
    return this.#world.call(name, input as InputOf<N>);
  }

  #put(Key: string, text: string): Promise<unknown> {
    return this.#world.call('s3:PutObject', { Bucket: SURROUNDINGS.bucket, Key, Body: bodyOf(text) } as InputOf<'s3:PutObject'>);
  }

  #container(): Container {
    return {
      Image: SURROUNDINGS.imageUri,
      ModelDataUrl: `s3://${SURROUNDINGS.bucket}/m/${1 + this.#random.int(2)}`,
      Environment: { [OUTCOME_VARIABLE]: this.#random.pick(OUTCOMES) },
    };
  }

  #register(): Promise<unknown> {
    return this.#registerAs(this.#random.pick(['Approved', 'PendingManualApproval']), this.#container());
  }

  #registerAs(ModelApprovalStatus: 'Approved' | 'PendingManualApproval', container: Container) {
    return this.#call('sagemaker:CreateModelPackage', {
      ModelPackageGroupName: GROUP,
      ModelApprovalStatus,
      InferenceSpecification: {
        Containers: [container],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    });
  }

  #package(): string {
    return `${SURROUNDINGS.functionArn.replace('lambda', 'sagemaker').replace(/function:.*$/, '')}model-package/${GROUP}/${1 + this.#random.int(4)}`;
  }

  #decide(): Promise<unknown> {
    return this.#call('sagemaker:UpdateModelPackage', {
      ModelPackageArn: this.#package(),
      ModelApprovalStatus: this.#random.pick(['Approved', 'Rejected']),
    });
  }

  /** Its approval is withdrawn once model and config of it are made, which is late, but not too late. */
  async #deployWithdrawn(): Promise<unknown> {
    const [container, name] = [this.#container(), `w${this.#number()}`];
    const { ModelPackageArn } = await this.#registerAs('Approved', container);
    await this.#call('sagemaker:CreateModel', {
      ModelName: name,
      ExecutionRoleArn: SURROUNDINGS.roleArn,
      PrimaryContainer: { ModelPackageName: ModelPackageArn, Environment: container.Environment },
    });
    await this.#createConfig(name, name);
    await this.#call('sagemaker:UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus: 'Rejected' });
    const act = this.#random.pick([
      () => this.#createEndpoint(name),
      () => this.#updateEndpoint(name),
      () => this.#transform(name),
    ]);
    return act();
  }

  #createModel(ModelName = this.#name('m')): Promise<unknown> {
    const container = this.#container();
    const { Environment } = container;
    return this.#call('sagemaker:CreateModel', {
      ModelName,
      ExecutionRoleArn: SURROUNDINGS.roleArn,
      PrimaryContainer: ModelName === 'm3' ? { ModelPackageName: this.#package(), Environment } : container,
    });
  }

  #createConfig(EndpointConfigName = this.#name('c'), model?: string): Promise<unknown> {
    const asynchronous = EndpointConfigName === 'c3';
    const variants = !asynchronous && this.#random.chance(0.3) ? ['A', 'B'] : ['A'];
    const { bucket } = SURROUNDINGS;
    return this.#call('sagemaker:CreateEndpointConfig', {
      EndpointConfigName,
      ProductionVariants: variants.map((VariantName) => ({
        VariantName,
        ModelName: model ?? this.#name('m'),
        ...(!asynchronous && this.#random.chance(0.2)
          ? { ServerlessConfig: { MemorySizeInMB: 1024, MaxConcurrency: 2 } }
          : {
              InitialInstanceCount: 1 + this.#random.int(2),
              InstanceType: 'ml.m5.large' as const,
              InitialVariantWeight: this.#random.pick([0, 1, 2]),
            }),
      })),
      ...(asynchronous && {
        AsyncInferenceConfig: {
          OutputConfig: { S3OutputPath: `s3://${bucket}/async`, S3FailurePath: `s3://${bucket}/failed` },
        },
      }),
    });
  }

  #createEndpoint(EndpointConfigName = this.#name('c')): Promise<void> {
    const EndpointName = this.#name('e', 2);
    return this.#alone(EndpointName, this.created, () =>
      this.#call('sagemaker:CreateEndpoint', { EndpointName, EndpointConfigName }),
    );
  }

  /** What was acknowledged counts where nobody else asked for something of this name meanwhile. */
  async #alone(name: string, outcome: Set<string>, act: () => Promise<unknown>): Promise<void> {
    const turn = this.#number();
    const others = this.#underWay.get(name) ?? 0;
    this.#underWay.set(name, others + 1);
    this.#lastTurn.set(name, turn);
    this.created.delete(name);
    this.deleted.delete(name);
    try {
      await act();
      if (others === 0 && this.#lastTurn.get(name) === turn) outcome.add(name);
    } finally {
      this.#underWay.set(name, (this.#underWay.get(name) ?? 1) - 1);
    }
  }

  #updateEndpoint(EndpointConfigName = this.#name('c')): Promise<unknown> {
    const wait = { WaitIntervalInSeconds: this.#random.pick([0, 30]) };
    const policy = {
      BlueGreenUpdatePolicy: {
        TrafficRoutingConfiguration: { Type: 'ALL_AT_ONCE' as const, ...wait },
        TerminationWaitInSeconds: this.#random.pick([0, 60]),
        MaximumExecutionTimeoutInSeconds: 600,
      },
    };
    return this.#call('sagemaker:UpdateEndpoint', {
      EndpointName: this.#name('e', 2),
      EndpointConfigName,
      ...(this.#random.chance(0.3) && { DeploymentConfig: policy }),
      ...(this.#random.chance(0.3) && { RetainAllVariantProperties: true }),
    });
  }

  #scale(): Promise<unknown> {
    return this.#call('sagemaker:UpdateEndpointWeightsAndCapacities', {
      EndpointName: this.#name('e', 2),
      DesiredWeightsAndCapacities: [
        { VariantName: 'A', DesiredWeight: this.#random.int(4), DesiredInstanceCount: 1 + this.#random.int(3) },
      ],
    });
  }

  #deleteEndpoint(): Promise<void> {
    const EndpointName = this.#name('e', 2);
    return this.#alone(EndpointName, this.deleted, () => this.#call('sagemaker:DeleteEndpoint', { EndpointName }));
  }

  /** Straight to the router, which answers also while no server lives. */
  async #invokeEndpoint(): Promise<void> {
    const { router, host } = this.#machine.parts;
    const EndpointName = this.#name('e', 2);
    const place = { account: '123456789012', region: 'us-east-1', name: EndpointName };
    const inputlocation = `s3://${SURROUNDINGS.bucket}/in/${this.#random.pick(['a', 'b', 'absent'])}`;
    const headers = { 'x-amzn-sagemaker-inputlocation': inputlocation };
    const answer = router.invoke(place, { requestId: `async-${this.#number()}`, headers });
    this.#world.coverage.add('invocation', answer.kind);
    if (answer.kind === 'asynchronous') {
      // not waited for: a server that dies never answers
      void answer.accepted?.then(
        (accepted) => this.#noteAccepted(EndpointName, accepted),
        () => this.#world.coverage.add('invocation', 'not accepted'),
      );
      return;
    }
    // the router tells its client what kept the server from it
    if (answer.kind === 'asleep') void answer.woken?.catch(() => this.#world.coverage.add('invocation', 'not woken'));
    if (answer.kind !== 'sent') return;
    const work = host.works.get(answer.instance.id);
    this.#world.coverage.add('invocation', work?.ready ? 'answered' : 'its model server is away');
    const { clock } = this.#machine;
    clock.at(clock.now() + this.#random.pick([10, 2_000, 90_000]), () => answer.end());
  }

  #noteAccepted(endpoint: string, accepted: Answered<AcceptedInvocation> | undefined): void {
    if (!accepted || 'fault' in accepted) return;
    this.#world.coverage.add('invocation', 'accepted');
    const key = { account: '123456789012', region: 'us-east-1', kind: 'Endpoint', name: endpoint };
    const createdAtMs = this.#machine.disk.rows.get(key)?.document['CreationTime'];
    this.accepted.push({ endpoint, createdAtMs, ...accepted });
  }

  #process(): Promise<unknown> {
    return this.#call('sagemaker:CreateProcessingJob', {
      ProcessingJobName: this.#name('j'),
      RoleArn: SURROUNDINGS.roleArn,
      AppSpecification: { ImageUri: SURROUNDINGS.imageUri, ContainerEntrypoint: ['python3'] },
      Environment: {
        [OUTCOME_VARIABLE]: this.#random.pick(['ok', 'ok', 'fail', 'lost', 'hang']),
        [FILES_VARIABLE]: JSON.stringify({ 'out/file': 'left' }),
      },
      ProcessingInputs: [
        {
          InputName: 'in',
          S3Input: {
            S3Uri: `s3://${SURROUNDINGS.bucket}/in`,
            LocalPath: '/opt/ml/processing/input/in',
            S3DataType: 'S3Prefix',
            S3InputMode: 'File',
          },
        },
      ],
      ProcessingOutputConfig: {
        Outputs: [
          {
            OutputName: 'out',
            S3Output: {
              S3Uri: `s3://${SURROUNDINGS.bucket}/jobs/${this.#number()}`,
              LocalPath: '/opt/ml/processing/out',
              S3UploadMode: 'EndOfJob',
            },
          },
        ],
      },
      ProcessingResources: {
        ClusterConfig: { InstanceCount: 1 + this.#random.int(2), InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
      },
      StoppingCondition: { MaxRuntimeInSeconds: 600 },
    });
  }

  async #transform(ModelName = this.#name('m')): Promise<void> {
    const TransformJobName = `t${this.#number()}`;
    const outcome = this.#random.pick(['ok', 'ok', 'ok', 'fail', 'oom', 'lost', 'hang']);
    const S3Uri = `s3://${SURROUNDINGS.bucket}/${this.#random.pick(['in', 'in', 'absent'])}`;
    const state = { outcome: S3Uri.endsWith('absent') ? 'refused' : outcome, stopped: false, acknowledged: false, ended: false };
    this.transforms.set(TransformJobName, state);
    await this.#call('sagemaker:CreateTransformJob', {
      TransformJobName,
      ModelName,
      Environment: { [OUTCOME_VARIABLE]: outcome },
      TransformInput: { DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri } } },
      TransformOutput: { S3OutputPath: `s3://${SURROUNDINGS.bucket}/out/${TransformJobName}` },
      TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 1 + this.#random.int(2) },
    });
    state.acknowledged = true;
  }

  async #stopTransform(): Promise<void> {
    const names = [...this.transforms.keys()];
    if (names.length === 0) return;
    await this.#stopOf(this.#random.pick(names));
  }

  /** Nobody creates it any more: what is refused now is over, or never was. */
  async #stopAtLast(name: string): Promise<void> {
    const state = this.transforms.get(name);
    await this.#stopOf(name).catch((error: unknown) => {
      if (!(error instanceof ServiceError) || error.code !== 'ValidationException') throw error;
    });
    if (state) state.ended = true;
  }

  async #stopOf(TransformJobName: string): Promise<void> {
    const state = this.transforms.get(TransformJobName);
    if (state) state.stopped = true;
    await this.#call('sagemaker:StopTransformJob', { TransformJobName });
  }

  async #createFunction(FunctionName: string): Promise<void> {
    await this.#call('lambda:CreateFunction', {
      FunctionName,
      Role: SURROUNDINGS.roleArn,
      Runtime: 'python3.11',
      Handler: 'app.handler',
      Timeout: 60,
      Code: { ZipFile: zipOf(FUNCTION) },
    });
  }

  #changeFunction(): Promise<unknown> {
    return this.#call('lambda:UpdateFunctionConfiguration', {
      FunctionName: this.#name('f', 2),
      Timeout: this.#random.pick([10, 60]),
      MemorySize: this.#random.pick([128, 256]),
    });
  }

  #deleteFunction(FunctionName = this.#name('f', 2)): Promise<unknown> {
    return this.#call('lambda:DeleteFunction', { FunctionName });
  }

  /** Deletes it as soon as its creation is answered, which is before it is active. */
  async #regretFunction(): Promise<void> {
    await this.#createFunction('f3');
    await this.#deleteFunction('f3');
  }

  async #invoke(): Promise<void> {
    const id = this.#number();
    const outcome = this.#random.pick(['ok', 'ok', 'ok', 'fail', 'fail-until-attempt-2', 'oom', 'lost', 'hang']);
    const kind = this.#random.pick(['Event', 'RequestResponse'] as const);
    await this.#call('lambda:Invoke', {
      FunctionName: this.#name('f', 2),
      InvocationType: kind,
      Payload: Buffer.from(JSON.stringify({ simOutcome: outcome, simReturns: { id } })),
    });
    if (kind === 'Event') this.events.push({ id, outcome, kind });
  }
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
