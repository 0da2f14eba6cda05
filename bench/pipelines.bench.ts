import { ROLE, World } from '../tests/pipelines/world.ts';
import { chainDefinition, wideDefinition } from './definitions.ts';
import { report } from './figure.ts';

/**
 * Processor time of the pipelines room alone, with dispatcher, authorisation, reconcile loop and store, per step of executions of 100, 1,000 and 10,000
 * processing steps; the jobs are stand-ins that end when asked to, and the event that tells of each end is a commit here as well. What jobs add
 * to it is in the bench `engine`.
 */

const SIZES = (process.env['SLIPWAY_STEPS'] ?? '100,1000,10000').split(',').map(Number);
const WARM_UP = 500;
const BUDGET_MS = 2;
/** Ended before the execution is waited for again, where many run. */
const AT_ONCE = 32;

async function cpuMsPerStep(definitionOf: (count: number) => string, count: number): Promise<number> {
  const world = new World();
  try {
    await world.start();
    world.objects.set('s3://definitions/one.json', definitionOf(count));
    await world.call('sagemaker:CreatePipeline', {
      PipelineName: 'one',
      PipelineDefinitionS3Location: { Bucket: 'definitions', ObjectKey: 'one.json' },
      RoleArn: ROLE,
    });
    const before = process.cpuUsage();
    const { PipelineExecutionArn = '' } = await world.call('sagemaker:StartPipelineExecution', {
      PipelineName: 'one',
      PipelineParameters: [{ Name: 'Role', Value: ROLE }],
    });
    await world.loop.idle();
    for (let running = world.running(); running.length > 0; running = world.running()) {
      for (let at = 0; at < running.length; at += AT_ONCE) {
        await Promise.all(running.slice(at, at + AT_ONCE).map((name) => world.end(name)));
        await world.loop.idle();
      }
    }
    const { user, system } = process.cpuUsage(before);
    const found = await world.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn });
    if (found.PipelineExecutionStatus !== 'Succeeded') throw new Error(`It ended ${found.PipelineExecutionStatus}.`);
    return (user + system) / 1000 / count;
  } finally {
    await world.close();
  }
}

for (const [shape, definitionOf] of Object.entries({ chain: chainDefinition, wide: wideDefinition })) {
  await cpuMsPerStep(definitionOf, WARM_UP);
  let floor: number | undefined;
  for (const count of SIZES) {
    const value = await cpuMsPerStep(definitionOf, count);
    const isLongest = count === SIZES.at(-1);
    report({
      name: `${shape} of ${count} steps: processor time of the pipelines room per step`,
      value,
      unit: 'ms',
      ...(isLongest && { floor, ratioBudget: 1.25, budget: BUDGET_MS, note: `floor: per step of ${SIZES[0]}` }),
    });
    floor ??= value;
  }
}
