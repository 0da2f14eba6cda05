import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROLE, World } from '../../pipelines/world.ts';
import { createRandom } from '../random.ts';
import { randomPipeline } from '../workload/random-pipeline.ts';
import { checkExecution } from './check-execution.ts';
import { observeExecution } from './observe-execution.ts';
import { runOnEngine } from './run-on-engine.ts';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 150);
const FIRST = Number(process.env['SIM_SEED'] ?? 1);

test('random pipelines run as the oracle says', async () => {
  const at = new World();
  try {
    await at.start();
    const found: string[] = [];
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const random = createRandom(seed);
      const { text, parameters } = randomPipeline(random);
      const PipelineName = `P${seed}`;
      await at.call('sagemaker:CreatePipeline', { PipelineName, RoleArn: ROLE, PipelineDefinition: text });
      const started = await at.call('sagemaker:StartPipelineExecution', { PipelineName, PipelineParameters: [...parameters] });
      await at.loop.idle();
      await runOnEngine(at, random);
      const observed = await observeExecution(at as never, started.PipelineExecutionArn!);
      const problems = checkExecution(observed);
      if (problems.length > 0) found.push(`seed ${seed}:\n  ${problems.join('\n  ')}`);
    }
    assert.deepEqual(found, []);
  } finally {
    await at.close();
  }
});
