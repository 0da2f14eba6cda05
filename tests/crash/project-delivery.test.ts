import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { callJson } from '../../src/cli/client.ts';
import { connect, type Connection } from '../../src/cli/connection.ts';
import { awaitNew } from '../../src/cli/project/watch-delivery.ts';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

suite('a project goes from its push to production while its server is killed', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-killed-'));
  const folder = join(scratch, 'data');
  const project = join(scratch, 'tumour');
  let server: TestServer;
  let kills = 0;
  const cli = (...args: string[]) => slipway(args, { env: server.env, cwd: project });

  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function killAndStart(): Promise<Connection> {
    await server.kill9();
    kills += 1;
    server = await startServer({ folder });
    return connect(folder);
  }

  const actionsOf = async (connection: Connection, pipelineName: string) =>
    (await callJson(connection, 'codepipeline:ListActionExecutions', { pipelineName })).actionExecutionDetails ?? [];

  /** Kills the server at once, then whenever another action runs; resolves with the ends of all executions of the pipeline. */
  async function killAllTheWay(pipelineName: string): Promise<(string | undefined)[]> {
    let connection = await killAndStart();
    const seen = new Set<string>();
    return awaitNew(`the end of ${pipelineName}`, async () => {
      const running = (await actionsOf(connection, pipelineName)).find(
        ({ actionExecutionId = '', status }) => status === 'InProgress' && !seen.has(actionExecutionId),
      );
      if (running) {
        seen.add(running.actionExecutionId ?? '');
        connection = await killAndStart();
      }
      const { pipelineExecutionSummaries = [] } = await callJson(connection, 'codepipeline:ListPipelineExecutions', {
        pipelineName,
      });
      // the one that CreatePipeline starts, as on AWS, finds an empty repository
      const asked = pipelineExecutionSummaries.filter(({ trigger }) => trigger?.triggerType !== 'CreatePipeline');
      const ends = asked.map(({ status }) => status);
      return ends.length > 0 && !ends.includes('InProgress') ? ends : undefined;
    });
  }

  test('it ends as if nothing had happened: nothing is built, registered or deployed twice', async () => {
    server = await startServer({ folder });
    assert.equal((await slipway(['init', project, '--template', 'codepipeline'], { env: server.env })).code, 0);
    const pushed = spawnSync('git', ['push', '-q', 'slipway', 'main'], { cwd: project, encoding: 'utf8' });
    assert.equal(pushed.status, 0, pushed.stderr);
    assert.deepEqual(await killAllTheWay('tumour'), ['Succeeded']);
    assert.equal((await cli('approve', 'tumour')).code, 0);
    assert.deepEqual(await killAllTheWay('tumour-release'), ['Succeeded']);
    assert.ok(kills >= 5, `only ${kills} kills`);

    const connection = await connect(folder);
    const buildsOf = async (projectName: string) =>
      (await callJson(connection, 'codebuild:ListBuildsForProject', { projectName })).ids?.length;
    assert.deepEqual([await buildsOf('tumour-build'), await buildsOf('tumour-release')], [1, 4]);
    const { PipelineExecutionSummaries } = await callJson(connection, 'sagemaker:ListPipelineExecutions', {
      PipelineName: 'tumour',
    });
    assert.deepEqual(
      PipelineExecutionSummaries?.map(({ PipelineExecutionStatus }) => PipelineExecutionStatus),
      ['Succeeded'],
    );
    const { ModelPackageSummaryList } = await callJson(connection, 'sagemaker:ListModelPackages', {
      ModelPackageGroupName: 'tumour',
    });
    assert.equal(ModelPackageSummaryList?.length, 1);
    assert.equal((await callJson(connection, 'sagemaker:ListEndpointConfigs', {})).EndpointConfigs?.length, 2);
    const smoke = JSON.parse((await cli('smoke', 'production', '--json')).stdout) as { passed: boolean; packageArn: string };
    assert.deepEqual([smoke.passed, smoke.packageArn], [true, ModelPackageSummaryList?.[0]?.ModelPackageArn]);
    assert.equal((await cli('audit', 'verify')).code, 0);
  });
});
