import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

suite('versions move between the environments of a project', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-release-'));
  const project = join(scratch, 'tumour');
  const environments = join(project, 'config/environments.json');
  let server: TestServer;
  const cli = (...args: string[]) => slipway(args, { env: server.env, cwd: project });
  const served = async (environment: string) => {
    const answer = await cli('smoke', environment, '--json');
    return JSON.parse(answer.stdout) as { packageArn: string; digest: string; config: string; passed: boolean };
  };
  const edit = (change: (text: string) => string) => writeFileSync(environments, change(readFileSync(environments, 'utf8')));

  before(async () => {
    const made = await slipway(['init', project, '--template', 'codepipeline', '--data', join(scratch, 'no-server')]);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /No server is listening .*\n.*npx slipway init .* --template codepipeline/);
    server = await startServer();
    const ran = await cli('run', 'pipeline.ts', '--wait');
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.equal((await cli('run', 'tumour', '--wait', '--param', 'RetrainAttempt=1')).code, 0);
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('what is not approved goes nowhere', async () => {
    const refused = await cli('promote', 'tumour/1', '--to', 'staging');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /tumour\/1 is PendingManualApproval; staging takes only what is Approved/);
    assert.match(refused.stderr, /npx slipway approve tumour\/1 --reason TEXT/);
  });

  test('production takes only what staging serves and has tested, and gets the same package and model', async () => {
    for (const version of ['tumour/1', 'tumour/2']) assert.equal((await cli('approve', version)).code, 0);
    const early = await cli('promote', 'tumour/1', '--to', 'production');
    assert.match(early.stderr, /production takes only what staging serves, which is nothing/);
    assert.equal((await cli('promote', 'tumour/1', '--to', 'staging')).code, 0);
    assert.match((await cli('promote', '--to', 'production')).stderr, /tumour\/1 has not passed the smoke test of staging/);
    const staging = await served('staging');
    assert.equal(staging.passed, true);
    const moved = await cli('promote', '--from', 'staging', '--to', 'production');
    assert.equal(moved.code, 0, moved.stderr);
    const production = await served('production');
    assert.deepEqual([production.packageArn, production.digest], [staging.packageArn, staging.digest]);
  });

  test('a failed smoke test takes back what an earlier one gave', async () => {
    edit((text) => text.replace('"value": 1 }', '"value": 0.01 }'));
    const failed = await cli('smoke', 'staging');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /staging: the smoke test failed: 0 is 0\.\d+, expected LessThanOrEqualTo 0\.01/);
    assert.match((await cli('promote', '--to', 'production')).stderr, /has not passed the smoke test/);
    edit((text) => text.replace('"value": 0.01 }', '"value": 1 }'));
  });

  test('rollback goes back to what was served before, and again forward', async () => {
    const first = (await served('production')).packageArn;
    assert.match((await cli('rollback', 'production')).stderr, /production has served nothing else before/);
    assert.equal((await cli('promote', 'tumour/2', '--to', 'staging')).code, 0);
    assert.equal((await served('staging')).passed, true);
    assert.equal((await cli('promote', '--to', 'production')).code, 0);
    const back = await cli('rollback', 'production', '--to', 'previous');
    assert.match(back.stdout, /production serves tumour\/1 again/);
    assert.equal((await served('production')).packageArn, first);
    assert.match((await cli('rollback', 'production')).stdout, /production serves tumour\/2 again/);
  });

  test('what is wrong with the file is said with its place', async () => {
    assert.match((await cli('promote', 'tumour/1', '--to', 'nowhere')).stderr, /has dev, staging, production/);
    edit((text) => text.replace('"instanceCount": 1', '"instanceCount": 0'));
    const wrong = await cli('smoke', 'staging');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /environments\.dev\.instanceCount: /);
  });
});
