import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import type { ActionDeclaration } from '../../src/contract/generated/codepipeline.ts';
import type { InputOf, OperationName, OutputOf } from '../../src/contract/operations.ts';
import { dataPaths } from '../../src/platform/data-folder.ts';
import { AwsClient, optionsOf, Refused } from '../harness/aws-client.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const ENTRY = join(import.meta.dirname, 'server-with-doomed-delivery.ts');
const ROLE = 'arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole';
const WITHIN_MS = 180_000;
/** Moments at which one server after the other dies, counted in commits of pipelines and builds. */
const LIVES: readonly (readonly [moment: string, count: number])[] = [
  ['after', 1],
  ['before', 4],
  ['after', 7],
  ['before', 10],
  ['after', 12],
];
const CALM: readonly [string, number] = ['after', 1_000_000];

/** A server that dies again and again, and a client that asks on until it is answered. */
class Dying {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-delivery-'));
  deaths = 0;
  calm = false;
  #server: TestServer | undefined;

  async call<N extends Extract<OperationName, `code${string}`>>(name: N, input: InputOf<N>): Promise<OutputOf<N>> {
    const untilMs = performance.now() + WITHIN_MS;
    for (;;) {
      try {
        const server = await this.#alive();
        return await new AwsClient(optionsOf(server)).call(name, input);
      } catch (error) {
        if (performance.now() > untilMs || error instanceof Refused) throw error;
        await this.#bury(); // it died, at the start or with the answer
      }
    }
  }

  async close(): Promise<void> {
    await this.#server?.stop();
  }

  async #alive(): Promise<TestServer> {
    const [moment, count] = this.calm ? CALM : (LIVES[this.deaths % LIVES.length] ?? CALM);
    this.#server ??= await startServer({ folder: this.folder, entry: ENTRY, args: [moment, String(count)] });
    return this.#server;
  }

  async #bury(): Promise<void> {
    await this.#server?.kill9();
    this.#server = undefined;
    this.deaths += 1;
  }
}

const typed = (category: ActionDeclaration['actionTypeId']['category'], provider: string) =>
  ({ category, owner: 'AWS', provider, version: '1' }) as const;

const build = (name: string, runOrder: number): ActionDeclaration => ({
  name,
  runOrder,
  actionTypeId: typed('Build', 'CodeBuild'),
  configuration: { ProjectName: 'doomed' },
  inputArtifacts: [{ name: 'Code' }],
});

async function prepare(dying: Dying): Promise<void> {
  dying.calm = true;
  await dying.call('codecommit:CreateRepository', { repositoryName: 'doomed' });
  await dying.call('codecommit:CreateCommit', {
    repositoryName: 'doomed',
    branchName: 'main',
    putFiles: [{ filePath: 'a.txt', fileContent: Buffer.from('a').toString('base64') as unknown as Uint8Array }],
  });
  await dying.call('codebuild:CreateProject', {
    name: 'doomed',
    source: {
      type: 'CODEPIPELINE',
      buildspec: 'version: 0.2\nphases: { build: { commands: ["sleep 0.5", "echo ran once"] } }\n',
    },
    artifacts: { type: 'CODEPIPELINE' },
    environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
    serviceRole: ROLE,
  });
  await dying.close();
  dying.calm = false;
}

async function createPipeline(dying: Dying): Promise<void> {
  const source: ActionDeclaration = {
    name: 'Fetch',
    actionTypeId: typed('Source', 'CodeCommit'),
    configuration: { RepositoryName: 'doomed', BranchName: 'main' },
    outputArtifacts: [{ name: 'Code' }],
  };
  const approve: ActionDeclaration = { name: 'Approve', actionTypeId: typed('Approval', 'Manual') };
  const stages = [
    { name: 'Source', actions: [source] },
    { name: 'Build', actions: [build('One', 1), build('Two', 1), build('Three', 2)] },
    { name: 'Ask', actions: [approve] },
    { name: 'Last', actions: [build('Four', 1)] },
  ];
  const artifactStore = { type: 'S3' as const, location: 'sagemaker-us-east-1-123456789012' };
  try {
    await dying.call('codepipeline:CreatePipeline', { pipeline: { name: 'doomed', roleArn: ROLE, artifactStore, stages } });
  } catch (error) {
    // its answer was lost, and it is there
    assert.match(String(error), /already exists/);
  }
}

/** Approves when it is asked to, until the delivery has ended. */
async function deliver(dying: Dying): Promise<string | undefined> {
  for (const untilMs = performance.now() + WITHIN_MS; performance.now() < untilMs; await delay(50)) {
    const { pipelineExecutionSummaries: all = [] } = await dying.call('codepipeline:ListPipelineExecutions', {
      pipelineName: 'doomed',
    });
    assert.equal(all.length, 1);
    if (all[0]?.status !== 'InProgress') return all[0]?.status;
    const { stageStates = [] } = await dying.call('codepipeline:GetPipelineState', { name: 'doomed' });
    const token = stageStates[2]?.actionStates?.[0]?.latestExecution?.token;
    if (token === undefined) continue;
    const answer = {
      pipelineName: 'doomed',
      stageName: 'Ask',
      actionName: 'Approve',
      result: { status: 'Approved' as const, summary: '' },
      token,
    };
    await dying
      .call('codepipeline:PutApprovalResult', answer)
      .catch((error: unknown) => assert.match(String(error), /already been approved/));
  }
  return 'not ended in time';
}

/** What was told of actions, in the order it was committed. */
function told(folder: string): string[] {
  const db = new DatabaseSync(dataPaths(folder).database, { readOnly: true });
  try {
    const rows = db
      .prepare('select * from event')
      .all()
      .map((row) => Object.values(row).join(' '));
    return rows.flatMap((text) => {
      if (!text.includes('CodePipeline Action Execution State Change')) return [];
      return `${/"action":"(\w+)"/.exec(text)?.[1]} ${/"state":"(\w+)"/.exec(text)?.[1]}`;
    });
  } finally {
    db.close();
  }
}

test('a delivery whose server is killed again and again ends as if nothing had happened: no build twice, each thing told once', async () => {
  const dying = new Dying();
  try {
    await prepare(dying);
    await createPipeline(dying);
    assert.equal(await deliver(dying), 'Succeeded');
    assert.ok(dying.deaths >= 5, `the server died ${dying.deaths} times`);
    dying.calm = true;
    const { ids = [] } = await dying.call('codebuild:ListBuildsForProject', { projectName: 'doomed' });
    assert.equal(ids.length, 4);
    const { builds = [] } = await dying.call('codebuild:BatchGetBuilds', { ids });
    assert.deepEqual(
      builds.map(({ buildStatus }) => buildStatus),
      Array(4).fill('SUCCEEDED'),
    );
    assert.deepEqual(builds.map(({ buildNumber }) => buildNumber).sort(), [1, 2, 3, 4]);
    await dying.close();
    const wanted = ['Fetch', 'One', 'Two', 'Three', 'Approve', 'Four'].flatMap((name) => [
      `${name} STARTED`,
      `${name} SUCCEEDED`,
    ]);
    assert.deepEqual(told(dying.folder).sort(), wanted.sort());
  } finally {
    await dying.close();
    rmSync(dying.folder, { recursive: true, force: true });
  }
});
