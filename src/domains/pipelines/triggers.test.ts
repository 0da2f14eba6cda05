import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, endAll, processing, start, statuses, token, world } from '../../../tests/pipelines/programs.ts';
import type { World } from '../../../tests/pipelines/world.ts';

const on = (Step: string, Trigger?: string) => ({ DependsOn: [Trigger === undefined ? Step : { Step, Trigger }] });

async function end(at: World, step: string, status: 'Completed' | 'Failed' | 'Stopped'): Promise<void> {
  const name = at.running().find((running) => running.includes(`-${step}-`))!;
  await at.end(name, status, status === 'Failed' ? 'AlgorithmError: no' : undefined);
  await at.loop.idle();
}

async function outcome(at: World, arn: string) {
  const { PipelineExecutionStatus } = await describe(at, arn);
  return { execution: PipelineExecutionStatus, ...(await statuses(at, arn)) };
}

const program = [
  processing('A'),
  processing('Next', on('A')),
  processing('OnFailure', on('A', 'Failed')),
  processing('OnStop', on('A', 'Stopped')),
  processing('Always', on('A', 'Any')),
  processing('Behind', on('OnFailure')),
];

test('what waits for a failure runs when there is one, and the execution completes with failures', async () => {
  const at = await world();
  await create(at, program);
  const arn = await start(at);
  await end(at, 'A', 'Failed');
  await endAll(at);
  assert.deepEqual(await outcome(at, arn), {
    execution: 'CompletedWithFailures',
    A: 'Failed',
    OnFailure: 'Succeeded',
    Always: 'Succeeded',
    Behind: 'Succeeded',
  });
  assert.match((await describe(at, arn)).FailureReason!, /Step 'A': AlgorithmError: no/);
});

test('after a success nothing that waits for a failure runs; after a stop by somebody else also what waits for that', async () => {
  const at = await world();
  await create(at, program);
  const good = await start(at);
  await endAll(at);
  assert.deepEqual(await outcome(at, good), { execution: 'Succeeded', A: 'Succeeded', Next: 'Succeeded', Always: 'Succeeded' });
  const stopped = await start(at);
  await end(at, 'A', 'Stopped');
  await at.restart();
  await at.loop.idle();
  await endAll(at);
  assert.deepEqual(await outcome(at, stopped), {
    execution: 'CompletedWithFailures',
    A: 'Failed',
    OnFailure: 'Succeeded',
    OnStop: 'Succeeded',
    Always: 'Succeeded',
    Behind: 'Succeeded',
  });
});

test('a failure that nothing answers, or whose answer fails, fails the execution', async () => {
  const at = await world();
  await create(at, [processing('A'), processing('B'), processing('OnFailure', on('A', 'Failed'))]);
  for (const [b, answer, expected] of [
    ['Failed', 'Completed', 'Failed'],
    ['Completed', 'Failed', 'Failed'],
    ['Completed', 'Completed', 'CompletedWithFailures'],
  ] as const) {
    const arn = await start(at);
    await end(at, 'A', 'Failed');
    await end(at, 'B', b);
    await end(at, 'OnFailure', answer);
    assert.equal((await describe(at, arn)).PipelineExecutionStatus, expected, `${b}, ${answer}`);
  }
});

test('a step that waits for a failure and need not run holds up nothing but what waits for it', async () => {
  const at = await world();
  const condition = {
    Name: 'C',
    Type: 'Condition',
    Arguments: {
      Conditions: [{ Type: 'Equals', LeftValue: 1, RightValue: 1 }],
      IfSteps: [processing('A'), processing('OnFailure', on('A', 'Failed')), processing('Behind', on('OnFailure'))],
      ElseSteps: [],
    },
  };
  await create(at, [condition, processing('After', on('C')), processing('Broken', on('C', 'Failed'))]);
  const good = await start(at);
  await endAll(at);
  assert.deepEqual(await outcome(at, good), { execution: 'Succeeded', C: 'Succeeded', A: 'Succeeded', After: 'Succeeded' });
  const bad = await start(at);
  await end(at, 'A', 'Failed');
  await endAll(at);
  assert.deepEqual(await outcome(at, bad), {
    execution: 'CompletedWithFailures',
    C: 'Succeeded',
    A: 'Failed',
    OnFailure: 'Succeeded',
    Behind: 'Succeeded',
  });
});

test('a step waits for all that it depends on; a retry runs the failed step again and not its answer', async () => {
  const at = await world();
  const both = { DependsOn: [{ Step: 'A', Trigger: 'Failed' }, 'B'] };
  await create(at, [processing('A'), processing('B'), processing('Both', both), processing('Unanswered')]);
  const arn = await start(at);
  await end(at, 'A', 'Failed');
  assert.equal((await statuses(at, arn))['Both'], undefined);
  await end(at, 'B', 'Completed');
  await end(at, 'Both', 'Completed');
  await end(at, 'Unanswered', 'Failed');
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Failed');
  await at.call('sagemaker:RetryPipelineExecution', { PipelineExecutionArn: arn, ClientRequestToken: token('r') });
  await at.loop.idle();
  assert.equal(at.running().length, 2);
  await endAll(at);
  assert.deepEqual(await outcome(at, arn), {
    execution: 'Succeeded',
    A: 'Succeeded',
    B: 'Succeeded',
    Both: 'Succeeded',
    Unanswered: 'Succeeded',
  });
});

test('a ForEach step that fails can be answered, and its counts be read', async () => {
  const at = await world();
  const each = {
    Name: 'Each',
    Type: 'ForEach',
    Arguments: { IterableItems: ['a', 'b'], MaxConcurrency: 2, ForEachBody: [processing('P')] },
  };
  const told = { Environment: { FAILED: { 'Std:Join': { On: '', Values: [{ Get: 'Steps.Each.FailedStepCount' }] } } } };
  await create(at, [each, processing('Tell', on('Each', 'Any'), told)]);
  const arn = await start(at);
  await at.end(at.running()[0]!, 'Failed', 'AlgorithmError: no');
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'CompletedWithFailures');
  assert.deepEqual(([...at.jobs.values()].at(-1)!.input as { Environment: object }).Environment, { FAILED: '1' });
});
