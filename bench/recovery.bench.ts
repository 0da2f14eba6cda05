import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callJson, defaultRoleArn } from '../src/cli/client.ts';
import { connect, type Connection } from '../src/cli/connection.ts';
import { chainDefinition } from './definitions.ts';
import { report } from './figure.ts';
import { cpuMsOf } from './processes.ts';

/**
 * A thousand executions whose first job runs; the server is killed with -9 and started again. From its start until it listens, until each
 * job and each execution has been looked at, and how long a call of a client takes meanwhile at most. The jobs are there only in name
 * (instant-server.ts): real ones, with a process each, need no more of the server than these.
 */

const EXECUTIONS = Number(process.env['SLIPWAY_EXECUTIONS'] ?? 1_000);
const BUDGET_MS = 5_000;
const ENTRY = new URL('instant-server.ts', import.meta.url).pathname;
const PIPELINE = 'recovered';

interface Running {
  readonly child: ChildProcess;
  readonly beganMs: number;
  readonly listening: Promise<number>;
  /** When so many works and steps have been taken up. */
  takenUp(count: number): Promise<number>;
}

function start(folder: string): Running {
  const beganMs = performance.now();
  const child = spawn(process.execPath, [ENTRY, folder, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const listening = Promise.withResolvers<number>();
  let seen = 0;
  let wanted = { count: Number.POSITIVE_INFINITY, resolve: (_atMs: number) => {} };
  const check = () => seen >= wanted.count && wanted.resolve(performance.now() - beganMs);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('slipway: listening')) listening.resolve(performance.now() - beganMs);
    if (line.startsWith('taken up')) seen += 1;
    check();
  });
  const takenUp = (count: number) =>
    new Promise<number>((resolve) => {
      wanted = { count, resolve };
      check();
    });
  return { child, beganMs, listening: listening.promise, takenUp };
}

async function startExecutions(connection: Connection): Promise<void> {
  const roleArn = await defaultRoleArn(connection);
  await callJson(connection, 'sagemaker:CreatePipeline', {
    PipelineName: PIPELINE,
    PipelineDefinition: chainDefinition(3),
    ClientRequestToken: crypto.randomUUID(),
    RoleArn: roleArn,
  });
  for (let n = 0; n < EXECUTIONS; n += 1) {
    await callJson(connection, 'sagemaker:StartPipelineExecution', {
      PipelineName: PIPELINE,
      ClientRequestToken: crypto.randomUUID(),
      PipelineParameters: [{ Name: 'Role', Value: roleArn }],
    });
  }
}

async function slowestCall(connection: Connection, until: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  void until.then(over, over);
  let slowestMs = 0;
  while (!isOver) {
    const beganMs = performance.now();
    await callJson(connection, 'sagemaker:DescribePipeline', { PipelineName: PIPELINE });
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    await new Promise((again) => setTimeout(again, 20));
  }
  return slowestMs;
}

const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const first = start(folder);
const emptyMs = await first.listening;
await startExecutions(await connect(folder));
await first.takenUp(2 * EXECUTIONS);
first.child.kill('SIGKILL');
await once(first.child, 'exit');

const second = start(folder);
const listeningMs = await second.listening;
const taken = second.takenUp(2 * EXECUTIONS);
const slowestMs = await slowestCall(await connect(folder), taken);
const takenMs = await taken;
const cpuMs = cpuMsOf(second.child.pid ?? 0);
const note = `${EXECUTIONS} executions with a job each; floor: start of an empty server until it listens`;
report({
  name: 'recovery after kill -9: until all are taken up',
  value: takenMs,
  unit: 'ms',
  floor: emptyMs,
  budget: BUDGET_MS,
  note,
});
report({ name: 'recovery: until the server listens', value: listeningMs, unit: 'ms', budget: BUDGET_MS, note });
report({ name: 'recovery: slowest call of a client meanwhile', value: slowestMs, unit: 'ms', note });
report({ name: 'recovery: processor time of the server from start to all taken up', value: cpuMs, unit: 'ms', note });
second.child.kill('SIGTERM');
await once(second.child, 'exit');
rmSync(folder, { recursive: true });
