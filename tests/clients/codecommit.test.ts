import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { runToSuccess } from '../harness/client-program.ts';
import { addressOf, GitClient } from '../harness/git.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const here = (name: string): string => join(import.meta.dirname, 'codecommit', name);
const keysOf = (server: TestServer) => optionsOf(server).credentials;
const addressOn = (server: TestServer, name: string): string =>
  addressOf(server.url, `/_slipway/git/${name}`, keysOf(server).accessKeyId, keysOf(server).secretAccessKey);

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(50);
}

suite('git and CodeCommit', () => {
  let server: TestServer;
  let aws: AwsClient;
  const git = new GitClient();
  before(async () => {
    server = await startServer();
    aws = new AwsClient(optionsOf(server));
    await git.must('init', '--quiet');
  });
  after(async () => {
    await server.stop();
    git.remove();
  });
  const tipOf = async (repositoryName: string, of = aws): Promise<string | undefined> =>
    of.call('codecommit:GetBranch', { repositoryName, branchName: 'main' }).then(
      ({ branch }) => branch?.commitId,
      () => undefined,
    );

  test('codecommit.py', async () => {
    await runToSuccess(server, ['python3', here('codecommit.py')], { test: 'boto3 codecommit.py' });
  });

  test('clone.sh', async () => {
    assert.match(await runToSuccess(server, ['bash', here('clone.sh')], { test: 'aws-cli clone.sh' }), /^done$/m);
  });

  test('they prove what docs/api-coverage.md says', () =>
    assert.deepEqual(unprovenClaims(['boto3 codecommit.py', 'aws-cli clone.sh']), []));

  test('a repository follows one of another server: by itself, and at once when its webhook is signed', {
    timeout: 120_000,
  }, async () => {
    const remote = await startServer();
    try {
      const there = new AwsClient(optionsOf(remote));
      await there.call('codecommit:CreateRepository', { repositoryName: 'origin' });
      const first = await git.commit('followed.txt', 'one');
      await git.must('push', addressOn(remote, 'origin'), 'main');
      const { accessKeyId: username, secretAccessKey: password } = keysOf(remote);
      const SecretString = JSON.stringify({ webhook: 'agreed', username, password });
      await aws.call('secretsmanager:CreateSecret', { Name: 'remote', SecretString } as never);
      const tags = {
        'slipway:follow': `${remote.url}/_slipway/git/origin`,
        'slipway:follow-secret': 'remote',
        'slipway:follow-seconds': '86400',
      };
      const { repositoryMetadata } = await aws.call('codecommit:CreateRepository', { repositoryName: 'mirror', tags });
      await until(async () => (await tipOf('mirror')) === first);

      const second = await git.commit('followed.txt', 'two');
      await git.must('push', addressOn(remote, 'origin'), 'main', 'main:side');
      const body = '{"ref":"refs/heads/main"}';
      const headers = { 'x-hub-signature-256': `sha256=${createHmac('sha256', 'agreed').update(body).digest('hex')}` };
      const hook = `${server.url}/_slipway/hooks/git/${repositoryMetadata?.repositoryId}`;
      assert.equal((await fetch(hook, { method: 'POST', body, headers })).status, 202);
      await until(async () => (await tipOf('mirror')) === second);
      const { branches } = await aws.call('codecommit:ListBranches', { repositoryName: 'mirror' });
      assert.deepEqual(branches, ['main', 'side']);
    } finally {
      await remote.stop();
    }
  });

  test('a backup made while pushes come in has for each reference its objects', { timeout: 120_000 }, async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'slipway-git-backup-'));
    await aws.call('codecommit:CreateRepository', { repositoryName: 'kept' });
    const first = await git.commit('kept.txt', '0');
    await git.must('push', addressOn(server, 'kept'), 'main');
    let going = true;
    const pushing = (async () => {
      for (let count = 1; going; count += 1) {
        await git.commit('kept.txt', `${count}`);
        await git.must('push', addressOn(server, 'kept'), 'main');
      }
    })();
    const made = await slipway(['backup', join(scratch, 'backup'), '--data', server.folder]);
    going = false;
    await pushing;
    assert.equal(made.code, 0, made.stderr);
    const restored = join(scratch, 'restored');
    const outcome = await slipway(['restore', join(scratch, 'backup'), '--data', restored]);
    assert.equal(outcome.code, 0, outcome.stderr);
    const again = await startServer({ folder: restored });
    const clone = new GitClient();
    try {
      await clone.must('clone', '--quiet', addressOn(again, 'kept'), 'kept');
      await clone.must('-C', 'kept', 'fsck', '--full', '--strict');
      await clone.must('-C', 'kept', 'merge-base', '--is-ancestor', first, 'HEAD');
      const tip = await clone.must('-C', 'kept', 'rev-parse', 'HEAD');
      assert.equal(await tipOf('kept', new AwsClient(optionsOf(again))), tip);
    } finally {
      await again.stop();
      clone.remove();
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
