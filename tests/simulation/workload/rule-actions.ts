import type { Choice, Client, Memory } from './memory.ts';
import { NAMES } from './pipeline-actions.ts';
import { SURROUNDINGS } from './step-shapes.ts';

const RULES = ['told', 'answered'];
const SCHEDULES = ['often', 'once'];
const [TOLD, LETTERS] = ['sim-told', 'sim-letters'];
const arnOf = (service: string, resource: string): string => `arn:aws:${service}:us-east-1:123456789012:${resource}`;

const EXECUTIONS = 'SageMaker Model Building Pipeline Execution Status Change';
const STEPS = 'SageMaker Model Building Pipeline Execution Step Status Change';

/** Queues for what rules and schedules tell, before anything goes wrong. */
export async function prepareRules(client: Client): Promise<void> {
  for (const QueueName of [TOLD, LETTERS]) await client.call('sqs:CreateQueue', { QueueName });
}

/** People have rules tell them of what pipelines do, and have a pipeline answer another's end; schedules start pipelines. */
export function ruleChoices(memory: Memory): Choice[] {
  const { random } = memory;
  const known = (prefix: string) => memory.registers(prefix).map(({ name }) => name.slice(prefix.length));
  const [rules, schedules] = [known('rule '), known('schedule ')];
  const rule = (name: 'events:DisableRule' | 'events:EnableRule') => async (client: Client) =>
    void (await memory.ask(client, name, one({ Name: random.pick(rules) })));
  const [hasRule, hasSchedule] = [rules.length > 0, schedules.length > 0];
  return [
    [1.5, 'put a rule', (client) => putRule(memory, client, random.pick(RULES))],
    [hasRule ? 0.1 : 0, 'disable a rule', rule('events:DisableRule')],
    [hasRule ? 0.2 : 0, 'enable a rule', rule('events:EnableRule')],
    [hasRule ? 0.1 : 0, 'delete a rule', (client) => deleteRule(memory, client, random.pick(rules))],
    [1, 'set a schedule', (client) => setSchedule(memory, client, random.pick(SCHEDULES))],
    [hasSchedule ? 0.1 : 0, 'delete a schedule', (client) => deleteSchedule(memory, client, random.pick(schedules))],
    [0.2, 'lose a queue', (client) => loseQueue(memory, client)],
  ];
}

const one =
  <T>(input: T) =>
  (): T =>
    input;

/** Each pipeline only starts a later one, so that no rules go round in a circle. */
async function putRule(memory: Memory, client: Client, Name: string): Promise<void> {
  const { random } = memory;
  const from = random.int(NAMES.length - 1);
  const ends = ['Succeeded', 'Failed', 'Stopped', 'CompletedWithFailures'];
  const pipelineArn = arnOf('sagemaker', `pipeline/${NAMES[from]}`);
  const told = random.chance(0.5)
    ? { 'detail-type': [STEPS], detail: { currentStepStatus: ['Failed', 'Stopped'] } }
    : { 'detail-type': [EXECUTIONS], detail: { currentPipelineExecutionStatus: ['Executing', ...ends] } };
  const answered = { 'detail-type': [EXECUTIONS], detail: { currentPipelineExecutionStatus: ends, pipelineArn: [pipelineArn] } };
  const EventPattern = JSON.stringify({ source: ['aws.sagemaker'], ...(Name === 'told' ? told : answered) });
  memory.register(`rule ${Name}`, 'put');
  await memory.ask(client, 'events:PutRule', one({ Name, EventPattern }));
  const queue = { Id: 'queue', Arn: arnOf('sqs', TOLD), DeadLetterConfig: { Arn: arnOf('sqs', LETTERS) } };
  const { roleArn: RoleArn } = SURROUNDINGS;
  const later = NAMES[from + 1 + random.int(NAMES.length - from - 1)] as string;
  const pipeline = { Id: 'pipeline', RoleArn, ...pipelineTarget(memory, later) };
  await memory.ask(client, 'events:PutTargets', one({ Rule: Name, Targets: Name === 'told' ? [queue] : [pipeline, queue] }));
}

/** With the parameters that one of its definitions asks for. */
function pipelineTarget(memory: Memory, name: string): { Arn: string; SageMakerPipelineParameters: object } {
  const texts = [...(memory.texts.get(name) ?? [])];
  const parameters = texts.length > 0 ? (memory.drawn[memory.random.pick(texts)]?.parameters ?? []) : [];
  return {
    Arn: arnOf('sagemaker', `pipeline/${name}`),
    SageMakerPipelineParameters: { PipelineParameterList: [...parameters] },
  };
}

async function deleteRule(memory: Memory, client: Client, Name: string): Promise<void> {
  await memory.ask(client, 'events:RemoveTargets', one({ Rule: Name, Ids: ['queue', 'pipeline'] }));
  await memory.ask(client, 'events:DeleteRule', one({ Name }));
}

async function setSchedule(memory: Memory, client: Client, Name: string): Promise<void> {
  const { random } = memory;
  const { roleArn: RoleArn } = SURROUNDINGS;
  memory.register(`schedule ${Name}`, 'set');
  const target = random.chance(0.5) ? { Arn: arnOf('sqs', TOLD) } : pipelineTarget(memory, random.pick(NAMES));
  const input = {
    Name,
    ScheduleExpression: `rate(${random.pick([5, 60, 600])} minutes)`,
    FlexibleTimeWindow: { Mode: 'OFF' as const },
    Target: { ...target, RoleArn },
    State: random.pick(['ENABLED', 'ENABLED', 'ENABLED', 'DISABLED'] as const),
  };
  const ClientToken = memory.token();
  const { heard } = await memory.ask(client, 'scheduler:CreateSchedule', one({ ...input, ClientToken }));
  if (heard === 'refused') await memory.ask(client, 'scheduler:UpdateSchedule', one(input));
}

/** One that starts executions faster than they end would never let anything come to rest. */
export async function deleteSchedules(memory: Memory, client: Client): Promise<void> {
  for (const { name } of memory.registers('schedule ')) await deleteSchedule(memory, client, name.slice('schedule '.length));
}

async function deleteSchedule(memory: Memory, client: Client, Name: string): Promise<void> {
  await memory.ask(client, 'scheduler:DeleteSchedule', one({ Name }));
}

/** What is told meanwhile becomes a dead letter. */
async function loseQueue(memory: Memory, client: Client): Promise<void> {
  const QueueUrl = SURROUNDINGS.queueUrl.replace(/[^/]+$/, TOLD);
  await memory.ask(client, 'sqs:DeleteQueue', one({ QueueUrl }));
  if (memory.random.chance(0.5)) await memory.ask(client, 'sqs:CreateQueue', one({ QueueName: TOLD }));
}
