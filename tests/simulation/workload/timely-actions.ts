import type { OutputOf } from '../../../src/contract/operations.ts';
import type { Choice, Client, Memory, StartedExecution } from './memory.ts';
import { answerCallbacks, deletePipeline, retry, stop } from './pipeline-actions.ts';

type ListedStep = NonNullable<OutputOf<'sagemaker:ListPipelineExecutionSteps'>['PipelineExecutionSteps']>[number];

/** Where an execution stands that somebody wants to interfere with; the rarest first. */
export type Moment = 'its next attempt waits' | 'a callback waits' | 'a step is being stopped';

const MOMENTS: readonly (readonly [Moment, (step: ListedStep) => boolean])[] = [
  ['its next attempt waits', ({ StepStatus, AttemptCount = 1 }) => StepStatus === 'Starting' && AttemptCount > 1],
  ['a callback waits', ({ StepStatus, Metadata }) => StepStatus === 'Executing' && Metadata?.Callback !== undefined],
  ['a step is being stopped', ({ StepStatus }) => StepStatus === 'Stopping'],
];

export const momentOf = (steps: readonly ListedStep[]): Moment | undefined => MOMENTS.find(([, holds]) => steps.some(holds))?.[0];

/** Executions looked at until one is at such a moment. */
const LOOKS_MAX = 3;

/** People look at what an execution waits for before they stop it, or lose patience with it. */
export const timelyChoices = (memory: Memory): Choice[] => {
  const open = [...memory.executions.values()].filter(({ ended }) => ended === undefined);
  return [[open.length > 0 ? 2 : 0, 'interfere with an execution', (client) => interfere(memory, client, open)]];
};

async function interfere(memory: Memory, client: Client, open: readonly StartedExecution[]): Promise<void> {
  for (const one of memory.random.shuffle(open).slice(0, LOOKS_MAX)) {
    const input = () => ({ PipelineExecutionArn: one.arn, MaxResults: 100 });
    const { output } = await memory.ask(client, 'sagemaker:ListPipelineExecutionSteps', input);
    const moment = momentOf(output?.PipelineExecutionSteps ?? []);
    if (!moment) continue;
    const [, act, perform] = drawn(memory, moment);
    memory.count(moment, act);
    return perform(client, one);
  }
}

type Interference = readonly [weight: number, name: string, perform: (client: Client, one: StartedExecution) => Promise<void>];

function drawn(memory: Memory, moment: Moment): Interference {
  const stopIt: Interference[2] = (client, one) => stop(memory, client, one);
  const deleteIt: Interference[2] = (client, one) => deletePipeline(memory, client, one.pipeline);
  const retryIt: Interference[2] = (client, one) => retry(memory, client, one);
  const then =
    (...acts: readonly Interference[2][]): Interference[2] =>
    async (client, one) => {
      for (const act of acts) await act(client, one);
    };
  const answer: Interference[2] = async (client) => void (await answerCallbacks(memory, client));
  const isStopped = moment === 'a step is being stopped';
  const acts: Interference[] = [
    [isStopped ? 1 : 4, 'stop', stopIt],
    [1, 'stop and retry at once', then(stopIt, retryIt)],
    [0.5, 'stop and delete', then(stopIt, deleteIt)],
    [0.5, 'delete', deleteIt],
    [isStopped ? 1 : 0, 'retry', retryIt],
    [moment === 'a callback waits' ? 1 : 0, 'stop and answer', then(stopIt, answer)],
  ];
  let left = memory.random.next() * acts.reduce((sum, [weight]) => sum + weight, 0);
  for (const act of acts) {
    left -= act[0];
    if (left < 0) return act;
  }
  return [1, 'stop', stopIt];
}
