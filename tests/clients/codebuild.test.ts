import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const FOLDER = join(import.meta.dirname, 'codebuild');

suite('CodeBuild: boto3', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  test('codebuild.py', async () => {
    await runToSuccess(server, ['python3', join(FOLDER, 'codebuild.py')], { test: 'boto3 codebuild.py' });
  });
  test('it proves what docs/api-coverage.md says', () => assert.deepEqual(unprovenClaims(['boto3 codebuild.py']), []));
});

test('kill -9 in the phases of a build: it runs once, and ends as if nothing had happened', async () => {
  const program = ['python3', join(FOLDER, 'survives.py')];
  const name = { test: 'boto3 survives.py (builds)' };
  let server = await startServer();
  const { folder } = server;
  try {
    for (const phase of ['QUEUED', 'DOWNLOAD_SOURCE', 'BUILD', 'UPLOAD_ARTIFACTS']) {
      await runToSuccess(server, [...program, 'work', phase, String(server.pid)], name);
      server = await startServer({ folder });
      assert.match(await runToSuccess(server, [...program, 'check', phase], name), /^once$/m, phase);
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
