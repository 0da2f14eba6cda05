import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  create,
  describe,
  endAll,
  processing,
  start,
  statuses,
  steps,
  token,
  world,
  worlds,
} from '../../../tests/pipelines/programs.ts';
import { Crash, type World } from '../../../tests/pipelines/world.ts';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:score';
const item = (path = '') => ({ Get: `ForEach.CurrentItem${path}` });
const lambda = (name: string, args: object = {}, outputs: Record<string, string> = {}, extra: object = {}) => ({
  Name: name,
  Type: 'Lambda',
  Arguments: args,
  FunctionArn: ARN,
  OutputParameters: Object.entries(outputs).map(([OutputName, OutputType]) => ({ OutputName, OutputType })),
  ...extra,
});
const each = (body: object[], args: object = {}, extra: object = {}) => ({
  Name: 'Each',
  Type: 'ForEach',
  Arguments: { IterableItems: ['a', 'b', 'c'], MaxConcurrency: 50, ForEachBody: body, ...args },
  ...extra,
});
const maxScore = { Selector: { Pick: 'MaxBy', Field: { Get: "IterationOutput.Score.OutputParameters['score']" } } };

const given = (at: World) => [...at.functions.invocations.values()].map(({ event }) => event);

async function endFunctions(at: World, answer: (event: Record<string, unknown>) => unknown): Promise<void> {
  for (let running = at.functions.running(); running.length > 0; running = at.functions.running()) {
    for (const id of running) {
      await at.endFunction(id, answer(at.functions.invocations.get(id)!.event as Record<string, unknown>));
    }
    await at.loop.idle();
  }
}

test('every item has its children, which see it and their siblings; the best is selected, and all outputs can be read', async () => {
  const at = await world();
  const last = (path: string) => ({ Get: `Steps.Each.${path}` });
  await create(
    at,
    [
      processing('Prepare'),
      each(
        [
          processing('Fit', {}, { Environment: { DEPTH: { 'Std:Join': { On: '', Values: [item('.depth')] } } } }),
          lambda('Score', { job: { Get: 'Steps.Fit.ProcessingJobName' }, of: item(".name['x']") }, { score: 'Float' }),
        ],
        { IterableItems: { Get: 'Parameters.Items' }, ...maxScore },
        { DependsOn: ['Prepare'] },
      ),
      lambda('Last', {
        best: last("Selected.OutputParameters['score']"),
        second: last('IterationOutputs[1].Fit.ProcessingJobName'),
        count: last('InputItemCount'),
        status: last('Status'),
        all: last('SucceededStepCount'),
      }),
    ],
    { Parameters: [{ Name: 'Items', Type: 'String' }] },
  );
  const items = [1, 2, 3].map((depth) => JSON.stringify({ depth, name: { x: `n${depth}` } }));
  const arn = await start(at, { PipelineParameters: [{ Name: 'Items', Value: JSON.stringify(items) }] });
  assert.deepEqual(await statuses(at, arn), { Prepare: 'Executing' });
  await at.end(at.running()[0]!);
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), {
    Prepare: 'Succeeded',
    Each: 'Executing',
    'Fit-0': 'Executing',
    'Fit-1': 'Executing',
    'Fit-2': 'Executing',
  });
  assert.equal(at.functions.invocations.size, 0);
  const fits = at.running();
  assert.deepEqual(
    fits.map((name) => (at.jobs.get(name)!.input as { Environment: object }).Environment),
    [{ DEPTH: '1' }, { DEPTH: '2' }, { DEPTH: '3' }],
  );
  await endAll(at);
  assert.deepEqual(given(at), [
    { job: fits[0], of: 'n1' },
    { job: fits[1], of: 'n2' },
    { job: fits[2], of: 'n3' },
  ]);
  await endFunctions(at, ({ of }) => ({ score: of === 'n2' ? 0.9 : 0.1 }));
  assert.deepEqual(given(at).at(-1), { best: 0.9, second: fits[1], count: 3, status: 'Succeeded', all: 6 });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  const metadata = (await steps(at, arn)).find(({ StepName }) => StepName === 'Each')!.Metadata!.ForEach;
  assert.deepEqual(metadata, {
    InputItemCount: 3,
    TotalStepCount: 6,
    SucceededStepCount: 6,
    FailedStepCount: 0,
    StoppedStepCount: 0,
    Status: 'Succeeded',
    Selector: { StepName: 'Score-1', Index: 1 },
  });
});

test('children run within the limits of their step and of the execution, beside other steps', async () => {
  const at = await world();
  const items = ['a', 'b', 'c', 'd', 'e'];
  await create(at, [each([processing('P')], { IterableItems: items, MaxConcurrency: 2 }), processing('Beside')]);
  const arn = await start(at);
  assert.equal(at.running().length, 3);
  for (const name of at.running()) await at.end(name);
  await at.loop.idle();
  assert.equal(at.running().length, 2);
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  const narrow = await start(at, { ParallelismConfiguration: { MaxParallelExecutionSteps: 1 } });
  for (let left = 6; left > 0; left--) {
    assert.equal(at.running().length, 1);
    await at.end(at.running()[0]!);
    await at.loop.idle();
  }
  assert.equal((await describe(at, narrow)).PipelineExecutionStatus, 'Succeeded');
});

test('a child that fails leaves the others running, fails its step at the end, and no step behind it runs', async () => {
  const at = await world();
  const body = [processing('P'), processing('Q', { DependsOn: ['P'] })];
  await create(at, [each(body), processing('After', { DependsOn: ['Each'] })]);
  const arn = await start(at);
  await at.end(at.running()[1]!, 'Failed', 'AlgorithmError: b');
  await endAll(at);
  assert.deepEqual(await statuses(at, arn), {
    Each: 'Failed',
    'P-0': 'Succeeded',
    'P-1': 'Failed',
    'P-2': 'Succeeded',
    'Q-0': 'Succeeded',
    'Q-2': 'Succeeded',
  });
  const listed = (await steps(at, arn))[0]!;
  assert.equal(listed.FailureReason, '1 of 6 steps of the iterations failed.');
  assert.equal(listed.Metadata!.ForEach!.SucceededStepCount, 4);
  const { PipelineExecutionStatus, FailureReason } = await describe(at, arn);
  assert.deepEqual(
    [PipelineExecutionStatus, FailureReason],
    ['Failed', "Step failure: One or multiple steps failed. Step 'P-1': AlgorithmError: b"],
  );
});

test('items that are no list, and a Selector that finds no numbers, fail the step; no items at all is no failure', async () => {
  const run = async (items: string, args: object = {}, answer: unknown = {}) => {
    const at = await world();
    const body = [lambda('Score', { of: item() }, { score: 'String' })];
    await create(at, [each(body, { IterableItems: { Get: 'Parameters.Items' }, ...args })], {
      Parameters: [{ Name: 'Items', Type: 'String' }],
    });
    const arn = await start(at, { PipelineParameters: [{ Name: 'Items', Value: items }] });
    await endFunctions(at, () => answer);
    const { StepStatus, FailureReason } = (await steps(at, arn))[0]!;
    return `${StepStatus}: ${FailureReason}`;
  };
  assert.match(await run('a'), /^Failed: ClientError: IterableItems "a" \(a string\) is no JSON list/);
  assert.match(await run('{"a":1}'), /^Failed: ClientError: IterableItems must be a JSON list, but is/);
  assert.match(await run('["a"]', maxScore, { score: 'high' }), /Selector compares numbers, but .*score'\] of item 0 is "high"/);
  assert.match(await run('["a"]', maxScore, { score: '0.5' }), /^Succeeded/);
  assert.match(await run('[]'), /^Succeeded/);
  assert.match(await run('[]', maxScore), /^Failed: ClientError: The Selector has nothing to pick from/);
});

test('a stop stops the children and starts no others', async () => {
  const at = await world();
  await create(at, [each([processing('P')], { MaxConcurrency: 2 })]);
  const arn = await start(at);
  await at.end(at.running()[0]!);
  await at.loop.idle();
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { Each: 'Stopped', 'P-0': 'Succeeded', 'P-1': 'Stopped', 'P-2': 'Stopped' });
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopped');
  assert.equal((await steps(at, arn))[0]!.Metadata!.ForEach!.Status, 'Stopped');
});

test('a retried execution repeats only the children that failed', async () => {
  const at = await world();
  await create(at, [each([processing('P'), processing('Q', { DependsOn: ['P'] })])]);
  const arn = await start(at);
  await at.end(at.running()[0]!, 'Failed');
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Failed');
  const before = at.jobs.size;
  await at.call('sagemaker:RetryPipelineExecution', { PipelineExecutionArn: arn, ClientRequestToken: token('r') });
  await at.loop.idle();
  await at.restart();
  await at.loop.idle();
  assert.equal(at.running().length, 1);
  await endAll(at);
  assert.equal(at.jobs.size, before + 2);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  assert.equal((await steps(at, arn)).find(({ StepName }) => StepName === 'Each')!.Metadata!.ForEach!.SucceededStepCount, 6);
});

test('two ForEach steps in branches of a Condition, and one behind the other', async () => {
  const at = await world();
  const inner = {
    ...each([processing('R')], { IterableItems: ['x', { Get: 'Steps.Each.IterationOutputs[0].P.ProcessingJobName' }] }),
    Name: 'Inner',
  };
  const condition = {
    Name: 'C',
    Type: 'Condition',
    Arguments: {
      Conditions: [{ Type: 'Equals', LeftValue: { Get: 'Steps.Each.InputItemCount' }, RightValue: 3 }],
      IfSteps: [inner],
      ElseSteps: [{ ...each([processing('N')]), Name: 'Never' }],
    },
  };
  await create(at, [each([processing('P')]), condition, processing('After', { DependsOn: ['C'] })]);
  const arn = await start(at);
  await endAll(at);
  const { Each, C, Inner, After, Never, ...children } = await statuses(at, arn);
  assert.deepEqual([Each, C, Inner, After, Never], ['Succeeded', 'Succeeded', 'Succeeded', 'Succeeded', undefined]);
  assert.deepEqual(Object.keys(children), ['P-0', 'P-1', 'P-2', 'R-0', 'R-1']);
});

test('killed at every commit and at every call: each child is made once', async () => {
  const program = [
    each([processing('P'), lambda('Score', { of: item(), job: { Get: 'Steps.P.ProcessingJobName' } }, { score: 'Float' })], {
      MaxConcurrency: 2,
      IterableItems: ['1', '2'],
      ...maxScore,
    }),
    processing(
      'After',
      {},
      { Environment: { BEST: { 'Std:Join': { On: '', Values: [{ Get: "Steps.Each.Selected.OutputParameters['score']" }] } } } },
    ),
  ];
  let points = 0;
  for (let countdown = 1; ; countdown++) {
    const at = await world();
    await create(at, program);
    let left = countdown;
    let dead = false;
    at.fault = (point) => {
      left -= dead ? 0 : 1;
      dead ||= left === 0;
      if (dead) throw new Crash(point);
    };
    await start(at, { ClientRequestToken: token('t') }).catch((error: unknown) =>
      assert.ok(error instanceof Crash, String(error)),
    );
    for (let rounds = 0; rounds < 12; rounds++) {
      if (dead) {
        at.fault = () => {};
        dead = false;
        await at.restart();
        await at.loop.idle();
      }
      if (rounds === 0)
        await start(at, { ClientRequestToken: token('t') }).catch((error: unknown) => assert.ok(error instanceof Crash));
      const crash = (error: unknown) => assert.ok(error instanceof Crash);
      for (const name of at.running()) await at.end(name).catch(crash);
      for (const id of at.functions.running()) {
        const { of } = at.functions.invocations.get(id)!.event as { of: string };
        await at.endFunction(id, { score: Number(of) }).catch(crash);
      }
      await at.loop.idle();
    }
    const { PipelineExecutionSummaries } = await at.call('sagemaker:ListPipelineExecutions', { PipelineName: 'P' });
    const arn = PipelineExecutionSummaries![0]!.PipelineExecutionArn!;
    assert.deepEqual([...new Set(Object.values(await statuses(at, arn)))], ['Succeeded'], `countdown ${countdown}`);
    assert.deepEqual([at.jobs.size, at.functions.invocations.size], [3, 2], `countdown ${countdown}`);
    const after = [...at.jobs.values()].at(-1)!.input as { Environment: object };
    assert.deepEqual(after.Environment, { BEST: '2' }, `countdown ${countdown}`);
    points = countdown;
    worlds.splice(worlds.indexOf(at), 1);
    await at.close();
    if (left > 0) break;
  }
  assert.ok(points > 30, `${points} points`);
});
