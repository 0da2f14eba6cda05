import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, cpSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { callJson, defaultRoleArn } from '../src/cli/client.ts';
import { connect, type Connection } from '../src/cli/connection.ts';
import { stepsOf } from '../src/cli/execution-watch.ts';
import { CLI, startServer, type TestServer } from '../tests/harness/server.ts';
import { chainDefinition } from './definitions.ts';
import { median, report } from './figure.ts';

/**
 * What the cache leaves to be waited for: a chain of a hundred cached steps from its start to the Succeeded that a client sees, and `slipway
 * run --wait` of the example after one of its scripts was edited, less what the jobs that had to run took themselves.
 */

const STEPS = 100;
const ROUNDS = 5;
const EXAMPLE = resolve(import.meta.dirname, '../examples/breast-cancer');

/** From the call that starts it to the answer that it succeeded. */
async function runChain(connection: Connection, role: string): Promise<number> {
  const beganMs = performance.now();
  const { PipelineExecutionArn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: 'cached-chain',
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: [{ Name: 'Role', Value: role }],
  });
  for (;;) {
    const { PipelineExecutionStatus: status } = await callJson(connection, 'sagemaker:DescribePipelineExecution', {
      PipelineExecutionArn,
    });
    if (status === 'Succeeded') return performance.now() - beganMs;
    if (status !== 'Executing') throw new Error(`The chain ended ${status}.`);
    await new Promise((again) => setTimeout(again, 5));
  }
}

/** As many lines as the chain has steps, each synced before the next. */
function syncedLines(folder: string): number {
  const file = openSync(join(folder, 'floor'), 'w');
  const beganMs = performance.now();
  for (let step = 0; step < STEPS; step++) {
    writeSync(file, 'x'.repeat(2_000));
    fsyncSync(file);
  }
  closeSync(file);
  return performance.now() - beganMs;
}

async function cachedChain(server: TestServer): Promise<void> {
  const connection = await connect(server.folder);
  const role = await defaultRoleArn(connection);
  await callJson(connection, 'sagemaker:CreatePipeline', {
    PipelineName: 'cached-chain',
    PipelineDefinition: chainDefinition(STEPS, { CacheConfig: { Enabled: true, ExpireAfter: 'P1D' } }),
    ClientRequestToken: crypto.randomUUID(),
    RoleArn: role,
  });
  await runChain(connection, role); // fills the cache
  const found: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    found.push(await runChain(connection, role));
    floor.push(syncedLines(server.folder));
  }
  report({
    name: `chain of ${STEPS} cached steps`,
    value: median(found),
    unit: 'ms',
    floor: median(floor),
    budget: 1_000,
    note: `median of ${ROUNDS}, start to seen Succeeded; floor: as many synced lines`,
  });
}

async function slipway(server: TestServer, ...args: string[]): Promise<number> {
  const beganMs = performance.now();
  const child = spawn(process.execPath, [CLI, ...args], { env: server.env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`slipway ${args.join(' ')} ended with ${code}.`);
  return performance.now() - beganMs;
}

/** How long the jobs of the newest execution ran themselves, and how many there were. */
async function ownWork(connection: Connection): Promise<{ readonly ms: number; readonly jobs: number }> {
  const { PipelineExecutionSummaries: [newest] = [] } = await callJson(connection, 'sagemaker:ListPipelineExecutions', {
    PipelineName: 'breast-cancer',
    MaxResults: 1,
  });
  let seconds = 0;
  let jobs = 0;
  for (const { Metadata: made = {}, CacheHitResult: cached } of await stepsOf(connection, newest?.PipelineExecutionArn ?? '')) {
    const name = (made.TrainingJob ?? made.ProcessingJob)?.Arn?.split('/').at(-1);
    if (cached || name === undefined) continue;
    jobs++;
    if (made.TrainingJob) {
      const job = await callJson(connection, 'sagemaker:DescribeTrainingJob', { TrainingJobName: name });
      seconds += (job.TrainingEndTime ?? 0) - (job.TrainingStartTime ?? 0);
    } else {
      const job = await callJson(connection, 'sagemaker:DescribeProcessingJob', { ProcessingJobName: name });
      seconds += (job.ProcessingEndTime ?? 0) - (job.ProcessingStartTime ?? 0);
    }
  }
  return { ms: seconds * 1000, jobs };
}

async function editedScript(server: TestServer): Promise<void> {
  const connection = await connect(server.folder);
  const project = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  cpSync(EXAMPLE, project, { recursive: true });
  const program = join(project, 'pipeline.ts');
  await slipway(server, 'run', program, '--wait');
  const beyond: number[] = [];
  const own: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    appendFileSync(join(project, 'scripts/train.py'), `# edited ${round}\n`);
    const wallMs = await slipway(server, 'run', program, '--wait');
    const work = await ownWork(connection);
    if (work.jobs !== 2) throw new Error(`${work.jobs} jobs ran; Train and Evaluate were to.`);
    own.push(work.ms);
    beyond.push(wallMs - work.ms);
  }
  rmSync(project, { recursive: true });
  report({
    name: 'edit one script, run again: beyond the work of the steps concerned',
    value: median(beyond),
    unit: 'ms',
    budget: 3_000,
    note: `median of ${ROUNDS}, slipway run --wait of the example after train.py changed; own work ${Math.round(median(own))} ms`,
  });
}

const server = await startServer();
try {
  await cachedChain(server);
  await editedScript(server);
} finally {
  await server.stop();
}
