import type { InputOf } from '../../src/contract/operations.ts';
import { zipOf } from '../crash/zip.ts';
import type { Circumstances } from './oracle/interpreter.ts';
import { checkExecution } from './oracle/check-execution.ts';
import { observeExecution } from './oracle/observe-execution.ts';
import type { Random } from './random.ts';
import type { Action } from './scheduler.ts';
import { randomPipeline } from './workload/random-pipeline.ts';
import { SURROUNDINGS } from './workload/step-shapes.ts';
import { Unanswered, type World } from './world.ts';

/** What clients did to one execution, answered or not. */
interface Started {
  arn: string;
  stops: number;
  retries: number;
}

const FUNCTION = { 'app.py': 'def handler(event, context):\n    return event\n' };
const CALLBACK_QUEUE = 'approvals';

/** Clients outside of the machine: what they ask for, what they were told, and what they check in the end. */
export class Clients {
  busy = 0;
  /** Executions whose start was acknowledged, by ARN. */
  readonly started = new Map<string, Started>();
  readonly #world: World;
  readonly #random: Random;
  readonly #pipelines: string[] = [];
  #pipelineCount = 0;
  /** Whether the machine, or a client, did something to the work of a step that its definition does not say. */
  readonly #disturbed: (executionId: string, step: string) => boolean;

  constructor(world: World, random: Random, disturbed: (executionId: string, step: string) => boolean) {
    this.#world = world;
    this.#random = random;
    this.#disturbed = disturbed;
  }

  /** What pipelines name: made before anything goes wrong. */
  async prepare(): Promise<void> {
    const world = this.#world;
    const { bucket, roleArn } = SURROUNDINGS;
    await world.call('s3:CreateBucket', { Bucket: bucket });
    for (const Key of ['stable/a', 'stable/b', 'stable/model/model.tar.gz', 'flaky/a']) {
      await world.call('s3:PutObject', { Bucket: bucket, Key, Body: bodyOf(Key) } as InputOf<'s3:PutObject'>);
    }
    await world.call('sqs:CreateQueue', { QueueName: CALLBACK_QUEUE });
    await world.call('lambda:CreateFunction', {
      FunctionName: 'sim',
      Role: roleArn,
      Runtime: 'python3.11',
      Handler: 'app.handler',
      Code: { ZipFile: zipOf(FUNCTION) },
    });
    for (const ModelPackageGroupName of ['sim-group-a', 'sim-group-b']) {
      await world.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName });
    }
  }

  /** One more thing that a client does. */
  next(): Action | undefined {
    const acts: [string, number, () => Promise<void>][] = [
      ['create a pipeline', this.#pipelines.length < 3 ? 3 : 0.2, () => this.#createPipeline()],
      ['start an execution', this.#pipelines.length > 0 ? 3 : 0, () => this.#start()],
      ['stop an execution', this.started.size > 0 ? 0.5 : 0, () => this.#stop()],
      ['retry an execution', this.started.size > 0 ? 0.7 : 0, () => this.#retry()],
      ['answer a callback', 2, () => this.#answerCallback()],
    ];
    let left = this.#random.next() * acts.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight, act] of acts) {
      left -= weight;
      if (left < 0) return { name, perform: () => void this.#run(name, act) };
    }
    return undefined;
  }

  /** Answers what waits for a client, so that everything can end. */
  finishing(): Action | undefined {
    return this.busy > 0
      ? undefined
      : { name: 'answer a callback', perform: () => void this.#run('answer', () => this.#answerCallback()) };
  }

  async #run(name: string, act: () => Promise<void>): Promise<void> {
    this.busy += 1;
    try {
      await act();
    } catch (error) {
      if (error instanceof Unanswered) this.#world.coverage.add('client', `${name}: unanswered`);
      else this.#world.coverage.add('client', `${name}: ${error instanceof Error ? error.name : 'refused'}`);
    } finally {
      this.busy -= 1;
    }
  }

  async #createPipeline(): Promise<void> {
    const { text } = randomPipeline(this.#random.fork(`pipeline ${this.#pipelineCount}`), { sharedEndpoints: true });
    const PipelineName = `P${this.#pipelineCount}`;
    this.#pipelineCount += 1;
    await this.#world.call('sagemaker:CreatePipeline', {
      PipelineName,
      RoleArn: SURROUNDINGS.roleArn,
      PipelineDefinition: text,
      ClientRequestToken: `create-pipeline-${PipelineName}`.padEnd(40, '-'),
    });
    this.#pipelines.push(PipelineName);
  }

  async #start(): Promise<void> {
    const PipelineName = this.#random.pick(this.#pipelines);
    const { parameters } = randomPipeline(this.#random.fork(`pipeline ${PipelineName.slice(1)}`), { sharedEndpoints: true });
    const { PipelineExecutionArn: arn = '' } = await this.#world.call('sagemaker:StartPipelineExecution', {
      PipelineName,
      PipelineParameters: [...parameters],
      ClientRequestToken: this.#token(),
    });
    this.started.set(arn, { arn, stops: 0, retries: 0 });
  }

  async #stop(): Promise<void> {
    const one = this.#random.pick([...this.started.values()]);
    one.stops += 1;
    await this.#world.call('sagemaker:StopPipelineExecution', {
      PipelineExecutionArn: one.arn,
      ClientRequestToken: this.#token(),
    });
  }

  async #retry(): Promise<void> {
    const one = this.#random.pick([...this.started.values()]);
    one.retries += 1;
    await this.#world.call('sagemaker:RetryPipelineExecution', {
      PipelineExecutionArn: one.arn,
      ClientRequestToken: this.#token(),
    });
  }

  #token(): string {
    return `token-${this.#random.int(2 ** 32)}`.padEnd(32, '0');
  }

  async #answerCallback(): Promise<void> {
    const QueueUrl = SURROUNDINGS.queueUrl;
    const { Messages = [] } = await this.#world.call('sqs:ReceiveMessage', { QueueUrl, VisibilityTimeout: 30 });
    for (const { Body = '{}', ReceiptHandle = '' } of Messages) {
      const message = JSON.parse(Body) as { token: string; arguments: unknown };
      await answer(this.#world, message);
      await this.#world.call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle });
    }
  }

  /** Everything rests: is each execution as its definition permits? */
  async judge(): Promise<string[]> {
    const problems: string[] = [];
    for (const { arn, stops, retries } of this.started.values()) {
      const id = arn.split('/').at(-1) ?? '';
      const circumstances: Circumstances = {
        stopped: stops > 0,
        rounds: retries,
        disturbed: (step) => this.#disturbed(id, step),
      };
      const observed = await observeExecution(this.#world, arn);
      problems.push(...checkExecution(observed, circumstances).map((problem) => `execution ${id}: ${problem}`));
    }
    return problems;
  }
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function answer(
  world: World,
  { token: CallbackToken, arguments: given }: { token: string; arguments: unknown },
): Promise<void> {
  const plan = (given ?? {}) as { simOutcome?: string; simReturns?: Record<string, unknown> };
  const OutputParameters = Object.entries(plan.simReturns ?? {}).map(([Name, Value]) => ({ Name, Value: String(Value) }));
  if ((plan.simOutcome ?? 'ok') !== 'ok')
    await world.call('sagemaker:SendPipelineExecutionStepFailure', { CallbackToken, FailureReason: 'planned' });
  else await world.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken, OutputParameters });
}
