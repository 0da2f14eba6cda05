import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  create,
  describe,
  endAll,
  processing,
  refused,
  start,
  statuses,
  steps,
  token,
  world,
} from '../../../tests/pipelines/programs.ts';
import type { World } from '../../../tests/pipelines/world.ts';

const after = (...DependsOn: string[]) => ({ DependsOn });
const reading = (name: string, from: string) =>
  processing(
    name,
    {},
    {
      ProcessingInputs: [
        {
          InputName: 'i',
          S3Input: {
            S3Uri: { Get: `Steps.${from}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri` },
            S3DataType: 'S3Prefix',
          },
        },
      ],
    },
  );
const condition = (name: string, IfSteps: object[], ElseSteps: object[], extra: object = {}) => ({
  Name: name,
  Type: 'Condition',
  Arguments: { Conditions: [{ Type: 'Equals', LeftValue: { Get: 'Parameters.Branch' }, RightValue: 'if' }], IfSteps, ElseSteps },
  ...extra,
});
const Parameters = [{ Name: 'Branch', Type: 'String', DefaultValue: 'if' }];

const select = (at: World, names: string[], SourcePipelineExecutionArn?: string, input: object = {}) =>
  start(at, {
    ClientRequestToken: token(crypto.randomUUID()),
    SelectiveExecutionConfig: { SelectedSteps: names.map((StepName) => ({ StepName })), SourcePipelineExecutionArn },
    ...input,
  });

/** A chain, a condition with both branches, and a step behind it. */
async function full(at: World): Promise<string> {
  const definition = [
    processing('A'),
    reading('B', 'A'),
    condition('C', [processing('X'), processing('X2', after('X'))], [processing('Y')], after('B')),
    processing('D', after('C')),
    processing('Alone'),
  ];
  await create(at, definition, { Parameters });
  const arn = await start(at);
  await endAll(at);
  assert.deepEqual(Object.keys(await statuses(at, arn)).sort(), ['A', 'Alone', 'B', 'C', 'D', 'X', 'X2']);
  return arn;
}

test('selected steps run, what they need is taken from the source, nothing else happens', async () => {
  const at = await world();
  const source = await full(at);
  const jobs = at.jobs.size;
  const arn = await select(at, ['B', 'C'], source);
  assert.equal(at.running().length, 1);
  assert.match(at.running()[0]!, /-B-/);
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  assert.equal(at.jobs.size, jobs + 1);
  const listed = await steps(at, arn);
  assert.deepEqual(
    listed.map(({ StepName, SelectiveExecutionResult: from }) => [StepName, from?.SourcePipelineExecutionArn]),
    [
      ['A', source],
      ['B', undefined],
      ['C', undefined],
    ],
  );
  const { SelectiveExecutionConfig } = await describe(at, arn);
  assert.deepEqual(SelectiveExecutionConfig, {
    SourcePipelineExecutionArn: source,
    SelectedSteps: [{ StepName: 'B' }, { StepName: 'C' }],
  });
  assert.deepEqual(await statuses(at, await select(at, ['A'], arn)), { A: 'Executing' });
  const chained = await select(at, ['D'], arn);
  await endAll(at);
  assert.deepEqual(await statuses(at, chained), { C: 'Succeeded', D: 'Succeeded' });
  const further = await select(at, ['B'], chained);
  await endAll(at);
  assert.deepEqual(
    (await steps(at, further)).map(({ StepName, SelectiveExecutionResult: from }) => [
      StepName,
      from?.SourcePipelineExecutionArn,
    ]),
    [
      ['A', arn],
      ['B', undefined],
    ],
    'what a selective source left out is taken from its own source',
  );
  const again = await select(at, ['B'], arn);
  await endAll(at);
  assert.deepEqual(await statuses(at, again), { A: 'Succeeded', B: 'Succeeded' }, 'a selective execution can be a source');
});

test('inside a branch: the Condition is taken as it was decided; what waits for it needs nothing more', async () => {
  const at = await world();
  const source = await full(at);
  for (const [names, expected] of [
    [['X2'], ['C', 'X', 'X2']],
    [
      ['X', 'X2', 'D'],
      ['C', 'D', 'X', 'X2'],
    ],
    [['D'], ['C', 'D']],
    [
      ['C', 'X'],
      ['B', 'C', 'X'],
    ],
    [['Alone'], ['Alone']],
  ] as const) {
    const jobs = at.jobs.size;
    const arn = await select(at, [...names], source);
    await at.restart();
    await at.loop.idle();
    await endAll(at);
    const found = await steps(at, arn);
    assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded', names.join());
    assert.deepEqual(found.map(({ StepName }) => StepName).sort(), expected, names.join());
    assert.equal(at.jobs.size - jobs, names.filter((name) => name !== 'C').length, names.join());
  }
  const other = await select(at, ['C', 'X', 'Y'], source, { PipelineParameters: [{ Name: 'Branch', Value: 'else' }] });
  await endAll(at);
  assert.deepEqual(await statuses(at, other), { B: 'Succeeded', C: 'Succeeded', Y: 'Succeeded' });
});

test('a ForEach step is selected as a whole', async () => {
  const at = await world();
  const forEach = {
    Name: 'Each',
    Type: 'ForEach',
    DependsOn: ['A'],
    Arguments: { IterableItems: ['x', 'y'], MaxConcurrency: 2, ForEachBody: [processing('Inner')] },
  };
  await create(at, [processing('A'), forEach, processing('Z', after('Each'))]);
  const source = await start(at);
  await endAll(at);
  await assert.rejects(select(at, ['Inner'], source), refused('ValidationException', /repeated by the ForEach step 'Each'/));
  const arn = await select(at, ['Each'], source);
  await endAll(at);
  assert.deepEqual(Object.keys(await statuses(at, arn)).sort(), ['A', 'Each', 'Inner-0', 'Inner-1']);
  const behind = await select(at, ['Z'], source);
  await endAll(at);
  assert.deepEqual(await statuses(at, behind), { Each: 'Succeeded', Z: 'Succeeded' });
});

test('a selection that cannot be run is refused, and says what is missing', async () => {
  const at = await world();
  const source = await full(at);
  const refusal = (text: RegExp, code = 'ValidationException') => refused(code, text);
  await assert.rejects(select(at, ['A', 'C'], source), refusal(/on the paths between two selected steps.*Select 'B' as well/));
  await assert.rejects(select(at, ['B', 'X'], source), refusal(/Select 'C' as well/));
  await assert.rejects(select(at, ['X', 'Nope'], source), refusal(/There is no step 'Nope'/));
  await assert.rejects(select(at, ['B']), refusal(/depend on steps that are not selected \('A'\).*SourcePipelineExecutionArn/));
  await assert.rejects(select(at, ['Y'], source), refusal(/'Y' stands on the branch of Condition 'C' that .* did not take/));
  await create(at, [processing('A')], {}, { PipelineName: 'Q', ClientRequestToken: token('q') });
  const foreign = await start(at, { PipelineName: 'Q', ClientRequestToken: token('f') });
  await assert.rejects(select(at, ['B'], foreign), refusal(/is not of pipeline 'P'/));
  await endAll(at);
  const running = await start(at, { ClientRequestToken: token('run') });
  await assert.rejects(select(at, ['B'], running), refusal(/is Executing/));
  for (const name of at.running()) await at.end(name, 'Failed', 'AlgorithmError: no');
  await at.loop.idle();
  assert.equal((await describe(at, running)).PipelineExecutionStatus, 'Failed');
  await assert.rejects(select(at, ['B'], running), refusal(/needs? the result of step 'A', which is Failed in/));
  await assert.rejects(select(at, ['D'], running), refusal(/step 'C', which did not run in/));
  await assert.rejects(select(at, ['B'], `${source.slice(0, -12)}abcdefabcdef`), refusal(/does not exist/, 'ResourceNotFound'));
});

test('selected steps run though the cache has their result, and leave theirs; a failed one can be retried', async () => {
  const at = await world();
  const cached = { CacheConfig: { Enabled: true, ExpireAfter: '30d' } };
  await create(at, [processing('A', cached), processing('B', { ...cached, DependsOn: ['A'] })]);
  const source = await start(at, { ClientRequestToken: token('0') });
  await endAll(at);
  at.clock.advance(10);
  const arn = await select(at, ['B'], source);
  await at.end(at.running()[0]!, 'Failed', 'AlgorithmError: no');
  await at.loop.idle();
  assert.deepEqual(await statuses(at, arn), { A: 'Succeeded', B: 'Failed' });
  await at.call('sagemaker:RetryPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  await endAll(at);
  assert.deepEqual(await statuses(at, arn), { A: 'Succeeded', B: 'Succeeded' });
  const whole = await start(at, { ClientRequestToken: token('1') });
  const results = (await steps(at, whole)).map(({ CacheHitResult }) => CacheHitResult?.SourcePipelineExecutionArn);
  assert.deepEqual(results, [source, arn]);
});
