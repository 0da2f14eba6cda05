import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../examples/breast-cancer/pipeline.ts');
/** Thirty measurements. */
const ROW = Array.from({ length: 30 }, (_, at) => String(at + 0.5)).join(',');

suite('versions and endpoints by command line', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-cli-'));
  let server: TestServer;
  const cli = (...args: string[]) => slipway(args, { env: server.env, cwd: scratch });

  before(async () => {
    server = await startServer();
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('a TypeScript program becomes a registered version', async () => {
    const upserted = await cli('upsert', EXAMPLE, '--json');
    assert.equal(upserted.code, 0, upserted.stderr);
    assert.equal((JSON.parse(upserted.stdout) as { PipelineName: string }).PipelineName, 'breast-cancer');
    const ran = await cli('run', EXAMPLE, '--wait', '--param', 'NumRound=20');
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /GoodEnough +Succeeded .*outcome True/);
  });

  test('what is not approved is not deployed; reject and approve keep the reason', async () => {
    const refused = await cli('deploy', 'breast-cancer', '--endpoint', 'tumour');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /breast-cancer\/1.*PendingManualApproval/);
    assert.match(refused.stderr, /^approve it: npx slipway approve breast-cancer .*--reason TEXT$/m);
    assert.match(
      (await cli('reject', 'breast-cancer/1', '--reason', 'too few rows')).stdout,
      /^rejected arn:.*breast-cancer\/1\n$/,
    );
    assert.match((await cli('deploy', 'breast-cancer', '--endpoint', 'tumour')).stderr, /Rejected/);
    const approved = JSON.parse((await cli('approve', 'breast-cancer', '--reason', 'looked again', '--json')).stdout) as Record<
      string,
      string
    >;
    assert.deepEqual([approved['ModelApprovalStatus'], approved['ApprovalDescription']], ['Approved', 'looked again']);
    assert.match((await cli('approve', 'breast-cancer/7')).stderr, /has no version 7/);
  });

  test('deploy creates, deploy again moves; invoke takes text, a file and stdin', async () => {
    const created = await cli('deploy', 'breast-cancer/1', '--endpoint', 'tumour');
    assert.equal(created.code, 0, created.stderr);
    assert.match(
      created.stdout,
      /Creating\n[\s\S]*InService\n[\s\S]*try it: npx slipway invoke tumour --content-type text\/csv --body 'TEXT'\n$/,
    );
    const first = await cli('invoke', 'tumour', '--body', ROW);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(Number(first.stdout) > 0 && Number(first.stdout) < 1, true, first.stdout);
    writeFileSync(join(scratch, 'row.csv'), ROW);
    assert.equal((await cli('invoke', 'tumour', '--body', '@row.csv')).stdout, first.stdout);
    assert.equal((await slipway(['invoke', 'tumour', '--body', '-'], { env: server.env, input: ROW })).stdout, first.stdout);
    const json = JSON.parse((await cli('invoke', 'tumour', '--body', ROW, '--json')).stdout) as Record<string, string>;
    assert.deepEqual([json['Body'], json['InvokedProductionVariant']], [first.stdout, 'AllTraffic']);
    const moved = await cli('deploy', 'breast-cancer', '--endpoint', 'tumour', '--json');
    assert.equal(moved.code, 0, moved.stderr);
    assert.equal((await cli('invoke', 'tumour', '--body', ROW)).stdout, first.stdout);
  });

  test('wrong bodies and instance counts are said', async () => {
    assert.equal((await cli('invoke', 'tumour', '--body', '@absent.csv')).code, 2);
    const nonsense = await cli('invoke', 'tumour', '--body', 'a,b,c');
    assert.equal(nonsense.code, 1);
    assert.match(nonsense.stderr, /^ModelError: /);
    assert.equal((await cli('deploy', 'breast-cancer', '--endpoint', 'tumour', '--instance-count', '0')).code, 2);
  });
});
