import type { OutputOf } from '../../../src/contract/operations.ts';
import { OUTCOME_MEMBER, outcomeOf, RETURNS_MEMBER } from './outcomes.ts';
import { type Choice, type Client, isAbsence, type Memory, type StartedExecution } from './memory.ts';
import { SURROUNDINGS } from './step-shapes.ts';

export const NAMES = ['P0', 'P1', 'P2', 'P3'];

/** State of a pipeline: which definition and description it has. */
const stateOf = (text: number, description: string): string => `definition ${text}, description ${description}`;
const textOfState = (state: string): number | undefined => {
  const found = /^definition (\d+),/.exec(state)?.[1];
  return found === undefined ? undefined : Number(found);
};
const descriptionOfState = (state: string): string => state.replace(/^.*, description /, '');

const pipelineOf = (memory: Memory, name: string) => memory.register(`pipeline ${name}`);

export function pipelineChoices(memory: Memory): Choice[] {
  const there = memory.registers('pipeline ').filter(({ states }) => [...states].some((state) => state !== 'absent'));
  const executions = [...memory.executions.values()];
  const [hasPipeline, hasExecution] = [there.length > 0, executions.length > 0];
  const open = executions.filter(({ ended }) => ended === undefined);
  const name = () => memory.random.pick(there).name.slice('pipeline '.length);
  const any = () => memory.random.pick(open.length > 0 && memory.random.chance(0.7) ? open : executions);
  const hasEnded = executions.some(({ ended }) => ended === 'Failed' || ended === 'Stopped');
  /** One that has ended so, if one is known; the first of these mostly, since it is rarer. */
  const over = (rare: string, ...ends: string[]) => {
    const rares = executions.filter(({ ended }) => ended === rare);
    const fits = executions.filter(({ ended = '' }) => ended === rare || ends.includes(ended));
    return memory.random.pick(rares.length > 0 && memory.random.chance(0.6) ? rares : fits.length > 0 ? fits : executions);
  };
  /** Sooner one whose executions came to a rarer end: they go with it. */
  const doomed = () =>
    memory.random.chance(0.5) && executions.length > 0 ? over('CompletedWithFailures', 'Stopped').pipeline : name();
  return [
    [there.length < 2 ? 4 : 0.4, 'create a pipeline', (client) => createPipeline(memory, client, memory.random.pick(NAMES))],
    [hasPipeline ? 0.5 : 0, 'update a pipeline', (client) => updatePipeline(memory, client, name())],
    [hasPipeline ? 0.3 : 0, 'delete a pipeline', (client) => deletePipeline(memory, client, doomed())],
    [hasPipeline ? 0.5 : 0, 'describe a pipeline', (client) => describePipeline(memory, client, memory.random.pick(NAMES))],
    [hasPipeline ? 0.3 : 0, 'list pipelines', (client) => listPipelines(memory, client)],
    [hasPipeline ? (open.length < 4 ? 3 : 0.5) : 0, 'start an execution', (client) => start(memory, client, name())],
    [
      hasExecution ? 0.5 : 0,
      'start a selective execution',
      (client) => startSelective(memory, client, over('Succeeded', 'Failed')),
    ],
    [hasExecution ? 0.5 : 0, 'stop an execution', (client) => stop(memory, client, any())],
    [hasExecution ? (hasEnded ? 3 : 0.3) : 0, 'retry an execution', (client) => retry(memory, client, over('Stopped', 'Failed'))],
    [
      hasExecution ? 1 : 0,
      'list executions',
      (client) => listExecutions(memory, client, memory.random.pick(executions).pipeline),
    ],
    [hasExecution ? 0.4 : 0, 'update an execution', (client) => updateExecution(memory, client, any())],
    [hasExecution ? 0.8 : 0, 'describe an execution', (client) => describeExecution(memory, client, any())],
    [hasExecution ? 0.3 : 0, "stop an execution's job", (client) => stopStepJob(memory, client, any())],
    [2, 'answer callbacks', async (client) => void (await answerCallbacks(memory, client))],
  ];
}

async function createPipeline(memory: Memory, client: Client, PipelineName: string): Promise<void> {
  const text = memory.drawPipeline();
  const description = `d${memory.random.int(3)}`;
  const ClientRequestToken = memory.token();
  rememberText(memory, PipelineName, text);
  const after = (state: string) => (state === 'absent' ? stateOf(text, description) : undefined);
  const { output } = await memory.change(client, pipelineOf(memory, PipelineName), after, 'sagemaker:CreatePipeline', () => ({
    PipelineName,
    RoleArn: SURROUNDINGS.roleArn,
    PipelineDefinition: memory.drawn[text]!.text,
    PipelineDescription: description,
    ClientRequestToken,
    ...(memory.random.chance(0.2) && { ParallelismConfiguration: { MaxParallelExecutionSteps: 2 } }),
  }));
  if (output?.PipelineArn !== undefined) memory.same(ClientRequestToken, output.PipelineArn);
}

function rememberText(memory: Memory, name: string, text: number): void {
  memory.texts.set(name, (memory.texts.get(name) ?? new Set()).add(text));
}

async function updatePipeline(memory: Memory, client: Client, PipelineName: string): Promise<void> {
  const text = memory.random.chance(0.7) ? memory.drawPipeline() : undefined;
  const description = text === undefined || memory.random.chance(0.5) ? `d${memory.random.int(5)}` : undefined;
  if (text !== undefined) rememberText(memory, PipelineName, text);
  const after = (state: string) =>
    state === 'absent' ? undefined : stateOf(text ?? textOfState(state) ?? 0, description ?? descriptionOfState(state));
  await memory.change(client, pipelineOf(memory, PipelineName), after, 'sagemaker:UpdatePipeline', () => ({
    PipelineName,
    ...(text !== undefined && { PipelineDefinition: memory.drawn[text]!.text }),
    ...(description !== undefined && { PipelineDescription: description }),
  }));
}

export async function deletePipeline(memory: Memory, client: Client, PipelineName: string): Promise<void> {
  const ClientRequestToken = memory.token();
  const before = [...memory.executions.values()].filter(({ pipeline }) => pipeline === PipelineName);
  for (const one of before) one.deletions++;
  const after = (state: string) => (state === 'absent' ? undefined : 'absent');
  const { heard } = await memory.change(client, pipelineOf(memory, PipelineName), after, 'sagemaker:DeletePipeline', () => ({
    PipelineName,
    ClientRequestToken,
  }));
  // others that are under way at the same time still count
  if (heard === 'refused') for (const one of before) one.deletions--;
}

function describePipeline(memory: Memory, client: Client, PipelineName: string): Promise<void> {
  const input = () => ({ PipelineName });
  return memory.look(client, pipelineOf(memory, PipelineName), 'sagemaker:DescribePipeline', input, (output) => {
    if (!output) return 'absent';
    const text = memory.drawn.findIndex((one) => one.text === output.PipelineDefinition);
    return stateOf(text, output.PipelineDescription ?? '');
  });
}

/** What is certainly there is listed, what is certainly not is not. */
async function listPipelines(memory: Memory, client: Client): Promise<void> {
  const known = memory.registers('pipeline ');
  const stamps = known.map((one) => [one, one.stamp, one.states.has('absent'), one.isCertain] as const);
  const listed = new Set<string>();
  let NextToken: string | undefined;
  do {
    const page: OutputOf<'sagemaker:ListPipelines'> | undefined = (
      await memory.ask(client, 'sagemaker:ListPipelines', () => ({ MaxResults: 2, NextToken }))
    ).output;
    if (!page) return;
    for (const { PipelineName = '' } of page.PipelineSummaries ?? []) listed.add(PipelineName);
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  for (const [one, stamp, mayBeAbsent, isCertain] of stamps) {
    if (one.stamp !== stamp) continue;
    const isListed = listed.has(one.name.slice('pipeline '.length));
    if (!mayBeAbsent && !isListed) memory.problem(`${one.name} is there and not listed`);
    if (mayBeAbsent && isCertain && isListed) memory.problem(`${one.name} is not there and listed`);
  }
}

/** Looks at every pipeline that clients know of, once more. */
export async function lookAtPipelines(memory: Memory, client: Client): Promise<void> {
  for (const { name } of memory.registers('pipeline ')) await describePipeline(memory, client, name.slice('pipeline '.length));
  await listPipelines(memory, client);
}

async function start(memory: Memory, client: Client, PipelineName: string): Promise<void> {
  const texts = [...pipelineOf(memory, PipelineName).states].map(textOfState).filter((text) => text !== undefined);
  const text = memory.random.pick(texts.length > 0 ? texts : [0]);
  const ParallelismConfiguration = memory.random.chance(0.3) && { MaxParallelExecutionSteps: 1 + memory.random.int(3) };
  await startWith(memory, client, PipelineName, {
    PipelineParameters: [...(memory.drawn[text]?.parameters ?? [])],
    ...(ParallelismConfiguration && { ParallelismConfiguration }),
  });
}

async function startSelective(memory: Memory, client: Client, source: StartedExecution): Promise<void> {
  const texts = [...(memory.texts.get(source.pipeline) ?? [])];
  const drawn = memory.drawn[memory.random.pick(texts)];
  if (!drawn) return;
  const names = memory.random.shuffle([...drawn.steps.keys()]).slice(0, 1 + memory.random.int(3));
  await startWith(memory, client, source.pipeline, {
    PipelineParameters: [...drawn.parameters],
    SelectiveExecutionConfig: {
      SourcePipelineExecutionArn: source.arn,
      SelectedSteps: names.map((StepName) => ({ StepName })),
    },
  });
}

async function startWith(memory: Memory, client: Client, PipelineName: string, more: object): Promise<void> {
  const ClientRequestToken = memory.token();
  // a deletion asked for meanwhile takes the execution along
  const deletions = pipelineOf(memory, PipelineName).stamp;
  const input = () => ({ PipelineName, ClientRequestToken, ...more });
  const { output } = await memory.ask(client, 'sagemaker:StartPipelineExecution', input);
  const arn = output?.PipelineExecutionArn;
  if (arn === undefined) return;
  memory.same(ClientRequestToken, arn);
  const maybeGone = pipelineOf(memory, PipelineName).stamp !== deletions || !pipelineOf(memory, PipelineName).isCertain;
  const id = arn.split('/').at(-1) ?? '';
  const started = {
    arn,
    id,
    pipeline: PipelineName,
    stops: 0,
    retries: 0,
    retriesAsked: 0,
    retriesOpen: 0,
    disturbed: new Set<string>(),
    deletions: maybeGone ? 1 : 0,
  };
  if (!memory.executions.has(arn)) memory.executions.set(arn, started);
  if (!memory.random.chance(0.2)) return;
  const again = await memory.ask(client, 'sagemaker:StartPipelineExecution', input);
  // a pipeline that was made anew under the name knows no tokens of the one that went
  const stays = memory.executions.get(arn)?.deletions === 0;
  if (again.output && stays) memory.same(ClientRequestToken, again.output.PipelineExecutionArn ?? '');
}

export async function stop(memory: Memory, client: Client, one: StartedExecution): Promise<void> {
  const ClientRequestToken = memory.token();
  one.stops++;
  const { heard } = await memory.ask(client, 'sagemaker:StopPipelineExecution', () => ({
    PipelineExecutionArn: one.arn,
    ClientRequestToken,
  }));
  if (heard === 'refused') one.stops--;
}

export async function retry(memory: Memory, client: Client, one: StartedExecution): Promise<void> {
  const ClientRequestToken = memory.token();
  one.retries++;
  one.retriesAsked++;
  one.retriesOpen++;
  const ended = one.ended;
  one.ended = undefined;
  const parallel = memory.random.chance(0.2) && { ParallelismConfiguration: { MaxParallelExecutionSteps: 2 } };
  const { heard } = await memory.ask(client, 'sagemaker:RetryPipelineExecution', () => ({
    PipelineExecutionArn: one.arn,
    ClientRequestToken,
    ...parallel,
  }));
  if (heard !== 'nothing') one.retriesOpen--;
  if (heard !== 'refused') return;
  one.retries--;
  if (one.retries === 0) one.ended ??= ended;
}

async function updateExecution(memory: Memory, client: Client, one: StartedExecution): Promise<void> {
  await memory.ask(client, 'sagemaker:UpdatePipelineExecution', () => ({
    PipelineExecutionArn: one.arn,
    PipelineExecutionDisplayName: 'shown',
    ParallelismConfiguration: { MaxParallelExecutionSteps: 1 + memory.random.int(4) },
  }));
}

const ENDED: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Stopped', 'CompletedWithFailures']);

/** A started execution is there, and one that has ended without a retry stays as it ended. */
async function describeExecution(memory: Memory, client: Client, one: StartedExecution): Promise<void> {
  const sight = sightOf(one);
  const input = () => ({ PipelineExecutionArn: one.arn });
  const { output, error } = await memory.ask(client, 'sagemaker:DescribePipelineExecution', input);
  if (error && isAbsence(error) && one.deletions === 0)
    memory.problem(`${one.arn} was started and is not there: ${error.message}`);
  const status = output?.PipelineExecutionStatus;
  if (status !== undefined) see(memory, one, status, sight);
}

/** All that were started and are not gone are listed; so clients learn how they ended. */
async function listExecutions(memory: Memory, client: Client, PipelineName: string): Promise<void> {
  const expected = [...memory.executions.values()].filter(
    ({ pipeline, deletions }) => pipeline === PipelineName && deletions === 0,
  );
  const sights = new Map(expected.map((one) => [one.arn, sightOf(one)]));
  const listed = new Map<string, string>();
  let NextToken: string | undefined;
  do {
    const page: OutputOf<'sagemaker:ListPipelineExecutions'> | undefined = (
      await memory.ask(client, 'sagemaker:ListPipelineExecutions', () => ({ PipelineName, MaxResults: 3, NextToken }))
    ).output;
    if (!page) return;
    for (const { PipelineExecutionArn = '', PipelineExecutionStatus = '' } of page.PipelineExecutionSummaries ?? []) {
      if (listed.has(PipelineExecutionArn)) memory.problem(`${PipelineExecutionArn} is listed twice`);
      listed.set(PipelineExecutionArn, PipelineExecutionStatus);
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  for (const one of expected) {
    const status = listed.get(one.arn);
    if (status === undefined && one.deletions === 0) memory.problem(`${one.arn} was started and is not listed`);
    if (status !== undefined) see(memory, one, status, sights.get(one.arn));
  }
}

/** What is known of an execution when a question about it is asked: the answer may be as old as that. */
interface Sight {
  readonly ended: string | undefined;
  readonly retriesAsked: number;
}

/** None while a retry may take place at any time. */
const sightOf = ({ ended, retriesAsked, retriesOpen }: StartedExecution): Sight | undefined =>
  retriesOpen === 0 ? { ended, retriesAsked } : undefined;

/** One that has ended without a retry stays as it ended. */
function see(memory: Memory, one: StartedExecution, status: string, before: Sight | undefined): void {
  if (!before || one.retriesOpen > 0 || one.retriesAsked !== before.retriesAsked) return;
  if (before.ended !== undefined && before.ended !== status)
    memory.problem(`${one.arn} was ${before.ended} and is ${status}, though nobody retried it`);
  if (ENDED.has(status)) one.ended ??= status;
}

const STOPS = {
  ProcessingJob: ['sagemaker:StopProcessingJob', 'ProcessingJobName'],
  TrainingJob: ['sagemaker:StopTrainingJob', 'TrainingJobName'],
  TransformJob: ['sagemaker:StopTransformJob', 'TransformJobName'],
} as const;

/** Somebody stops a job that a pipeline made. */
async function stopStepJob(memory: Memory, client: Client, one: StartedExecution): Promise<void> {
  const input = () => ({ PipelineExecutionArn: one.arn });
  const { output } = await memory.ask(client, 'sagemaker:ListPipelineExecutionSteps', input);
  const running = (output?.PipelineExecutionSteps ?? []).filter(({ StepStatus }) => StepStatus === 'Executing');
  const jobs = running.flatMap(({ StepName = '', Metadata = {} }) =>
    Object.entries(STOPS).flatMap(([type, [operation, member]]) => {
      const { Arn } = (Metadata as Record<string, { Arn?: string }>)[type] ?? {};
      return Arn === undefined ? [] : [{ step: StepName, operation, member, name: Arn.split('/').at(-1) ?? '' }];
    }),
  );
  if (jobs.length === 0) return;
  const { step, operation, member, name } = memory.random.pick(jobs);
  one.disturbed.add(step);
  await memory.ask(client, operation, () => ({ [member]: name }) as never);
}

/** Answers what stands in the queue as each message says; where that is not taken, by a failure. Returns how many there were. */
export async function answerCallbacks(memory: Memory, client: Client): Promise<number> {
  const { queueUrl: QueueUrl } = SURROUNDINGS;
  const input = () => ({ QueueUrl, VisibilityTimeout: 30, MaxNumberOfMessages: 10 });
  const { output } = await memory.ask(client, 'sqs:ReceiveMessage', input);
  for (const { Body = '{}', ReceiptHandle = '' } of output?.Messages ?? []) {
    const message = JSON.parse(Body) as { token: string; arguments?: Record<string, unknown> };
    const heard = await answer(memory, client, message.token, message.arguments ?? {});
    if (heard === 'nothing') continue; // it comes back
    await memory.ask(client, 'sqs:DeleteMessage', () => ({ QueueUrl, ReceiptHandle }));
  }
  return output?.Messages?.length ?? 0;
}

async function answer(memory: Memory, client: Client, CallbackToken: string, plan: Record<string, unknown>): Promise<string> {
  const isOk = outcomeOf(typeof plan[OUTCOME_MEMBER] === 'string' ? plan[OUTCOME_MEMBER] : undefined, 1) === 'ok';
  const returns = (plan[RETURNS_MEMBER] ?? {}) as Record<string, unknown>;
  const OutputParameters = Object.entries(returns).map(([Name, Value]) => ({ Name, Value: String(Value) }));
  if (isOk) {
    const input = () => ({ CallbackToken, OutputParameters });
    const { heard, error } = await memory.ask(client, 'sagemaker:SendPipelineExecutionStepSuccess', input);
    // outputs that do not fit leave the step waiting; whoever answers gives up then
    if (heard !== 'refused' || !/OutputParameters|output/i.test(error?.message ?? '')) return heard;
  }
  const failure = () => ({ CallbackToken, FailureReason: 'planned' });
  return (await memory.ask(client, 'sagemaker:SendPipelineExecutionStepFailure', failure)).heard;
}
