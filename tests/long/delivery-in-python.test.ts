import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { callJson } from '../../src/cli/client.ts';
import { connect, type Connection } from '../../src/cli/connection.ts';
import { awaitNew } from '../../src/cli/project/watch-delivery.ts';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

suite('a delivery in Python: what fails is trained again, within its bound; what is live is not cleaned away', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-delivery-'));
  const project = join(scratch, 'tumour');
  const environments = join(project, 'config/environments.json');
  let server: TestServer;
  let connection: Connection;
  const cli = (...args: string[]) => slipway(args, { env: server.env, cwd: project });

  before(async () => {
    server = await startServer();
    connection = await connect(server.folder);
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  function push(message: string, change: (text: string) => string): void {
    writeFileSync(environments, change(readFileSync(environments, 'utf8')));
    for (const words of [
      ['-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '-q', '-a', '-m', message],
      ['push', '-q', 'slipway', 'main'],
    ]) {
      const { status, stderr } = spawnSync('git', words, { cwd: project, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    }
  }

  /** Executions of the SageMaker pipeline with the attempt each was started as, oldest first. */
  async function attempts(): Promise<string[]> {
    const { PipelineExecutionSummaries = [] } = await callJson(connection, 'sagemaker:ListPipelineExecutions', {
      PipelineName: 'tumour',
      SortBy: 'CreationTime',
      SortOrder: 'Ascending',
    });
    const parameters = PipelineExecutionSummaries.map(async ({ PipelineExecutionArn = '' }) => {
      const answer = await callJson(connection, 'sagemaker:ListPipelineParametersForExecution', { PipelineExecutionArn });
      return answer.PipelineParameters?.find(({ Name }) => Name === 'RetrainAttempt')?.Value ?? '0';
    });
    return Promise.all(parameters);
  }

  /** Waits for the version of that number, and says which attempt it was. */
  const attemptOf = (version: number) =>
    awaitNew(`version ${version}`, async () => {
      const ModelPackageName = `arn:aws:sagemaker:us-east-1:123456789012:model-package/tumour/${version}`;
      const found = await callJson(connection, 'sagemaker:DescribeModelPackage', { ModelPackageName }).catch(() => undefined);
      return found?.CustomerMetadataProperties?.['RetrainAttempt'];
    });

  test('a push is tested, trained and registered, and its version says which attempt it is', async () => {
    const made = await slipway(['init', project, '--template', 'codepipeline', '--language', 'python'], { env: server.env });
    assert.equal(made.code, 0, made.stdout + made.stderr);
    push('a smoke test that nothing passes', (text) => text.replace('"value": 0.5 },', '"value": 2 },'));
    const delivered = await cli('delivery', 'tumour');
    assert.equal(delivered.code, 0, delivered.stdout + delivered.stderr);
    assert.match(delivered.stdout, /Build +TestAndUpsert +Succeeded[\s\S]*Train +RunPipeline +Succeeded/);
    assert.equal(await attemptOf(1), '0');
  });

  test('a failed smoke test stops the release and starts a retraining', async () => {
    assert.equal((await cli('approve', 'tumour/1')).code, 0);
    const released = await cli('delivery', 'tumour-release');
    assert.equal(released.code, 1, released.stdout);
    assert.match(released.stdout, /Staging +SmokeTest +Failed/);
    assert.doesNotMatch(released.stdout, /Production/);
    assert.equal(await attemptOf(2), '1');
  });

  test('so does a rejection; but attempt 1 is the last, and what fails then starts nothing', async () => {
    push('the smoke test as it was, and a person before production', (text) =>
      text.replace('"value": 2 },', '"value": 0.5 },').replace('"after": "staging"', '"after": "staging", "confirm": true'),
    );
    assert.equal((await cli('init', '.', '--template', 'codepipeline')).code, 0);
    assert.equal((await cli('delivery', 'tumour')).code, 0);
    assert.equal(await attemptOf(3), '0');
    assert.equal((await cli('reject', 'tumour/3')).code, 0);
    assert.equal(await attemptOf(4), '1');
    assert.equal((await cli('reject', 'tumour/4')).code, 0);
    assert.equal((await cli('approve', 'tumour/2')).code, 0); // told after the rejection, so that was heard when this ends
    const following = cli('delivery', 'tumour-release');
    await awaitNew('the approval before production', async () => {
      const answer = await cli('approve', 'tumour-release/Production/Confirm', '--reason', 'seen in staging');
      if (answer.code !== 0) assert.match(answer.stderr, /waits for no approval now/);
      return answer.code === 0 ? true : undefined;
    });
    const released = await following;
    assert.equal(released.code, 0, released.stdout + released.stderr);
    assert.match(released.stdout, /Confirm +Succeeded[\s\S]*Production +SmokeTest +Succeeded/);
    assert.deepEqual(await attempts(), ['0', '1', '0', '1']);
  });

  test('init again changes nothing, and brings up to date what the project says now', async () => {
    const again = await cli('init', '.', '--template', 'codepipeline');
    assert.equal(again.code, 0, again.stderr);
    const rulesOf = async () =>
      (await callJson(connection, 'events:ListRules', { NamePrefix: 'tumour-' })).Rules?.map(({ Name }) => Name);
    assert.deepEqual(await rulesOf(), ['tumour-approved', 'tumour-push', 'tumour-retrain-1', 'tumour-review']);
    writeFileSync(environments, readFileSync(environments, 'utf8').replace('"attempts": 1', '"attempts": 0'));
    assert.equal((await cli('init', '.', '--template', 'codepipeline')).code, 0);
    assert.deepEqual(await rulesOf(), ['tumour-approved', 'tumour-push', 'tumour-review']);
  });

  test('clean takes away what is not live, and names what is', async () => {
    const planned = await cli('clean', 'tumour', '--dry-run');
    assert.equal(planned.code, 0, planned.stderr);
    assert.match(planned.stdout, /would remove +delivery pipeline +tumour-release/);
    const cleaned = await cli('clean', 'tumour');
    assert.equal(cleaned.code, 1);
    assert.match(cleaned.stdout, /removed +rule +tumour-push[\s\S]*removed +version +tumour\/1/);
    assert.match(cleaned.stdout, /stays +endpoint +tumour-production +it is InService/);
    assert.match(cleaned.stdout, /stays +version +tumour\/2 +endpoint tumour-\w+ serves it/);
    for (const environment of ['staging', 'production']) {
      assert.equal((await cli('smoke', environment)).code, 0, 'it goes on serving');
      await callJson(connection, 'sagemaker:DeleteEndpoint', { EndpointName: `tumour-${environment}` });
    }
    await awaitNew('the end of the endpoints', async () => {
      const { Endpoints = [] } = await callJson(connection, 'sagemaker:ListEndpoints', {});
      return Endpoints.length === 0 ? true : undefined;
    });
    const rest = await cli('clean', 'tumour');
    assert.equal(rest.code, 0, rest.stdout + rest.stderr);
    assert.match((await cli('clean', 'tumour')).stdout, /Nothing on this server is tagged/);
  });
});
