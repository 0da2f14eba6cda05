import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutput } from '../output.ts';
import { type Answers, withServer } from './server-rig.ts';
import { watchDelivery } from './watch-delivery.ts';

const attempt = (actionName: string, status: string, message?: string, category = 'Build') => ({
  stageName: 'Build',
  actionName,
  status,
  input: { actionTypeId: { category } },
  output: { executionResult: { ...(message && { errorDetails: { message } }) } },
});

/** A delivery that has ended, with its attempts from the newest to the oldest. */
const ended = (status: string, ...actionExecutionDetails: object[]): Answers => ({
  GetPipelineExecution: () => ({ pipelineExecution: { status, artifactRevisions: [{ revisionId: 'c0ffee' }] } }),
  ListActionExecutions: () => ({ actionExecutionDetails }),
});

const watch = async (answers: Answers) => {
  const lines: string[] = [];
  const output = { ...createOutput(false), line: (text: string) => void lines.push(text) };
  let end: Awaited<ReturnType<typeof watchDelivery>> | undefined;
  await withServer(answers, async (connection) => {
    end = await watchDelivery(connection, output, 'tumour', 'e1');
  });
  return { end, lines };
};

test('why a delivery failed is the last thing that did', async () => {
  const { end } = await watch(ended('Failed', attempt('Test', 'Failed', 'the second'), attempt('Test', 'Failed', 'the first')));
  assert.deepEqual([end?.status, end?.reason, end?.commit], ['Failed', 'the second', 'c0ffee']);
});

test('one that succeeded when it was retried has no reason', async () => {
  const { end } = await watch(ended('Succeeded', attempt('Test', 'Succeeded'), attempt('Test', 'Failed', 'the first')));
  assert.equal(end?.reason, '');
});

test('what waits for a person says how it is answered', async () => {
  const { lines } = await watch(ended('Stopped', attempt('Confirm', 'InProgress', undefined, 'Approval')));
  assert.match(lines.join('\n'), /npx slipway approve tumour\/Build\/Confirm/);
});

test('each attempt is told of once, also when there are several of one action', async () => {
  let looks = 0;
  const { lines } = await watch({
    GetPipelineExecution: () => ({ pipelineExecution: { status: ++looks < 4 ? 'InProgress' : 'Succeeded' } }),
    ListActionExecutions: () => ({
      actionExecutionDetails: [
        { ...attempt('Test', looks < 4 ? 'InProgress' : 'Succeeded'), actionExecutionId: 'second' },
        { ...attempt('Test', 'Failed', 'once'), actionExecutionId: 'first' },
      ],
    }),
  });
  assert.deepEqual(
    lines.map((line) => line.trim().split(/\s+/).at(-1)),
    ['Failed', 'InProgress', 'Succeeded'],
  );
});
