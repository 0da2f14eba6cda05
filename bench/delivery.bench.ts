import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActionDeclaration } from '../src/contract/generated/codepipeline.ts';
import { callJson, defaultRoleArn } from '../src/cli/client.ts';
import { connect, type Connection } from '../src/cli/connection.ts';
import { median, report } from './figure.ts';
import { serve, stop } from './launcher.ts';

/**
 * From a push to the first command of a build, and to the end of five stages whose builds do nothing; and a thousand executions that wait in
 * the lines of twenty pipelines (AWS lets fifty wait in one) when the server is killed with -9: until the next server has moved each pipeline
 * on to its next execution.
 */

const ROUNDS = 5;
const PIPELINES = 20;
const QUEUED = 50;
const FIRST_COMMAND_BUDGET_MS = 2_000;
const STAGES_BUDGET_MS = 10_000;
const RECOVERY_BUDGET_MS = 5_000;
const REPOSITORY = 'bench';
const BUILDSPEC =
  'version: 0.2\nenv: { exported-variables: [AT] }\nphases: { build: { commands: ["export AT=$(date +%s%N)"] } }\n';

interface Bench {
  readonly connection: Connection;
  readonly role: string;
  readonly bucket: string;
}

async function prepare(connection: Connection): Promise<Bench> {
  const role = await defaultRoleArn(connection);
  const bucket = `sagemaker-us-east-1-${role.split(':')[4]}`;
  await callJson(connection, 'codecommit:CreateRepository', { repositoryName: REPOSITORY });
  await callJson(connection, 'codebuild:CreateProject', {
    name: REPOSITORY,
    source: { type: 'CODEPIPELINE', buildspec: BUILDSPEC },
    artifacts: { type: 'CODEPIPELINE' },
    environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
    serviceRole: role,
  });
  return { connection, role, bucket };
}

const typed = (category: ActionDeclaration['actionTypeId']['category'], provider: string) =>
  ({ category, owner: 'AWS', provider, version: '1' }) as const;

const source: ActionDeclaration = {
  name: 'Fetch',
  actionTypeId: typed('Source', 'CodeCommit'),
  configuration: { RepositoryName: REPOSITORY, BranchName: 'main' },
  outputArtifacts: [{ name: 'Code' }],
};

const build: ActionDeclaration = {
  name: 'Build',
  actionTypeId: typed('Build', 'CodeBuild'),
  configuration: { ProjectName: REPOSITORY },
  inputArtifacts: [{ name: 'Code' }],
};

const approval: ActionDeclaration = { name: 'Approve', actionTypeId: typed('Approval', 'Manual') };

async function create(
  { connection, role, bucket }: Bench,
  name: string,
  actions: ActionDeclaration[],
  more: object,
): Promise<void> {
  const stages = [source, ...actions].map((action, at) => ({ name: `S${at}`, actions: [action] }));
  const store = { type: 'S3' as const, location: bucket };
  await callJson(connection, 'codepipeline:CreatePipeline', {
    pipeline: { name, roleArn: role, artifactStore: store, stages, pipelineType: 'V2', ...more },
  });
}

/** When an execution of the commit has ended; what its first build said of when it began. */
async function delivered({ connection }: Bench, commit: string): Promise<{ endedAtMs: number; firstCommandAtMs: number }> {
  for (;;) {
    await new Promise((again) => setTimeout(again, 20));
    const { pipelineExecutionSummaries: all = [] } = await callJson(connection, 'codepipeline:ListPipelineExecutions', {
      pipelineName: 'stages',
    });
    const found = all.find(({ sourceRevisions = [] }) => sourceRevisions[0]?.revisionId === commit);
    if (!found || found.status === 'InProgress') continue;
    const endedAtMs = Date.now();
    if (found.status !== 'Succeeded') throw new Error(`The delivery ended ${found.status}.`);
    const { actionExecutionDetails: actions = [] } = await callJson(connection, 'codepipeline:ListActionExecutions', {
      pipelineName: 'stages',
      filter: { pipelineExecutionId: found.pipelineExecutionId },
    });
    const first = actions.findLast(({ actionName }) => actionName === 'Build');
    return { endedAtMs, firstCommandAtMs: Number(first?.output?.outputVariables?.['AT']) / 1e6 };
  }
}

async function push({ connection }: Bench, parent: string | undefined, round: number): Promise<string> {
  const bytes = Buffer.from(String(round)).toString('base64'); // as it is on the wire
  const { commitId = '' } = await callJson(connection, 'codecommit:CreateCommit', {
    repositoryName: REPOSITORY,
    branchName: 'main',
    ...(parent !== undefined && { parentCommitId: parent }),
    putFiles: [{ filePath: 'round.txt', fileContent: bytes as unknown as Uint8Array }],
  });
  return commitId;
}

async function measureDeliveries(bench: Bench): Promise<void> {
  let head = await push(bench, undefined, 0);
  await create(bench, 'stages', [build, build, build, build], {});
  await delivered(bench, head);
  const rounds: { firstMs: number; allMs: number }[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const beganMs = Date.now();
    head = await push(bench, head, round);
    const { endedAtMs, firstCommandAtMs } = await delivered(bench, head);
    rounds.push({ firstMs: firstCommandAtMs - beganMs, allMs: endedAtMs - beganMs });
  }
  const note = `median of ${ROUNDS} pushes by CreateCommit; four builds of one command after the source`;
  const firstMs = median(rounds.map((round) => round.firstMs));
  report({
    name: 'delivery: push to the first command of a build',
    value: firstMs,
    unit: 'ms',
    budget: FIRST_COMMAND_BUDGET_MS,
    note,
  });
  const allMs = median(rounds.map((round) => round.allMs));
  report({ name: 'delivery: push to the end of five stages', value: allMs, unit: 'ms', budget: STAGES_BUDGET_MS, note });
}

const queueName = (at: number): string => `queue-${at}`;

async function tokenOf({ connection }: Bench, name: string): Promise<string | undefined> {
  const { stageStates = [] } = await callJson(connection, 'codepipeline:GetPipelineState', { name });
  return stageStates[1]?.actionStates?.[0]?.latestExecution?.token;
}

async function untilToken(bench: Bench, name: string, before?: string): Promise<string> {
  for (;;) {
    const token = await tokenOf(bench, name);
    if (token !== undefined && token !== before) return token;
    await new Promise((again) => setTimeout(again, 20));
  }
}

const names = Array.from({ length: PIPELINES }, (_, at) => queueName(at));

async function fillQueues(bench: Bench): Promise<void> {
  for (const name of names) {
    await create(bench, name, [approval], { executionMode: 'QUEUED' });
    for (let n = 1; n < QUEUED; n += 1) await callJson(bench.connection, 'codepipeline:StartPipelineExecution', { name });
    await untilToken(bench, name);
  }
}

async function moveOn(bench: Bench, name: string): Promise<void> {
  const token = await untilToken(bench, name);
  await callJson(bench.connection, 'codepipeline:PutApprovalResult', {
    pipelineName: name,
    stageName: 'S1',
    actionName: 'Approve',
    result: { status: 'Approved', summary: '' },
    token,
  });
  await untilToken(bench, name, token);
}

/** The server itself, whose process is killed: `slipway serve` is one that waits for it. */
async function startBare(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [new URL('instant-server.ts', import.meta.url).pathname, folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const part of child.stdout) if (String(part).includes('slipway: listening')) break;
  child.stdout.resume();
  return child;
}

async function measureRecovery(folder: string): Promise<void> {
  const first = await startBare(folder);
  const connection = await connect(folder);
  const role = await defaultRoleArn(connection);
  const bench: Bench = { connection, role, bucket: `sagemaker-us-east-1-${role.split(':')[4]}` };
  await callJson(connection, 'codecommit:CreateRepository', { repositoryName: REPOSITORY });
  await push(bench, undefined, 0);
  await fillQueues(bench);
  first.kill('SIGKILL');
  await once(first, 'exit');
  const beganMs = performance.now();
  const second = await startBare(folder);
  const again: Bench = { ...bench, connection: await connect(folder) };
  await Promise.all(names.map((name) => moveOn(again, name)));
  const note = `${PIPELINES} pipelines with ${QUEUED} executions each; from the start of the process until each pipeline's next execution waits for its approval`;
  const value = performance.now() - beganMs;
  report({ name: 'delivery: 1,000 queued executions after kill -9', value, unit: 'ms', budget: RECOVERY_BUDGET_MS, note });
  second.kill('SIGTERM');
  await once(second, 'exit');
}

const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const server = await serve(folder);
await measureDeliveries(await prepare(await connect(folder)));
await stop(server);
rmSync(folder, { recursive: true });
const queues = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
await measureRecovery(queues);
rmSync(queues, { recursive: true });
