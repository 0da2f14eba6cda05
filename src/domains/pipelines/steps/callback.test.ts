import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, refused, start, statuses, steps, world } from '../../../../tests/pipelines/programs.ts';
import { QUEUE } from '../../../../tests/pipelines/stand-in-queues.ts';
import { Crash, scientist } from '../../../../tests/pipelines/world.ts';

const DAY_MS = 24 * 3600 * 1000;
const callback = (name: string, outputs: Record<string, string> = {}, extra: object = {}) => ({
  Name: name,
  Type: 'Callback',
  Arguments: {},
  SqsQueueUrl: QUEUE,
  OutputParameters: Object.entries(outputs).map(([OutputName, OutputType]) => ({ OutputName, OutputType })),
  ...extra,
});

test('a message carries the arguments and a token; the answer carries the outputs that later steps read', async () => {
  const at = await world();
  const rows = { Get: "Steps.Ask.OutputParameters['rows']" };
  await create(at, [
    callback('Ask', { rows: 'Integer', note: 'String' }, { Arguments: { of: { Get: 'Execution.PipelineName' } } }),
    callback('Then', {}, { Arguments: { rows } }),
  ]);
  const arn = await start(at);
  const [message] = at.queues.messages;
  assert.match(message!.token, /^[a-zA-Z0-9]{10}$/);
  assert.deepEqual(message, {
    token: message!.token,
    pipelineExecutionArn: arn,
    arguments: { of: 'P' },
    status: 'Executing',
  });
  assert.deepEqual((await steps(at, arn))[0]!.Metadata!.Callback, { CallbackToken: message!.token, SqsQueueUrl: QUEUE });
  const answer = {
    CallbackToken: message!.token,
    OutputParameters: [
      { Name: 'rows', Value: '12' },
      { Name: 'note', Value: 'fine' },
    ],
  };
  await assert.rejects(
    at.call('sagemaker:SendPipelineExecutionStepSuccess', { ...answer, OutputParameters: [{ Name: 'rows', Value: 'many' }] }),
    refused('ValidationException', /'rows' must be of type Integer, but is "many".*'note' is missing/),
  );
  for (let i = 0; i < 2; i++) {
    // the same answer twice is one answer
    assert.deepEqual(await at.call('sagemaker:SendPipelineExecutionStepSuccess', answer), { PipelineExecutionArn: arn });
  }
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { Ask: 'Succeeded', Then: 'Executing' });
  assert.deepEqual(at.queues.messages[1]!.arguments, { rows: 12 });
  await at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken: at.queues.messages[1]!.token });
  await at.loop.idle();
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
});

test('a failure fails the step with its reason; tokens unknown, used or late are refused', async () => {
  const at = await world();
  await create(at, [callback('Ask')]);
  const arn = await start(at);
  const CallbackToken = at.queues.messages[0]!.token;
  await assert.rejects(
    at.call('sagemaker:SendPipelineExecutionStepFailure', { CallbackToken: 'a'.repeat(10) }),
    refused('ResourceNotFound', /Callback token 'aaaaaaaaaa' does not exist/),
  );
  await at.call('sagemaker:SendPipelineExecutionStepFailure', { CallbackToken, FailureReason: 'nobody agreed' });
  await at.loop.idle();
  assert.equal((await steps(at, arn))[0]!.FailureReason, 'ClientError: nobody agreed');
  await assert.rejects(
    at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken }),
    refused('ValidationException', /was already answered \(Failed\)/),
  );
  const other = await start(at);
  at.clock.advance(7 * DAY_MS);
  await at.loop.idle();
  assert.match((await steps(at, other))[0]!.FailureReason!, /was not answered within 7 days/);
  await assert.rejects(
    at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken: at.queues.messages[1]!.token }),
    refused('ValidationException', /has expired/),
  );
});

test('the right to answer is asked for the pipeline that waits', async () => {
  const at = await world();
  await create(at, [callback('Ask')]);
  await start(at);
  at.policies.set('scientist', [{ Statement: { Effect: 'Allow', Action: 'sagemaker:*', Resource: 'arn:*:pipeline/q' } }]);
  const { token } = at.queues.messages[0]!;
  await assert.rejects(
    at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken: token }, scientist),
    refused('AccessDeniedException', /pipeline\/P/i),
  );
});

test('a stop sends a message and waits for the answer', async () => {
  const at = await world();
  await create(at, [callback('Ask')]);
  const arn = await start(at);
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  assert.deepEqual(
    at.queues.messages.map(({ status }) => status),
    ['Executing', 'Stopping'],
  );
  await at.restart();
  await at.loop.idle();
  assert.equal(at.queues.messages.length, 2, 'told once');
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopping');
  const CallbackToken = at.queues.messages[0]!.token;
  await at.call('sagemaker:SendPipelineExecutionStepFailure', { CallbackToken });
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { Ask: 'Stopped' });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopped');
});

test('a queue that does not exist fails the step', async () => {
  const at = await world();
  await create(at, [callback('Ask', {}, { SqsQueueUrl: `${QUEUE}x` })]);
  const arn = await start(at);
  assert.equal((await steps(at, arn))[0]!.FailureReason, 'ClientError: The specified queue does not exist.');
});

test('a server that dies around the message leaves one token, answered in whatever moment', async () => {
  for (const moment of ['before', 'after']) {
    const at = await world();
    await create(at, [callback('Ask')]);
    let dead = false;
    at.fault = (point) => {
      dead ||= point === `${moment} sqs:SendMessage`;
      if (dead) throw new Crash(point);
    };
    const arn = await start(at);
    at.fault = () => {};
    const sent = at.queues.messages.length;
    // answered while the server that sent it is not back
    if (sent > 0) await at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken: at.queues.messages[0]!.token });
    await at.restart();
    await at.loop.idle();
    assert.equal(new Set(at.queues.messages.map(({ token }) => token)).size, 1);
    if (sent === 0) {
      await at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken: at.queues.messages[0]!.token });
      await at.loop.idle();
    }
    assert.deepEqual(await statuses(at, arn), { Ask: 'Succeeded' }, moment);
  }
});

test('an answer that comes before the start is recorded is heard', async () => {
  const at = await world();
  await create(at, [callback('Ask')]);
  let answered: Promise<unknown> | undefined;
  at.fault = (point) => {
    if (point !== 'after sqs:SendMessage') return;
    answered = at.call('sagemaker:SendPipelineExecutionStepSuccess', { CallbackToken: at.queues.messages[0]!.token });
  };
  const arn = await start(at);
  await answered;
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { Ask: 'Succeeded' });
});
