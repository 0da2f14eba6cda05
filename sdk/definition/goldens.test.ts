import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Graph } from './graph.ts';
import { parseDefinition, unsupportedSteps } from './parse.ts';

// Definitions emitted by the real SageMaker Python SDK, its newest 2.x and 2.100 (tests/goldens/definitions/python/emit.py).
const folder = new URL('../../tests/goldens/definitions/python/', import.meta.url).pathname;

function graphOf(file: string): Graph {
  const parsed = parseDefinition(readFileSync(`${folder}${file}`, 'utf8'));
  assert.ok(parsed.graph, JSON.stringify(parsed.problems, null, 1));
  return parsed.graph;
}

const waits = (graph: Graph) =>
  Object.fromEntries(
    graph.steps.map(({ name }, index) => [
      name,
      graph.waitsFor[index]!.map((vertex) => graph.steps[graph.stepOf[vertex]!]!.name).sort(),
    ]),
  );

test('the definition of SDK 3 parses, and all of its steps are executed', () => {
  const graph = graphOf('v3/steps-of-v3.json');
  assert.deepEqual(unsupportedSteps(graph), []);
  assert.deepEqual(waits(graph).Tell, ['Best', 'Fixed']);
});

for (const dialect of ['newest', '2.100']) {
  test(`the definitions of SDK ${dialect} parse`, () => {
    const files = globSync(`${dialect}/*.json`, { cwd: folder });
    assert.ok(files.length >= 4);
    for (const file of files) {
      const graph = graphOf(file);
      assert.deepEqual(
        unsupportedSteps(graph).map(({ step }) => step),
        file.includes('later') ? ['Tune'] : [],
        file,
      );
    }
  });

  test(`SDK ${dialect}: the graph of the program with a condition`, () => {
    const graph = graphOf(`${dialect}/seed-002.json`);
    const register = graph.steps.find(({ type }) => type === 'RegisterModel')!;
    assert.deepEqual(waits(graph), {
      DataProcessing: [],
      ModelTraining: ['DataProcessing'],
      ModelEvaluation: ['DataProcessing', 'ModelTraining'],
      CheckAccuracy: ['ModelEvaluation'],
      [register.name]: ['CheckAccuracy', 'ModelTraining'],
    });
    assert.deepEqual(register.parent, { condition: 3, branch: 'If' });
  });

  test(`SDK ${dialect}: the graph of the program with everything`, () => {
    const graph = graphOf(`${dialect}/every-executed-step.json`);
    assert.deepEqual(waits(graph), {
      Preprocess: [],
      Train: ['Preprocess'],
      Evaluate: ['Train'],
      Outer: ['Evaluate', 'Train'],
      Inner: ['Evaluate', 'Outer'],
      'Risk-CreateModel': ['Inner', 'Train'],
      TooWeak: ['Outer'],
    });
  });
}
