import type { InputOf, OutputOf } from '../../../src/contract/operations.ts';
import type { Choice, Client, Memory } from '../workload/memory.ts';
import type { JobAnswer } from './random-delivery.ts';

/** What clients sent, whatever became of it: only what somebody asked for may happen. */
export class Asked {
  /** Some object that a pipeline takes its source from was perhaps not there. */
  sourcesDeleted = false;
  /** A client deleted what is deployed to. */
  endpointsDeleted = false;
  /** Jobs that take no answer any more. */
  readonly closedJobs = new Set<string>();
  /** By token of an approval, id of a job or of an execution. */
  readonly #asked = new Map<string, string[]>();

  add(about: string, what: string): void {
    this.#asked.set(about, [...(this.#asked.get(about) ?? []), what]);
  }

  has(about: string | undefined, what: string): boolean {
    return this.#asked.get(about ?? '')?.includes(what) ?? false;
  }

  retriesOf(execution: string, stage = ''): number {
    return (this.#asked.get(execution) ?? []).filter((what) => what.startsWith(`retry ${stage}`)).length;
  }
}

interface Request
  extends Pick<InputOf<'codepipeline:PutApprovalResult'>, 'pipelineName' | 'stageName' | 'actionName' | 'token'> {}

export interface Answering {
  readonly memory: Memory;
  readonly asked: Asked;
  /** Of pipelines. */
  readonly names: readonly string[];
  /** Runs of functions; the request id is the job's id. */
  readonly runs: readonly { readonly requestId: string }[];
}

/** Requests for approval that were ever seen. */
const seen = new WeakMap<Memory, Request[]>();

const seenBy = (memory: Memory): Request[] => {
  const requests = seen.get(memory) ?? [];
  seen.set(memory, requests);
  return requests;
};

/** People who approve and whoever works on jobs. */
export function answerChoices(at: Answering): Choice[] {
  const { random } = at.memory;
  const choices: Choice[] = [[2, 'answer an approval', (client) => answerApproval(at, client, random.pick(at.names))]];
  if (at.runs.length > 0)
    choices.push([3, 'answer a job', (client) => answerJob(at, client, random.pick(newest(at.runs)).requestId)]);
  if (seenBy(at.memory).length > 0)
    choices.push([0.3, 'answer an approval once more', (client) => putApproval(at, client, random.pick(seenBy(at.memory)), 0.5)]);
  return choices;
}

const newest = <T>(runs: readonly T[]): readonly T[] => runs.slice(-4);

async function answerApproval(at: Answering, client: Client, name: string): Promise<void> {
  const state = await stateOf(at, client, name);
  const [request] = at.memory.random.shuffle(requestsIn(state, name));
  if (!request) return;
  if (!seenBy(at.memory).some(({ token }) => token === request.token)) seenBy(at.memory).push(request);
  await putApproval(at, client, request, 0.75);
}

async function putApproval(at: Answering, client: Client, request: Request, approves: number): Promise<void> {
  const status = at.memory.random.chance(approves) ? ('Approved' as const) : ('Rejected' as const);
  at.asked.add(request.token, status);
  const input = () => ({ ...request, result: { status, summary: status } });
  await at.memory.ask(client, 'codepipeline:PutApprovalResult', input);
}

const stateOf = async ({ memory }: Answering, client: Client, name: string) =>
  (await memory.ask(client, 'codepipeline:GetPipelineState', () => ({ name }))).output;

function requestsIn(state: OutputOf<'codepipeline:GetPipelineState'> | undefined, pipelineName: string): Request[] {
  return (state?.stageStates ?? []).flatMap(({ stageName = '', actionStates = [] }) =>
    actionStates.flatMap(({ actionName = '', latestExecution }) =>
      latestExecution?.token === undefined ? [] : [{ pipelineName, stageName, actionName, token: latestExecution.token }],
    ),
  );
}

/** As the parameters of the function say, and now and then otherwise. */
async function answerJob(at: Answering, client: Client, jobId: string, isLast = false): Promise<void> {
  const { memory, asked } = at;
  const { random } = memory;
  const { output, heard } = await memory.ask(client, 'codepipeline:GetJobDetails', () => ({ jobId }));
  if (heard === 'refused') asked.closedJobs.add(jobId);
  const data = output?.jobDetails?.data;
  const parameters = data?.actionConfiguration?.configuration?.['UserParameters'];
  if (!data || parameters === undefined) return;
  const said = (JSON.parse(parameters) as { answer: JobAnswer }).answer;
  const answer = random.chance(0.1) ? random.pick(['success', 'failure'] as const) : said;
  if (answer === 'never' && !isLast) return;
  if (answer === 'failure' || answer === 'never') {
    asked.add(jobId, 'failure');
    const failureDetails = { type: 'JobFailed' as const, message: 'planned failure' };
    const told = await memory.ask(client, 'codepipeline:PutJobFailureResult', () => ({ jobId, failureDetails }));
    if (told.heard !== 'nothing') asked.closedJobs.add(jobId);
    return;
  }
  const continues = answer === 'continue' && data.continuationToken === undefined;
  asked.add(jobId, continues ? 'continue' : 'success');
  const rest = continues ? { continuationToken: 'more' } : random.chance(0.85) ? { outputVariables: { Found: 'it' } } : {};
  const told = await memory.ask(client, 'codepipeline:PutJobSuccessResult', () => ({ jobId, ...rest }));
  if (told.heard !== 'nothing') asked.closedJobs.add(jobId);
}

/** Opens every stage and answers whatever waits for it. */
export async function answerEverything(at: Answering, client: Client): Promise<void> {
  for (const name of at.names) {
    const state = await stateOf(at, client, name);
    for (const { stageName = '', inboundTransitionState } of state?.stageStates ?? []) {
      if (inboundTransitionState?.enabled !== false) continue;
      const stage = { pipelineName: name, stageName, transitionType: 'Inbound' as const };
      await at.memory.ask(client, 'codepipeline:EnableStageTransition', () => stage);
    }
    for (const request of requestsIn(state, name)) await putApproval(at, client, request, 0.8);
  }
  for (const { requestId } of at.runs) if (!at.asked.closedJobs.has(requestId)) await answerJob(at, client, requestId, true);
}
