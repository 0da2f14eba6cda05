import type { PipelineDeclaration } from '../../../src/contract/generated/codepipeline.ts';
import type { InputOf } from '../../../src/contract/operations.ts';
import { canonicalJson } from '../../../src/platform/ledger/canonical.ts';
import type { JsonObject } from '../../../src/platform/json.ts';
import { zipOf } from '../../harness/zip.ts';
import type { Machine } from '../machine.ts';
import type { Random } from '../random.ts';
import type { Action } from '../scheduler.ts';
import { type Choice, type Client, Memory, onlyFrom } from '../workload/memory.ts';
import { bodyOf } from '../workload/model-actions.ts';
import { processingStep, SURROUNDINGS } from '../workload/step-shapes.ts';
import type { World } from '../world.ts';
import { answerChoices, answerEverything, Asked } from './answers.ts';
import { judgeDelivery } from './judge-delivery.ts';
import { ENDPOINTS, MODEL_PACKAGE, MODEL_PIPELINE, randomDelivery, SOURCES } from './random-delivery.ts';

const NAMES = ['d1', 'd2'];
/** How often everything is answered once faults have stopped. */
const FINISHING_MS = 120_000;
/** Longer than most things that go on by themselves. */
const LASTS_MS = 1_800_000;
const FUNCTION = { 'app.py': 'def handler(event, context):\n    return event\n' };

/** What is known of one execution of a delivery pipeline. */
export interface KnownDelivery {
  readonly pipeline: string;
  readonly id: string;
  /** The value of its variable that it was started with. */
  readonly given?: string;
  /** Where it was once seen to have ended, and nobody asked for a retry since. */
  ended?: string;
}

/** What clients of delivery pipelines do, with their memory of what they were told. */
export class DeliveryClients {
  busy = 0;
  readonly memory: Memory;
  readonly asked = new Asked();
  readonly known = new Map<string, KnownDelivery>();
  readonly #world: World;
  readonly #machine: Machine;
  /** Since when an execution was seen to go on without faults. */
  readonly #goesOnSinceMs = new Map<string, number>();
  #finishingAtMs = 0;

  constructor(world: World, machine: Machine, random: Random) {
    this.#world = world;
    this.#machine = machine;
    this.memory = new Memory(random, (what, how) => world.coverage.add('client', `${what}: ${how}`));
  }

  async prepare(): Promise<void> {
    const client = this.#world;
    const { roleArn, imageUri } = SURROUNDINGS;
    for (const Bucket of [SOURCES.bucket, SOURCES.artifacts, SURROUNDINGS.bucket])
      await client.call('s3:CreateBucket', { Bucket });
    const versioned = { Bucket: SOURCES.bucket, VersioningConfiguration: { Status: 'Enabled' as const } };
    await client.call('s3:PutBucketVersioning', versioned);
    for (const [Bucket, Key] of [
      ...SOURCES.keys.map((key) => [SOURCES.bucket, key] as const),
      [SURROUNDINGS.bucket, 'in/a'],
      [SURROUNDINGS.bucket, 'model.tar.gz'],
    ] as const)
      await client.call('s3:PutObject', { Bucket, Key, Body: bodyOf(Key) as never });
    const runtime = { Runtime: 'python3.11', Handler: 'app.handler' } as const;
    const Code = { ZipFile: zipOf(FUNCTION) };
    await client.call('lambda:CreateFunction', { FunctionName: 'sim', Role: roleArn, ...runtime, Code });
    const PipelineDefinition = JSON.stringify(modelPipeline());
    await client.call('sagemaker:CreatePipeline', {
      PipelineName: MODEL_PIPELINE,
      PipelineDefinition,
      RoleArn: roleArn,
      ClientRequestToken: this.memory.token(),
    });
    const [, group] = /package\/(.+)\/1$/.exec(MODEL_PACKAGE) ?? [];
    await client.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: group ?? '' });
    await client.call('sagemaker:CreateModelPackage', {
      ModelPackageGroupName: group ?? '',
      ModelApprovalStatus: 'Approved',
      ClientToken: this.memory.token(),
      InferenceSpecification: {
        Containers: [{ Image: imageUri, ModelDataUrl: `s3://${SURROUNDINGS.bucket}/model.tar.gz` }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    });
    await this.#create(client, randomDelivery(this.memory.random, NAMES[0] ?? ''));
  }

  next(): Action {
    const choices = [...this.#pipelineChoices(), ...this.#executionChoices(), ...answerChoices(this.#answering())];
    let left = this.memory.random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, name, perform] of choices) {
      left -= weight;
      if (left < 0) return this.#action(name, perform);
    }
    return this.#action('look again', (client) => this.look(client, NAMES[0] ?? ''));
  }

  /** Opens what is closed and answers what waits, so that everything can end. */
  finishing(): Action | undefined {
    const nowMs = this.#machine.clock.now();
    if (this.busy > 0 || nowMs - this.#finishingAtMs < FINISHING_MS) return undefined;
    return this.#action('answer everything', async (client) => {
      this.#finishingAtMs = nowMs;
      await answerEverything(this.#answering(), client);
      for (const name of NAMES) await this.#stopWhatLasts(client, name);
    });
  }

  /** What waits for an answer that its pipeline no longer shows, since it was changed, would last for days. */
  async #stopWhatLasts(client: Client, pipelineName: string): Promise<void> {
    const { memory } = this;
    const { output } = await memory.ask(client, 'codepipeline:ListPipelineExecutions', () => ({ pipelineName }));
    const nowMs = this.#machine.clock.now();
    for (const { pipelineExecutionId: id = '', status } of output?.pipelineExecutionSummaries ?? []) {
      const sinceMs = this.#goesOnSinceMs.get(id) ?? nowMs;
      this.#goesOnSinceMs.set(id, sinceMs);
      if ((status !== 'InProgress' && status !== 'Stopping') || nowMs - sinceMs < LASTS_MS) continue;
      const one = { pipelineName, pipelineExecutionId: id };
      const read = await memory.ask(client, 'codepipeline:GetPipelineExecution', () => one);
      const now = await memory.ask(client, 'codepipeline:GetPipelineState', () => ({ name: pipelineName }));
      if (read.output?.pipelineExecution?.pipelineVersion === now.output?.pipelineVersion) continue;
      this.asked.add(id, 'abandon');
      await memory.ask(client, 'codepipeline:StopPipelineExecution', () => ({ ...one, abandon: true }));
    }
  }

  judge(): Promise<string[]> {
    return judgeDelivery(this.#world, this.#machine, this);
  }

  /** What a client reads of a pipeline, as its register has it. */
  async look(client: Client, name: string): Promise<void> {
    await this.memory.look(client, this.#registerOf(name), 'codepipeline:GetPipeline', () => ({ name }), stateOfOutput);
  }

  get names(): readonly string[] {
    return NAMES;
  }

  #answering() {
    const runs = this.#machine.parts.host.services.runs;
    return { memory: this.memory, asked: this.asked, names: NAMES, runs };
  }

  #pipelineChoices(): Choice[] {
    const { random } = this.memory;
    // mostly one that is there
    const there = NAMES.filter((one) => !this.#registerOf(one).states.has('absent'));
    const name = () => random.pick(there.length > 0 && random.chance(0.95) ? there : NAMES);
    const draw = (named: string) => randomDelivery(random, named);
    return [
      [0.4, 'create a delivery pipeline', (client) => this.#create(client, draw(random.pick(NAMES)))],
      [0.3, 'update a delivery pipeline', (client) => this.#update(client, draw(name()))],
      [0.08, 'delete a delivery pipeline', (client) => this.#delete(client, name())],
      [0.3, 'read a delivery pipeline', (client) => this.look(client, name())],
      [0.8, 'put a source', (client) => this.#put(client)],
      [0.05, 'delete a source', (client) => this.#deleteSource(client)],
      [0.1, 'delete an endpoint', (client) => this.#deleteEndpoint(client)],
      [2, 'start a delivery', (client) => this.#start(client, name())],
      [0.5, 'close a stage', (client) => this.#close(client, name())],
      [0.8, 'open a stage', (client) => this.#open(client, name())],
      [0.5, 'look for deliveries', (client) => this.#list(client, name())],
    ];
  }

  #executionChoices(): Choice[] {
    const { random } = this.memory;
    const known = [...this.known.values()];
    if (known.length === 0) return [];
    // the newest are those that still go on
    const pick = () => random.pick(known.slice(random.chance(0.7) ? -3 : 0));
    return [
      [0.5, 'stop a delivery', (client) => this.#stop(client, pick())],
      [1.2, 'retry a stage', (client) => this.#retry(client, pick())],
      [1, 'roll a stage back', (client) => this.#rollBack(client, pick())],
      [1, 'read a delivery', (client) => this.#read(client, pick())],
    ];
  }

  #action(name: string, perform: (client: Client) => Promise<void>): Action {
    return { name, perform: () => void this.#run(name, perform) };
  }

  async #run(name: string, perform: (client: Client) => Promise<void>): Promise<void> {
    this.busy += 1;
    try {
      await perform(this.#world);
    } catch (error) {
      this.#world.problem(`the client that was to ${name} makes no mistake`, error);
    } finally {
      this.busy -= 1;
      for (const problem of this.memory.problems.splice(0)) this.#world.problem('what was acknowledged is seen', problem);
    }
  }

  #registerOf(name: string) {
    return this.memory.register(`delivery pipeline ${name}`);
  }

  async #create(client: Client, pipeline: PipelineDeclaration): Promise<void> {
    const register = this.#registerOf(pipeline.name);
    await this.memory.change(client, register, onlyFrom('absent', stateOf(pipeline)), 'codepipeline:CreatePipeline', () => ({
      pipeline,
    }));
  }

  async #update(client: Client, pipeline: PipelineDeclaration): Promise<void> {
    const after = (state: string) => (state === 'absent' ? undefined : stateOf(pipeline));
    const register = this.#registerOf(pipeline.name);
    await this.memory.change(client, register, after, 'codepipeline:UpdatePipeline', () => ({ pipeline }));
  }

  async #delete(client: Client, name: string): Promise<void> {
    await this.memory.change(
      client,
      this.#registerOf(name),
      () => 'absent',
      'codepipeline:DeletePipeline',
      () => ({ name }),
    );
    for (const [id, { pipeline }] of this.known) if (pipeline === name) this.known.delete(id);
  }

  async #put(client: Client): Promise<void> {
    const Key = this.memory.random.pick(SOURCES.keys);
    const text = `source ${this.memory.token()}`;
    const input = () => ({ Bucket: SOURCES.bucket, Key, Body: bodyOf(text) }) as unknown as InputOf<'s3:PutObject'>;
    await this.memory.ask(client, 's3:PutObject', input);
  }

  async #deleteSource(client: Client): Promise<void> {
    const Key = this.memory.random.pick(SOURCES.keys);
    this.asked.sourcesDeleted = true;
    await this.memory.ask(client, 's3:DeleteObject', () => ({ Bucket: SOURCES.bucket, Key }));
  }

  async #deleteEndpoint(client: Client): Promise<void> {
    const EndpointName = this.memory.random.pick(ENDPOINTS);
    this.asked.endpointsDeleted = true;
    await this.memory.ask(client, 'sagemaker:DeleteEndpoint', () => ({ EndpointName }));
  }

  async #start(client: Client, name: string): Promise<void> {
    const { memory } = this;
    const { random } = memory;
    const register = this.#registerOf(name);
    const { stamp } = register;
    const clientRequestToken = memory.token();
    const isDeclared = [...register.states].some((state) => state.includes('"variables"'));
    const variables = random.chance(isDeclared ? 0.5 : 0.05)
      ? [{ name: 'Flavor', value: random.pick(['plain', 'fancy']) }]
      : undefined;
    const input = () => ({ name, clientRequestToken, ...(variables && { variables }) });
    for (const again of random.chance(0.2) ? [false, true] : [false]) {
      const { output } = await memory.ask(client, 'codepipeline:StartPipelineExecution', input);
      const id = output?.pipelineExecutionId;
      // a pipeline made anew meanwhile has started another
      if (id === undefined || register.stamp !== stamp || !register.isCertain) return;
      memory.same(clientRequestToken, id);
      const given = variables?.[0]?.value;
      if (!again) this.known.set(id, { pipeline: name, id, ...(given !== undefined && { given }) });
    }
  }

  async #stop(client: Client, { pipeline, id }: KnownDelivery): Promise<void> {
    const abandon = this.memory.random.chance(0.5);
    this.asked.add(id, abandon ? 'abandon' : 'stop');
    const input = () => ({ pipelineName: pipeline, pipelineExecutionId: id, abandon });
    await this.memory.ask(client, 'codepipeline:StopPipelineExecution', input);
  }

  /** Mostly a stage that can be retried. */
  async #retry(client: Client, { pipeline: pipelineName, id }: KnownDelivery): Promise<void> {
    const { memory } = this;
    const { output } = await memory.ask(client, 'codepipeline:GetPipelineState', () => ({ name: pipelineName }));
    const failed = (output?.stageStates ?? []).filter(({ latestExecution }) =>
      /Failed|Stopped/.test(latestExecution?.status ?? ''),
    );
    const [stage] = memory.random.shuffle(failed);
    const { stageName = 'One', latestExecution } = stage ?? {};
    if (!stage && memory.random.chance(0.8)) return;
    const pipelineExecutionId = latestExecution?.pipelineExecutionId ?? id;
    const retryMode = memory.random.pick(['FAILED_ACTIONS', 'ALL_ACTIONS'] as const);
    delete this.known.get(pipelineExecutionId)?.ended;
    const input = () => {
      this.asked.add(pipelineExecutionId, `retry ${stageName}`); // each time that it is sent
      return { pipelineName, pipelineExecutionId, stageName, retryMode };
    };
    await memory.ask(client, 'codepipeline:RetryStageExecution', input);
  }

  /** Mostly to one that can be gone back to. */
  async #rollBack(client: Client, { pipeline: pipelineName, id }: KnownDelivery): Promise<void> {
    const { memory } = this;
    const stageName = memory.random.pick(['One', 'One', 'One', 'Two']);
    const filter = { succeededInStage: { stageName } };
    const { output } = await memory.ask(client, 'codepipeline:ListPipelineExecutions', () => ({ pipelineName, filter }));
    const good = (output?.pipelineExecutionSummaries ?? []).filter(({ executionType }) => executionType === 'STANDARD');
    const [target] = memory.random.shuffle(good);
    if (!target && memory.random.chance(0.8)) return;
    const input = () => ({ pipelineName, stageName, targetPipelineExecutionId: target?.pipelineExecutionId ?? id });
    await memory.ask(client, 'codepipeline:RollbackStage', input);
  }

  async #close(client: Client, pipelineName: string): Promise<void> {
    const stage = { pipelineName, stageName: this.memory.random.pick(['One', 'Two']), transitionType: 'Inbound' as const };
    await this.memory.ask(client, 'codepipeline:DisableStageTransition', () => ({ ...stage, reason: 'not now' }));
  }

  async #open(client: Client, pipelineName: string): Promise<void> {
    const stage = { pipelineName, stageName: this.memory.random.pick(['One', 'Two']), transitionType: 'Inbound' as const };
    await this.memory.ask(client, 'codepipeline:EnableStageTransition', () => stage);
  }

  /** Finds those that sources, the making of a pipeline or a failure started. */
  async #list(client: Client, pipelineName: string): Promise<void> {
    const register = this.#registerOf(pipelineName);
    const { stamp } = register;
    const { output } = await this.memory.ask(client, 'codepipeline:ListPipelineExecutions', () => ({ pipelineName }));
    if (register.stamp !== stamp || !register.isCertain) return;
    for (const { pipelineExecutionId: id } of output?.pipelineExecutionSummaries ?? [])
      if (id !== undefined && !this.known.has(id)) this.known.set(id, { pipeline: pipelineName, id });
  }

  /** How it ended is how it stays, until somebody asks for a retry. */
  async #read(client: Client, known: KnownDelivery): Promise<void> {
    const { pipeline, id, ended } = known;
    const retries = this.asked.retriesOf(id);
    const input = () => ({ pipelineName: pipeline, pipelineExecutionId: id });
    const { output } = await this.memory.ask(client, 'codepipeline:GetPipelineExecution', input);
    const status = output?.pipelineExecution?.status;
    if (status === undefined || this.asked.retriesOf(id) !== retries) return;
    if (ended !== undefined && ended !== status) this.memory.problem(`delivery ${id} had ended ${ended}, and is ${status}`);
    if (retries === 0 && status !== 'InProgress' && status !== 'Stopping') known.ended = status;
  }
}

/** The text that stands for a pipeline as it was given. */
const stateOf = ({ version: _counts, ...pipeline }: PipelineDeclaration): string =>
  canonicalJson(JSON.parse(JSON.stringify(pipeline)) as JsonObject);

const stateOfOutput = (output: { pipeline?: PipelineDeclaration } | undefined): string =>
  output?.pipeline ? stateOf(output.pipeline) : 'absent';

/** One job, whose outcome is a parameter. */
const modelPipeline = () => ({
  Version: '2020-12-01',
  Parameters: [{ Name: 'Outcome', Type: 'String', DefaultValue: 'ok' }],
  Steps: [
    processingStep(
      SURROUNDINGS,
      {
        name: 'Work',
        outcome: { Get: 'Parameters.Outcome' },
        values: {},
        input: `s3://${SURROUNDINGS.bucket}/in`,
      },
      {},
    ),
  ],
});
