import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { ApiError, isRefusal } from '../../console/api.ts';
import { drawnParents, graphOf, notTaken } from '../../console/definition-graph.ts';
import { conditionText, expressionText, plainOf } from '../../console/expression-text.ts';
import { durationText, packageName, packagesIn, shellWord, shortId, shortRevision, timeText } from '../../console/format.ts';
import { layoutOf, NODE_HEIGHT, NODE_WIDTH } from '../../console/graph-layout.ts';
import { executionLink, linkTo, parseRoute } from '../../console/route.ts';

/** What of the page needs no browser. */

const step = (Name: string, DependsOn: string[] = [], more: object = {}) => ({ Name, Type: 'Processing', DependsOn, ...more });
const graph = (...steps: object[]) => graphOf(JSON.stringify({ Steps: steps }));
const parentsOf = (nodes: ReturnType<typeof graph>) =>
  Object.fromEntries(nodes.map(({ name, parents }) => [name, parents.map((parent) => parent.name)]));

test('parents are references, DependsOn and the condition whose branch a step is on', () => {
  const nodes = graph(
    step('A'),
    step('B', [], {
      Arguments: {
        Input: { 'Std:Join': { On: '/', Values: [{ Get: "Steps.A.Outputs['x']" }, 'y'] } },
        Own: { Get: 'Steps.B.Name' },
      },
    }),
    {
      Name: 'If',
      Type: 'Condition',
      DependsOn: [{ Step: 'A' }],
      Arguments: {
        Conditions: [
          {
            Type: 'Equals',
            LeftValue: { 'Std:JsonGet': { PropertyFile: { Get: 'Steps.B.PropertyFiles.R' }, Path: 'x' } },
            RightValue: 1,
          },
        ],
        IfSteps: [step('Yes', ['A'])],
        ElseSteps: [{ Name: 'Else', Type: 'Condition', Arguments: { Conditions: [], IfSteps: [step('Deep')], ElseSteps: [] } }],
      },
    },
    step('After', ['Yes']),
  );
  assert.deepEqual(parentsOf(nodes), {
    A: [],
    B: ['A'],
    If: ['B', 'A'],
    Yes: ['If', 'A'],
    Else: ['If'],
    Deep: ['Else'],
    After: ['Yes'],
  });
  assert.deepEqual(
    [...drawnParents(nodes)].map(([name, parents]) => [name, parents.map((parent) => parent.label ?? parent.name)]),
    [
      ['A', []],
      ['B', ['A']],
      ['If', ['B']],
      ['Yes', ['True']],
      ['Else', ['False']],
      ['Deep', ['True']],
      ['After', ['Yes']],
    ],
  );
  assert.deepEqual([...notTaken(nodes, (name) => (name === 'If' ? 'False' : undefined))].sort(), ['After', 'Yes']);
  assert.deepEqual([...notTaken(nodes, (name) => (name === 'If' ? 'True' : undefined))].sort(), ['Deep', 'Else']);
  assert.deepEqual([...notTaken(nodes, () => undefined)], []);
});

test('no two steps overlap, every step is below those it needs, no edge runs behind a step', () => {
  const names = Array.from({ length: 60 }, (_, at) => `S${at}`);
  // each needs two earlier ones, near and far; the far edges have to pass many layers
  const nodes = graph(
    ...names.map((name, at) =>
      step(name, at === 0 ? [] : [`S${Math.floor(at / 2)}`, `S${(at * 7) % at}`].filter((other) => other !== name)),
    ),
  );
  const { corners, edges, width, height } = layoutOf(nodes);
  assert.equal(corners.size, 60);
  const places = [...corners];
  for (const [at, [name, a]] of places.entries()) {
    assert.ok(a.x >= 0 && a.x + NODE_WIDTH <= width + 0.01 && a.y >= 0 && a.y + NODE_HEIGHT <= height, name);
    for (const [other, b] of places.slice(at + 1))
      assert.ok(a.y !== b.y || Math.abs(a.x - b.x) > NODE_WIDTH, `${name} and ${other}`);
  }
  for (const { from, to, points } of edges) {
    assert.ok((corners.get(from)?.y ?? 0) < (corners.get(to)?.y ?? 0), `${from} → ${to}`);
    for (const { x, y } of points.slice(1, -1)) {
      for (const [name, corner] of places)
        assert.ok(corner.y !== y || x < corner.x || x > corner.x + NODE_WIDTH, `${from} → ${to} behind ${name}`);
    }
  }
});

test('a chain is a straight line; what cannot be a pipeline does not hang the page', () => {
  const { corners } = layoutOf(graph(step('A'), step('B', ['A']), step('C', ['B', 'A']), step('D', ['C', 'A'])));
  assert.equal(new Set([...corners.values()].map(({ x }) => x)).size, 1);
  assert.equal(layoutOf(graph(step('A', ['B']), step('B', ['A']))).corners.size, 2);
  assert.deepEqual(layoutOf([]), { corners: new Map(), edges: [], width: 0, height: 0 });
});

test('conditions and references in one line', () => {
  const json = {
    'Std:JsonGet': { PropertyFile: { Get: 'Steps.Evaluate.PropertyFiles.Report' }, Path: 'metrics.accuracy.value' },
  };
  const threshold = { Get: 'Parameters.Threshold' };
  assert.equal(
    conditionText({ Type: 'GreaterThanOrEqualTo', LeftValue: json, RightValue: threshold }),
    'Evaluate Report metrics.accuracy.value ≥ Parameters.Threshold',
  );
  const isIn = { Type: 'In', QueryValue: threshold, Values: ['a', 1, true] };
  assert.equal(conditionText({ Type: 'Not', Condition: isIn }), 'not (Parameters.Threshold in (a, 1, true))');
  assert.equal(
    conditionText({ Type: 'Or', Conditions: [isIn, { Type: 'Equals', LeftValue: 1, RightValue: null }] }),
    '(Parameters.Threshold in (a, 1, true)) or (1 = null)',
  );
  assert.equal(conditionText({ Type: 'Strange', X: 1 }), '{"Type":"Strange","X":1}');
  assert.equal(
    expressionText({ 'Std:Join': { On: '/', Values: ['s3:/', { Get: 'Execution.PipelineName' }, 2] } }),
    's3://Execution.PipelineName/2',
  );
  assert.deepEqual(plainOf({ A: [{ Get: 'Parameters.X' }], B: { Get: 'Y', Z: 1 } }), {
    A: ['Parameters.X'],
    B: { Get: 'Y', Z: 1 },
  });
});

test('durations and times', () => {
  const text = (seconds: number) => durationText(1_000, 1_000 + seconds).replaceAll('\u00a0', ' ');
  assert.deepEqual([0, 0.04, 9.94, 9.96, 59.4, 59.6, 61, 3_599, 3_661, 172_799, 180_000].map(text), [
    '0.0 s',
    '0.0 s',
    '9.9 s',
    '10 s',
    '59 s',
    '1 min 00 s',
    '1 min 01 s',
    '59 min 59 s',
    '1 h 01 min',
    '47 h 59 min',
    '2 d 2 h',
  ]);
  assert.equal(durationText(undefined, undefined), '');
  assert.equal(durationText(10, 9), '0.0\u00a0s'); // clocks
  assert.equal(timeText(1_772_357_400.9), '2026-03-01 09:30:00 UTC');
  assert.equal(packageName('arn:aws:sagemaker:us-east-1:1:model-package/group/3'), 'group/3');
});

test('addresses say what they are about, and are read back', () => {
  const arn = 'arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/x';
  const link = executionLink(arn, { step: 'a b&c', tab: undefined });
  assert.equal(link, `#/execution/${arn}?step=a+b%26c`);
  assert.deepEqual(parseRoute(link), { page: 'execution', argument: arn, choices: { step: 'a b&c' } });
  for (const argument of ['50% off?', '<b>', 'a#b', 'ü'])
    assert.equal(parseRoute(linkTo('endpoints', argument)).argument, argument);
  assert.deepEqual(parseRoute(''), { page: '', argument: '', choices: {} });
  assert.equal(parseRoute('#/endpoints/%zz').argument, '%zz');
});

test('versions of models are found in whatever text names them; revisions that are no commits stay whole', () => {
  const arn = 'arn:aws:sagemaker:eu-central-1:123456789012:model-package/demo-1/12';
  assert.deepEqual(packagesIn(`Release ${arn}, not ${arn}3?`), [arn, `${arn}3`]);
  assert.deepEqual(packagesIn('arn:aws:sagemaker:eu-central-1:123456789012:model-package-group/demo'), []);
  assert.equal(shortRevision('71e9f4eb3b26b4ef6e5466405b54cff4a2a1022d'), '71e9f4eb');
  assert.equal(shortRevision('null'), 'null');
  assert.equal(shortId('115ea6b2-a4e1-4aa0-8e8e-bb0f67190aa3'), '115ea6b2');
});

test('what the server refuses one part of a page is no reason to hide that nobody is signed in, or that it is broken', () => {
  const statusOf = (status: number) => isRefusal(new ApiError('Code', status, 'message'));
  assert.deepEqual([400, 403, 404].map(statusOf), [true, true, true]);
  assert.deepEqual([0, 401, 500, 503].map(statusOf), [false, false, false, false]);
  assert.equal(isRefusal(new Error('of the page itself')), false);
});

test('a name in a command that is there to be copied runs nothing of its own', () => {
  assert.equal(shellWord('/aws/codebuild/tumour-build'), '/aws/codebuild/tumour-build');
  const names = ['$(touch x)', 'a b', 'a;b', '`x`', "it's", 'a\nb', '', '#x', '~'];
  for (const name of names)
    assert.deepEqual(spawnSync('sh', ['-c', `printf %s ${shellWord(name)}`], { encoding: 'utf8' }).stdout, name);
});
