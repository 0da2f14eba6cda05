import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import { ROLE, World } from '../../pipelines/world.ts';
import { createRandom } from '../random.ts';
import { randomPipeline } from '../workload/random-pipeline.ts';
import { processingStep, SURROUNDINGS } from '../workload/step-shapes.ts';
import { checkExecution } from './check-execution.ts';
import { observeExecution } from './observe-execution.ts';
import { runOnEngine } from './run-on-engine.ts';

/** Pipelines on the real room, store and loop; what other rooms do, stand-ins do. More: `ORACLE_SEEDS=2000 node --test …`. */
const SEEDS = Number(process.env['ORACLE_SEEDS'] ?? 100);
/** What a world holds grows, and with it what a look at it costs. */
const PER_WORLD = 20;

async function inWorlds<T>(cases: readonly T[], run: (at: World, one: T) => Promise<readonly string[]>): Promise<string[]> {
  const found: string[] = [];
  for (let first = 0; first < cases.length; first += PER_WORLD) {
    const at = new World();
    try {
      await at.start();
      for (const one of cases.slice(first, first + PER_WORLD)) found.push(...(await run(at, one)));
    } finally {
      await at.close();
    }
  }
  return found;
}

async function judged(at: World, PipelineExecutionArn: string, about: string): Promise<string[]> {
  const observed = await observeExecution({ call: (name, input) => at.call(name, input) }, PipelineExecutionArn);
  return checkExecution(observed).map((problem) => `${about}: ${problem}`);
}

test('random pipelines run as the oracle says', async () => {
  const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
  const found = await inWorlds(seeds, async (at, seed) => {
    const random = createRandom(seed);
    const { text, parameters } = randomPipeline(random);
    const PipelineName = `P${seed}`;
    await at.call('sagemaker:CreatePipeline', { PipelineName, RoleArn: ROLE, PipelineDefinition: text });
    const started = await at.call('sagemaker:StartPipelineExecution', { PipelineName, PipelineParameters: [...parameters] });
    await at.loop.idle();
    await runOnEngine(at, random);
    return judged(at, started.PipelineExecutionArn!, `seed ${seed}`);
  });
  assert.deepEqual(found, []);
});

const work = (name: string, waits: readonly (readonly [string, string | undefined])[]): JsonObject => {
  const filling = { name, outcome: { Get: `Parameters.${name}` }, values: {}, input: `s3://${SURROUNDINGS.bucket}/stable/a` };
  const DependsOn: Json[] = waits.flatMap(([Step, Trigger]) => (Trigger === undefined ? [] : [{ Step, Trigger }]));
  return { ...processingStep(SURROUNDINGS, filling, {}), DependsOn };
};

/** Every way in which three steps wait for each other, plainly and around a Condition. */
function smallPrograms(): JsonObject[][] {
  const programs: JsonObject[][] = [];
  const triggers = [undefined, 'Completed', 'Failed', 'Any'];
  for (const ab of triggers) {
    for (const ac of triggers) {
      for (const bc of triggers) {
        programs.push([
          work('A', []),
          work('B', [['A', ab]]),
          work('C', [
            ['A', ac],
            ['B', bc],
          ]),
        ]);
      }
      const Conditions = [{ Type: 'Equals', LeftValue: { Get: 'Parameters.A' }, RightValue: 'ok' }];
      const Arguments = { Conditions, IfSteps: [work('A', [])], ElseSteps: [work('B', [['A', ab]])] };
      programs.push([
        { Name: 'If', Type: 'Condition', Arguments },
        work('C', [
          ['A', ac],
          ['If', ab],
        ]),
      ]);
    }
  }
  return programs;
}

test('every program of three steps, with every outcome of each, runs as the oracle says', async () => {
  const Parameters = ['A', 'B', 'C'].map((Name) => ({ Name, Type: 'String' }));
  const programs = smallPrograms().map((Steps, index) => ({ index, Steps }));
  const found = await inWorlds(programs, async (at, { index, Steps }) => {
    const PipelineName = `P${index}`;
    const PipelineDefinition = JSON.stringify({ Version: '2020-12-01', Parameters, Steps });
    await at.call('sagemaker:CreatePipeline', { PipelineName, RoleArn: ROLE, PipelineDefinition });
    const arns: string[] = [];
    for (let outcomes = 0; outcomes < 8; outcomes++) {
      const PipelineParameters = ['A', 'B', 'C'].map((Name, bit) => ({ Name, Value: outcomes & (1 << bit) ? 'ok' : 'fail' }));
      const { PipelineExecutionArn } = await at.call('sagemaker:StartPipelineExecution', { PipelineName, PipelineParameters });
      arns.push(PipelineExecutionArn!);
    }
    await at.loop.idle();
    await runOnEngine(at, createRandom(index));
    const problems: string[] = [];
    for (const [outcomes, arn] of arns.entries())
      problems.push(...(await judged(at, arn, `program ${index}, outcomes ${outcomes}`)));
    return problems;
  });
  assert.deepEqual(found, []);
});
