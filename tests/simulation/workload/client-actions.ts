import { zipOf } from '../../harness/zip.ts';
import type { Random } from '../random.ts';
import { checkExecution } from '../oracle/check-execution.ts';
import { observeExecution } from '../oracle/observe-execution.ts';
import { type Choice, type Client, type ClientAction, isAbsence, Memory, type StartedExecution } from './memory.ts';
import { CLIENT_GROUP, bodyOf, hostingChoices, jobChoices, lookAtAll, objectChoices, registryChoices } from './model-actions.ts';
import { missedSteps } from './missed-steps.ts';
import { ExpiredMessages } from './expired-messages.ts';
import { answerCallbacks, lookAtPipelines, NAMES, pipelineChoices } from './pipeline-actions.ts';
import { deleteSchedules, prepareRules, ruleChoices } from './rule-actions.ts';
import { timelyChoices } from './timely-actions.ts';
import type { PipelineOptions } from './random-pipeline.ts';
import { SURROUNDINGS } from './step-shapes.ts';
import { ServiceError } from '../../../src/platform/errors/families.ts';

export interface WorkloadOptions {
  readonly pipelines?: PipelineOptions;
  /** Whether the machine did something to the work of a step that its definition does not say. */
  readonly disturbed?: (executionId: string, step: string) => boolean;
  /** Calls between rooms may fail in passing: steps whose retry policy speaks of that may give up on them. */
  readonly throttled?: boolean;
  /** Of each call: how it went. */
  readonly count?: (what: string, how: string) => void;
}

const FUNCTION = { 'app.py': 'def handler(event, context):\n    return event\n' };
const AREAS = [hostingChoices, registryChoices, jobChoices, objectChoices];

/** What clients do while pipelines run, with their memory of what they were told; each run switches off some kinds of it. */
export class Workload {
  readonly memory: Memory;
  readonly #options: WorkloadOptions;
  readonly #areas: readonly ((memory: Memory) => Choice[])[];
  readonly #off: ReadonlySet<string>;
  /** Rules and schedules take part. */
  readonly #rules: boolean;
  readonly #expired = new ExpiredMessages(NAMES);

  constructor(random: Random, options: WorkloadOptions = {}) {
    this.#options = options;
    const swarm = random.fork('swarm');
    const pipelines = { sharedEndpoints: true, flakyInputs: swarm.chance(0.3), ...options.pipelines };
    this.memory = new Memory(random.fork('memory'), options.count, pipelines);
    const areas = AREAS.filter(() => swarm.chance(0.5));
    this.#rules = random.fork('rules').chance(0.3);
    this.#areas = [pipelineChoices, timelyChoices, ...areas, ...(this.#rules ? [ruleChoices] : [])];
    const names = [pipelineChoices, timelyChoices].flatMap((area) => area(this.memory)).map(([, name]) => name);
    const needed = ['create a pipeline', 'start an execution', 'answer callbacks'];
    this.#off = new Set(names.filter((name) => swarm.chance(0.3) && !needed.includes(name)));
  }

  /** Broken promises that clients saw since this was last asked. */
  takeProblems(): string[] {
    return this.memory.problems.splice(0);
  }

  /** Makes what pipelines name, before anything goes wrong. */
  async prepare(client: Client): Promise<void> {
    const { bucket, roleArn, imageUri, queueUrl } = SURROUNDINGS;
    await client.call('s3:CreateBucket', { Bucket: bucket });
    for (const Key of ['stable/a', 'stable/b', 'stable/model/model.tar.gz', 'flaky/a']) {
      await client.call('s3:PutObject', { Bucket: bucket, Key, Body: bodyOf(Key) as never });
    }
    await client.call('sqs:CreateQueue', { QueueName: queueUrl.split('/').at(-1) ?? '' });
    const Code = { ZipFile: zipOf(FUNCTION) };
    const runtime = { Runtime: 'python3.11', Handler: 'app.handler' } as const;
    await client.call('lambda:CreateFunction', { FunctionName: 'sim', Role: roleArn, ...runtime, Code });
    if (this.#rules) await prepareRules(client);
    for (const ModelPackageGroupName of ['sim-group-a', 'sim-group-b', CLIENT_GROUP]) {
      await client.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName });
    }
    const PrimaryContainer = { Image: imageUri, ModelDataUrl: `s3://${bucket}/stable/model/model.tar.gz` };
    await client.call('sagemaker:CreateModel', { ModelName: 'sim-model', PrimaryContainer, ExecutionRoleArn: roleArn });
    const variant = { VariantName: 'AllTraffic', ModelName: 'sim-model', InitialInstanceCount: 1 };
    await client.call('sagemaker:CreateEndpointConfig', {
      EndpointConfigName: 'sim-config',
      ProductionVariants: [{ ...variant, InstanceType: 'ml.m5.large' }],
    });
  }

  /** One more thing that a client does. */
  next(): ClientAction {
    const choices = this.#areas.flatMap((area) => area(this.memory)).filter(([, name]) => !this.#off.has(name));
    let left = this.memory.random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, name, perform] of choices) {
      left -= weight;
      if (left < 0) return { name, perform };
    }
    return this.finishing();
  }

  /** What clients still do when all is to come to an end. */
  finishing(): ClientAction {
    const perform = async (client: Client) => {
      const messages = await answerCallbacks(this.memory, client);
      await this.#expired.looked(this.memory, client, SURROUNDINGS.queueUrl, messages);
    };
    return { name: 'answer callbacks', perform };
  }

  /** What clients do about pipelines that are started without end. */
  stopStarting(client: Client): Promise<void> {
    return deleteSchedules(this.memory, client);
  }

  /** Everything rests: is each execution as its definition permits, and everything acknowledged there? */
  async judge(client: Client): Promise<string[]> {
    const problems: string[] = [];
    for (const one of this.memory.executions.values()) problems.push(...(await this.#judgeExecution(client, one)));
    await lookAtPipelines(this.memory, client);
    await lookAtAll(this.memory, client);
    return [...problems, ...this.takeProblems()];
  }

  /** Whether what stands in this text of a definition may fail for what happens around it. */
  #isShaken(text: string): boolean {
    const givesUp = this.#options.throttled === true && /"Step\.(THROTTLING|SERVICE_FAULT)"/.test(text);
    return givesUp || text.includes(`${SURROUNDINGS.bucket}/flaky/`);
  }

  async #judgeExecution(client: Client, one: StartedExecution): Promise<string[]> {
    try {
      const observed = await observeExecution(client, one.arn);
      const mayShake = this.#isShaken(JSON.stringify(observed.definition));
      const isShaken = (step: string) =>
        mayShake && this.#isShaken(JSON.stringify(stepsNamed(observed.definition, step.replace(/-\d+$/, ''), step)));
      const missed = missedSteps(observed.steps, { packages: this.memory.deletedPackages, rounds: one.retries });
      const disturbed = (step: string) =>
        one.disturbed.has(step) || missed.has(step) || isShaken(step) || (this.#options.disturbed?.(one.id, step) ?? false);
      const circumstances = { stopped: one.stops > 0, rounds: one.retries, disturbed };
      return checkExecution(observed, circumstances).map((problem) => `execution ${one.pipeline}/${one.id}: ${problem}`);
    } catch (error) {
      if (!(error instanceof ServiceError && isAbsence(error))) throw error;
      return one.deletions > 0 ? [] : [`${one.arn} was started and is not there: ${error.message}`];
    }
  }
}

/** The steps of these names, wherever they stand. */
function stepsNamed(value: unknown, ...names: string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((one) => stepsNamed(one, ...names));
  if (typeof value !== 'object' || value === null) return [];
  const { Name, Type } = value as { Name?: unknown; Type?: unknown };
  const found = typeof Name === 'string' && typeof Type === 'string' && names.includes(Name) ? [value] : [];
  return [...found, ...Object.values(value).flatMap((one) => stepsNamed(one, ...names))];
}
