import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { callJson } from '../../src/cli/client.ts';
import { connect } from '../../src/cli/connection.ts';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

suite('approval by a rule over a metric', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-rule-'));
  const project = join(scratch, 'tumour');
  let server: TestServer;
  const cli = (...args: string[]) => slipway(args, { env: server.env, cwd: project });

  before(async () => {
    server = await startServer();
    assert.equal((await slipway(['init', project, '--template', 'codepipeline'], { env: server.env })).code, 0);
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  function push(threshold: number): void {
    const file = join(project, 'config/approval-rule.json');
    const rule = { ...JSON.parse(readFileSync(file, 'utf8')), enabled: true, threshold };
    writeFileSync(file, JSON.stringify(rule));
    const commit = [
      '-c',
      'user.name=test',
      '-c',
      'user.email=test@localhost',
      'commit',
      '-q',
      '-a',
      '-m',
      `at least ${threshold}`,
    ];
    for (const words of [commit, ['push', '-q', 'slipway', 'main']]) {
      const { status, stderr } = spawnSync('git', words, { cwd: project, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    }
  }

  async function versions(): Promise<(string | undefined)[]> {
    const listed = await callJson(await connect(server.folder), 'sagemaker:ListModelPackages', {
      ModelPackageGroupName: 'tumour',
      SortBy: 'CreationTime',
      SortOrder: 'Ascending',
    });
    return (listed.ModelPackageSummaryList ?? []).map(({ ModelApprovalStatus }) => ModelApprovalStatus);
  }

  test('a rule that somebody pushes lends the delivery no right to approve', async () => {
    push(0.9);
    const delivered = await cli('delivery', 'tumour');
    assert.equal(delivered.code, 1);
    assert.match(
      delivered.stdout,
      /RegisterApproved +Failed[\s\S]*only if whoever started the execution may approve models themselves/,
    );
    assert.deepEqual(await versions(), []);
  });

  test('what does not meet the rule waits for a person', async () => {
    push(0.999);
    assert.equal((await cli('delivery', 'tumour')).code, 0);
    assert.deepEqual(await versions(), ['PendingManualApproval']);
  });

  test('once init has given the right, what meets the rule is approved and released by itself', async () => {
    assert.equal((await cli('init', '.', '--template', 'codepipeline')).code, 0);
    push(0.9);
    assert.equal((await cli('delivery', 'tumour')).code, 0);
    assert.deepEqual(await versions(), ['PendingManualApproval', 'Approved']);
    const released = await cli('delivery', 'tumour-release');
    assert.equal(released.code, 0, released.stdout + released.stderr);
  });
});
