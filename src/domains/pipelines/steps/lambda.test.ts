import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, refused, start, statuses, steps, world } from '../../../../tests/pipelines/programs.ts';
import { Crash, type World } from '../../../../tests/pipelines/world.ts';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:notify';
const lambda = (name: string, outputs: Record<string, string> = {}, extra: object = {}) => ({
  Name: name,
  Type: 'Lambda',
  Arguments: {},
  FunctionArn: ARN,
  OutputParameters: Object.entries(outputs).map(([OutputName, OutputType]) => ({ OutputName, OutputType })),
  ...extra,
});

async function endFunction(at: World, returned: unknown, error?: string): Promise<void> {
  await at.endFunction(at.functions.running()[0]!, returned, error);
  await at.loop.idle();
}

test('a function gets the arguments; its outputs, by their types, are what later steps read', async () => {
  const at = await world();
  const outputs = { code: 'String', count: 'Integer', share: 'Float', good: 'Boolean' };
  const out = (name: string) => ({ Get: `Steps.First.OutputParameters['${name}']` });
  await create(
    at,
    [
      lambda('First', outputs, { Arguments: { run: { Get: 'Execution.PipelineName' }, n: { Get: 'Parameters.N' }, none: null } }),
      lambda('Second', {}, { Arguments: { code: out('code'), count: out('count'), share: out('share'), good: out('good') } }),
    ],
    { Parameters: [{ Name: 'N', Type: 'Integer', DefaultValue: 3 }] },
  );
  const arn = await start(at);
  assert.deepEqual(
    [...at.functions.invocations.values()].map(({ functionName, event }) => ({ functionName, event })),
    [{ functionName: ARN, event: { run: 'P', n: 3 } }],
  );
  assert.deepEqual(await statuses(at, arn), { First: 'Executing' });
  await endFunction(at, { code: 200, count: 7, share: 0.5, good: true, more: 'ignored' });
  assert.deepEqual([...at.functions.invocations.values()][1]!.event, { code: '200', count: 7, share: 0.5, good: true });
  await endFunction(at, null);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  assert.deepEqual((await steps(at, arn))[0]!.Metadata!.Lambda, {
    Arn: ARN,
    OutputParameters: [
      { Name: 'code', Value: '200' },
      { Name: 'count', Value: '7' },
      { Name: 'share', Value: '0.5' },
      { Name: 'good', Value: 'true' },
    ],
  });
});

test('what a function returns or fails with that is not as declared fails the step, and says so', async () => {
  for (const [returned, error, reason] of [
    [{ count: 'x' }, undefined, /The output 'count' must be of type Integer, but is "x" \(a string\)/],
    [{ count: 1.5 }, undefined, /must be of type Integer, but is 1\.5/],
    [{ cuont: 1 }, undefined, /The output 'count' is missing \(given: cuont\)/],
    ['done', undefined, /must return a JSON object, but it returned "done"/],
    [null, undefined, /must return a JSON object, but it returned null/],
    [
      { errorType: 'KeyError', errorMessage: "'run'", stackTrace: ['line'] },
      'Unhandled',
      /^ClientError: The function failed \(Unhandled\): KeyError: 'run'$/,
    ],
  ] as const) {
    const at = await world();
    await create(at, [lambda('L', { count: 'Integer' })]);
    const arn = await start(at);
    await endFunction(at, returned, error);
    const [step] = await steps(at, arn);
    assert.equal(step!.StepStatus, 'Failed');
    assert.match(step!.FailureReason!, reason);
    assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Failed');
  }
});

test('a function that runs longer than a step may fails the step', async () => {
  const at = await world();
  await create(at, [lambda('L')]);
  const arn = await start(at);
  at.clock.advance(10 * 60_000 - 1);
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { L: 'Executing' });
  at.clock.advance(1);
  await at.loop.idle();
  const [step] = await steps(at, arn);
  assert.match(step!.FailureReason!, /function:notify did not end within 10 minutes/);
});

test('a stop waits for the function that runs', async () => {
  const at = await world();
  await create(at, [lambda('L'), lambda('M', {}, { DependsOn: ['L'] })]);
  const arn = await start(at);
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { L: 'Stopping' });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopping');
  await endFunction(at, null);
  assert.deepEqual(await statuses(at, arn), { L: 'Stopped' });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopped');
});

test('a definition that names no function, or an output that is not declared, is refused', async () => {
  const at = await world();
  await assert.rejects(
    create(at, [lambda('L', {}, { FunctionArn: null })]),
    refused('ValidationException', /lacks 'FunctionArn'/),
  );
  await assert.rejects(create(at, [lambda('L', { a: 'Text' })]), refused('ValidationException', /"Text" is no type/));
  const reader = (path: string) => lambda('M', {}, { Arguments: { x: { Get: `Steps.L.${path}` } } });
  await assert.rejects(
    create(at, [lambda('L', { count: 'Integer' }), reader("OutputParameters['coutn']")]),
    refused('ValidationException', /declares no output 'coutn'.*Did you mean 'count'/),
  );
  await assert.rejects(
    create(at, [lambda('L', { count: 'Integer' }), reader('Outputs.count')]),
    refused('ValidationException', /write Steps\.L\.OutputParameters\['NAME'\]/),
  );
});

test('a server that died around the invocation invokes no second time; one that died before it, stopped, not at all', async () => {
  for (const [moment, stopped] of [
    ['before', false],
    ['after', false],
    ['before', true],
    ['after', true],
  ] as const) {
    const at = await world();
    await create(at, [lambda('L')]);
    at.fault = (point) => {
      if (point === `${moment} lambda:Invoke`) at.fault = die;
      if (at.fault === die) die(point);
    };
    const arn = await start(at);
    if (stopped) {
      at.fault = (point) => {
        if (point.includes('lambda:')) die(point); // not back yet: the stop comes before any look
      };
      await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
    }
    at.fault = () => {};
    await at.restart();
    await at.loop.idle();
    const invoked = moment === 'after' || !stopped;
    assert.equal(at.functions.invocations.size, invoked ? 1 : 0, `${moment}, ${stopped}`);
    if (invoked) await endFunction(at, null);
    assert.deepEqual(await statuses(at, arn), { L: stopped ? 'Stopped' : 'Succeeded' }, `${moment}, ${stopped}`);
  }
});

function die(point: string): never {
  throw new Crash(point);
}
