import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../random.ts';
import { type Client, Memory, type StartedExecution } from './memory.ts';
import { momentOf, timelyChoices } from './timely-actions.ts';

const WAITS = { StepName: 'A', StepStatus: 'Starting', AttemptCount: 2 } as const;
const ASKED = { StepName: 'B', StepStatus: 'Executing', Metadata: { Callback: { CallbackToken: 'b' } } } as const;
const STOPPING = { StepName: 'C', StepStatus: 'Stopping' } as const;

test('what a list of steps says of the moment, the rarest first', () => {
  assert.equal(momentOf([STOPPING, ASKED, WAITS]), 'its next attempt waits');
  assert.equal(momentOf([STOPPING, ASKED]), 'a callback waits');
  assert.equal(momentOf([STOPPING]), 'a step is being stopped');
  assert.equal(momentOf([{ StepName: 'A', StepStatus: 'Starting', AttemptCount: 1 }]), undefined);
  assert.equal(
    momentOf([
      { ...ASKED, StepStatus: 'Succeeded' },
      { ...WAITS, StepStatus: 'Failed' },
    ]),
    undefined,
  );
});

test('executions at such a moment are interfered with, others are left alone, and the memory knows of the stop', async () => {
  const started = (arn: string): StartedExecution => {
    const counts = { stops: 0, retries: 0, retriesAsked: 0, retriesOpen: 0, deletions: 0 };
    return { arn, id: arn, pipeline: 'P0', ...counts, disturbed: new Set() };
  };
  let stopped = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const memory = new Memory(createRandom(seed));
    for (const arn of ['waits', 'runs', 'over']) memory.executions.set(arn, started(arn));
    memory.executions.get('over')!.ended = 'Failed';
    const called: string[] = [];
    const client = {
      call: async (name: string, { PipelineExecutionArn = '' }: { PipelineExecutionArn?: string }) => {
        called.push(`${name} ${PipelineExecutionArn}`);
        return { PipelineExecutionSteps: PipelineExecutionArn === 'waits' ? [WAITS] : [] };
      },
    } as unknown as Client;
    const [choice] = timelyChoices(memory);
    await choice?.[2](client);
    assert.ok(!called.some((call) => call.endsWith(' over')), 'what has ended is not looked at');
    assert.ok(!called.includes('sagemaker:StopPipelineExecution runs'));
    const stops = called.filter((call) => call === 'sagemaker:StopPipelineExecution waits').length;
    assert.equal(memory.executions.get('waits')?.stops, stops);
    assert.ok(stops === 1 || called.some((call) => call.startsWith('sagemaker:DeletePipeline')));
    stopped += stops;
  }
  assert.ok(stopped > 10, `mostly they are stopped: ${stopped} of 20`);
});
