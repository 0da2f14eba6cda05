import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../../models/load.ts';
import { EXECUTED_STEP_TYPES, parametersOf, parseDefinition, resolveParameters } from '../../../sdk/definition/index.ts';
import { checkOptionsOf } from '../../../src/platform/definitions/check-options.ts';
import { createRandom } from '../random.ts';
import { SIMULATED_STEP_TYPES } from './draft.ts';
import { randomPipeline } from './random-pipeline.ts';

const SEEDS = 1_000;
const { model } = loadService('sagemaker');
const options = checkOptionsOf(() => model);

test('every pipeline drawn is accepted, with its parameters, and every step type that is executed is drawn', () => {
  assert.deepEqual([...SIMULATED_STEP_TYPES].sort(), [...EXECUTED_STEP_TYPES].sort());
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { text, parameters } = randomPipeline(createRandom(seed), { sharedEndpoints: true, flakyInputs: true });
    const { definition, graph, problems } = parseDefinition(text, options);
    assert.ok(definition && graph, `seed ${seed}: ${JSON.stringify(problems, null, 1)}\n${text}`);
    const resolved = resolveParameters(parametersOf(definition), [...parameters]);
    assert.ok(resolved.values, `seed ${seed}: ${JSON.stringify(resolved.problems)}`);
    for (const { type } of graph.steps) seen.set(type, (seen.get(type) ?? 0) + 1);
  }
  for (const type of SIMULATED_STEP_TYPES) assert.ok((seen.get(type) ?? 0) > 100, `${type}: ${seen.get(type) ?? 0}`);
});

test('a seed draws the same pipeline, and types switched off are not in it', () => {
  const without = new Set(['Condition', 'ForEach', 'Lambda', 'Endpoint'] as const);
  for (let seed = 1; seed <= 100; seed++) {
    assert.equal(randomPipeline(createRandom(seed)).text, randomPipeline(createRandom(seed)).text);
    const { text } = randomPipeline(createRandom(seed), { without });
    assert.doesNotMatch(text, /"Type":"(Condition|ForEach|Lambda|Endpoint)"/);
  }
});
