import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../random.ts';
import { ExpiredMessages } from './expired-messages.ts';
import { type Client, Memory } from './memory.ts';

test('steps whose messages are gone are answered after a while, those whose messages are only hidden are not', async () => {
  const memory = new Memory(createRandom(1), () => {}, {});
  const answered: unknown[] = [];
  let hidden = '1';
  const answers: Record<string, (input: { PipelineName?: string }) => object> = {
    'sqs:GetQueueAttributes': () => ({
      Attributes: { ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: hidden },
    }),
    'sagemaker:ListPipelineExecutions': () => ({
      PipelineExecutionSummaries: [
        { PipelineExecutionArn: 'over', PipelineExecutionStatus: 'Failed' },
        { PipelineExecutionArn: 'waits', PipelineExecutionStatus: 'Stopping' },
      ],
    }),
    'sagemaker:ListPipelineExecutionSteps': () => ({
      PipelineExecutionSteps: [
        { StepName: 'A', StepStatus: 'Succeeded', Metadata: { Callback: { CallbackToken: 'a' } } },
        { StepName: 'B', StepStatus: 'Executing', Metadata: { Callback: { CallbackToken: 'b' } } },
      ],
    }),
    'sagemaker:SendPipelineExecutionStepFailure': (input) => {
      answered.push(input);
      return {};
    },
  };
  const client = { call: async (name: string, input: object) => answers[name]!(input) } as unknown as Client;
  const expired = new ExpiredMessages(['P0']);
  const look = async (times: number) => {
    for (let count = 0; count < times; count++) await expired.looked(memory, client, 'queue', 0);
  };
  await look(60);
  assert.deepEqual(answered, []);
  hidden = '0';
  await look(30);
  await expired.looked(memory, client, 'queue', 1);
  await look(30);
  assert.deepEqual(answered, []);
  await look(20);
  assert.deepEqual(answered, [{ CallbackToken: 'b', FailureReason: 'the message is gone' }]);
});
