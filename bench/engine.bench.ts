import { callJson, defaultRoleArn, putObject } from '../src/cli/client.ts';
import { connect, type Connection } from '../src/cli/connection.ts';
import { startServer } from '../tests/harness/server.ts';
import { chainDefinition, wideDefinition } from './definitions.ts';
import { report } from './figure.ts';
import { cpuMsOf } from './processes.ts';

/**
 * Processor time of the server (all threads) per processing step, of executions of 100, 1,000 and 10,000 steps: a chain, and a graph as wide as
 * it is long, whose steps all wait for one and are all waited for by one. The definition comes from S3 by PipelineDefinitionS3Location. Work ends as soon as it
 * starts (instant-server.ts), so this is what the engine takes, without the processes. Linear: a step of the longest costs what one of
 * a hundredth of it costs.
 */

const SIZES = (process.env['SLIPWAY_STEPS'] ?? '100,1000,10000').split(',').map(Number);
const BUDGET_MS = 2;
const WARM_UP = 300;
const SHAPES = { chain: chainDefinition, wide: wideDefinition } as const;
const ENTRY = new URL('instant-server.ts', import.meta.url).pathname;

const only = process.argv.slice(2);

async function measure(connection: Connection, pid: number, shape: keyof typeof SHAPES, count: number): Promise<number> {
  const name = `${shape}-${count}`;
  const [bucket, key] = [`sagemaker-us-east-1-${(await defaultRoleArn(connection)).split(':')[4]}`, `definitions/${name}.json`];
  const roleArn = await defaultRoleArn(connection);
  await putObject(connection, bucket, key, Buffer.from(SHAPES[shape](count)));
  await callJson(connection, 'sagemaker:CreatePipeline', {
    PipelineName: name,
    PipelineDefinitionS3Location: { Bucket: bucket, ObjectKey: key },
    ClientRequestToken: crypto.randomUUID(),
    RoleArn: roleArn,
  }).catch((error: { code?: string }) => {
    if (!String(error).includes('already exists')) throw error;
  });
  const beforeMs = cpuMsOf(pid);
  const { PipelineExecutionArn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: name,
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: [{ Name: 'Role', Value: roleArn }],
  });
  for (;;) {
    await new Promise((again) => setTimeout(again, 250));
    const found = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn });
    if (found.PipelineExecutionStatus === 'Executing') continue;
    if (found.PipelineExecutionStatus !== 'Succeeded') throw new Error(`${name} ended ${found.PipelineExecutionStatus}.`);
    return (cpuMsOf(pid) - beforeMs) / count;
  }
}

const server = await startServer({ entry: ENTRY });
try {
  const connection = await connect(server.folder);
  for (const shape of ['chain', 'wide'] as const) {
    if (only.length > 0 && !only.includes(shape)) continue;
    await measure(connection, server.pid, shape, WARM_UP); // once to warm up
    const [first] = SIZES;
    let floor: number | undefined;
    for (const count of SIZES) {
      const value = await measure(connection, server.pid, shape, count);
      const isLongest = count === SIZES.at(-1);
      report({
        name: `${shape} of ${count} steps: processor time of the server per step`,
        value,
        unit: 'ms',
        ...(isLongest && { floor, ratioBudget: 1.25, budget: BUDGET_MS, note: `floor: per step of ${first}` }),
      });
      floor ??= value;
    }
  }
} finally {
  await server.stop();
}
