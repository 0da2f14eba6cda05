import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { callJson, defaultRoleArn } from '../src/cli/client.ts';
import { connect, type Connection } from '../src/cli/connection.ts';
import { startServer } from '../tests/harness/server.ts';
import { chainDefinition } from './definitions.ts';
import { median, report } from './figure.ts';
import { CpuAccount, cpuMsOf } from './processes.ts';

/**
 * Fifty processing steps in a chain, each `python3 -c pass`: what a step costs beyond the sandboxed command itself. The floor is that
 * very command (the arguments bubblewrap got for one of the steps) in a bare loop of a shell.
 */

const STEPS = 50;
const ROUNDS = 3;
const SHIM = resolve(import.meta.dirname, '../src/backends/sandbox/shim');

interface Spent {
  readonly wallMs: number;
  /** Everything: server, spawner, supervisors, sandboxes and the commands in them. */
  readonly allCpuMs: number;
  readonly serverCpuMs: number;
}

async function runChain(connection: Connection, pid: number, account: CpuAccount | undefined): Promise<Spent> {
  const role = await defaultRoleArn(connection);
  const before = { server: cpuMsOf(pid), all: account?.usedMs() ?? Number.NaN };
  const { PipelineExecutionArn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: 'chain',
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: [{ Name: 'Role', Value: role }],
  });
  for (;;) {
    await new Promise((again) => setTimeout(again, 500));
    const found = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn });
    if (found.PipelineExecutionStatus === 'Executing') continue;
    if (found.PipelineExecutionStatus !== 'Succeeded') throw new Error(`The chain ended ${found.PipelineExecutionStatus}.`);
    const wallMs = (Number(found.LastModifiedTime) - Number(found.CreationTime)) * 1000;
    return {
      wallMs: wallMs / STEPS,
      serverCpuMs: (cpuMsOf(pid) - before.server) / STEPS,
      allCpuMs: ((account?.usedMs() ?? Number.NaN) - before.all) / STEPS,
    };
  }
}

/** The newest run's sandbox made again in a loop: its folder is kept for a minute after its end. */
async function runBare(dataFolder: string, account: CpuAccount | undefined): Promise<{ wallMs: number; cpuMs: number }> {
  const plan = globSync(join(dataFolder, 'runs/*/plan.json')).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0] ?? '';
  const words = spawnSync('python3', ['-c', PRINT_ARGUMENTS, SHIM, plan], { encoding: 'buffer' });
  if (words.status !== 0) throw new Error(words.stderr.toString());
  const { bubblewrap, command } = JSON.parse(readFileSync(plan, 'utf8')) as { bubblewrap: string; command: string[] };
  const file = join(mkdtempSync(join(tmpdir(), 'slipway-bench-')), 'arguments');
  writeFileSync(file, words.stdout);
  const before = account?.usedMs() ?? Number.NaN;
  const shell = spawn('/bin/sh', ['-c', LOOP, file, bubblewrap, ...command], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: {},
  });
  account?.take(shell.pid ?? 0);
  const beganMs = performance.now();
  shell.stdin.end('go\n');
  const [code] = await once(shell, 'exit');
  if (code !== 0) throw new Error(`The bare loop ended with exit code ${code}.`);
  rmSync(join(file, '..'), { recursive: true });
  return {
    wallMs: (performance.now() - beganMs) / STEPS,
    cpuMs: ((account?.usedMs() ?? Number.NaN) - before) / STEPS,
  };
}

const PRINT_ARGUMENTS = `
import json, os, sys
sys.path.insert(0, sys.argv[1])
import isolation
plan = json.load(open(sys.argv[2]))
sys.stdout.buffer.write(b"".join(isolation.as_argument(word) for word in isolation.bubblewrap_arguments(plan)))
`;
/** Begins when it is told to, so that it is counted from its first fork on. */
const LOOP = `read go; bubblewrap=$1; shift
n=0; while [ $n -lt ${STEPS} ]; do "$bubblewrap" --args 3 -- "$@" 3<"$0" </dev/null || exit 1; n=$((n+1)); done`;

if (spawnSync('bwrap', ['--version']).error) {
  report({ name: 'chain', value: null, unit: 'ms', note: 'needs bubblewrap on PATH' });
  process.exit();
}
const server = await startServer({ settings: 'sandbox: bubblewrap\n' });
const account = CpuAccount.open('server');
const bareAccount = CpuAccount.open('bare');
const chains: Spent[] = [];
const bare: { wallMs: number; cpuMs: number }[] = [];
try {
  account?.take(server.pid); // before its first job, so that the spawner is counted as well
  const connection = await connect(server.folder);
  await callJson(connection, 'sagemaker:CreatePipeline', {
    PipelineName: 'chain',
    PipelineDefinition: chainDefinition(STEPS),
    ClientRequestToken: crypto.randomUUID(),
    RoleArn: await defaultRoleArn(connection),
  });
  await runChain(connection, server.pid, account); // once to warm up
  for (let round = 0; round < ROUNDS; round += 1) {
    chains.push(await runChain(connection, server.pid, account));
    bare.push(await runBare(server.folder, bareAccount));
  }
} finally {
  await server.stop();
  account?.close();
  bareAccount?.close();
}

const wallMs = median(chains.map((chain) => chain.wallMs));
const bareCpuMs = median(bare.map((loop) => loop.cpuMs));
const note = `per step, median of ${ROUNDS} chains of ${STEPS}`;
report({
  name: 'chain, wall time',
  value: wallMs,
  unit: 'ms',
  floor: median(bare.map((loop) => loop.wallMs)),
  ratioBudget: 3,
  note,
});
report({
  name: 'chain, processor time of server and shim',
  ...(account
    ? { value: median(chains.map((chain) => chain.allCpuMs)) - bareCpuMs, note: `${note}: all processes, less the bare command` }
    : { value: null, note: 'needs a control group that this user may make' }),
  unit: 'ms',
  budget: 25,
});
report({
  name: 'chain, processor time of the server alone',
  value: median(chains.map((chain) => chain.serverCpuMs)),
  unit: 'ms',
  note,
});
report({ name: 'bare command, processor time', value: account ? bareCpuMs : null, unit: 'ms', note });
