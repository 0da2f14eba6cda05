import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataPaths } from '../../src/platform/data-folder.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { addressOf, GitClient } from '../harness/git.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const ENTRY = join(import.meta.dirname, 'server-with-doomed-push.ts');

const addressOn = (server: TestServer, name: string): string =>
  addressOf(
    server.url,
    `/_slipway/git/${name}`,
    server.env['AWS_ACCESS_KEY_ID'] ?? '',
    server.env['AWS_SECRET_ACCESS_KEY'] ?? '',
  );

/** What is told of the references, in the order it was committed. */
function told(folder: string): { events: string[]; ledger: string[] } {
  const db = new DatabaseSync(dataPaths(folder).database, { readOnly: true });
  try {
    const texts = (sql: string) =>
      db
        .prepare(sql)
        .all()
        .map((row) => Object.values(row).join(' '));
    return {
      events: texts('select * from event').filter((text) => text.includes('CodeCommit Repository State Change')),
      ledger: texts('select entry from ledger').filter((text) => text.includes('refs/heads/main')),
    };
  } finally {
    db.close();
  }
}

for (const moment of ['amid', 'received', 'recorded']) {
  test(`a push whose server is killed (${moment}): what git has is recorded once, by whom it was, and pushing again ends well`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-push-'));
    const git = new GitClient();
    let stopped = false;
    let server = await startServer({ folder, entry: ENTRY, args: [moment] });
    try {
      await new AwsClient(optionsOf(server)).call('codecommit:CreateRepository', { repositoryName: 'doomed' });
      await git.must('init', '--quiet');
      const commitId = await git.commit('a.txt', 'one');
      const pushed = await git.run(['push', addressOn(server, 'doomed'), 'main']);
      assert.notEqual(pushed.code, 0, 'the server was to die before it answered');
      await server.kill9();

      server = await startServer({ folder });
      await git.must('push', addressOn(server, 'doomed'), 'main');
      const aws = new AwsClient(optionsOf(server));
      const { branch } = await aws.call('codecommit:GetBranch', { repositoryName: 'doomed', branchName: 'main' });
      assert.equal(branch?.commitId, commitId);
      // nothing stands in the way of the next one
      const next = await git.commit('b.txt', 'two');
      await git.must('push', addressOn(server, 'doomed'), 'main');
      const after = await aws.call('codecommit:GetBranch', { repositoryName: 'doomed', branchName: 'main' });
      assert.equal(after.branch?.commitId, next);
      await server.stop();
      stopped = true;
      const { events, ledger } = told(folder);
      assert.deepEqual(
        events.map((text) => /"event":"(\w+)"/.exec(text)?.[1]),
        ['referenceCreated', 'referenceUpdated'],
      );
      assert.ok(events.every((text) => text.includes('user/admin')));
      assert.equal(ledger.length, 2);
      assert.ok(ledger.every((text) => text.includes('codecommit:GitPush') && text.includes('user/admin')));
    } finally {
      if (!stopped) await server.stop();
      git.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
