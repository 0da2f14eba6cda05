import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../../harness/cli.ts';
import { runToSuccess } from '../../harness/client-program.ts';
import { unprovenClaims } from '../../harness/proof.ts';
import { startServer, type TestServer } from '../../harness/server.ts';

suite('boto3: CodePipeline', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  for (const program of ['pipelines.py', 'delivery.py']) {
    test(`boto3 codepipeline ${program}`, async () => {
      await runToSuccess(server, ['python3', join(import.meta.dirname, program)], { test: `boto3 codepipeline/${program}` });
    });
  }

  test('AWS CLI codepipeline pipeline.sh', async () => {
    await runToSuccess(server, ['bash', join(import.meta.dirname, 'pipeline.sh')], { test: 'aws-cli codepipeline/pipeline.sh' });
  });

  test('they prove what docs/api-coverage.md says', () => {
    const tests = ['boto3 codepipeline/pipelines.py', 'boto3 codepipeline/delivery.py', 'aws-cli codepipeline/pipeline.sh'];
    assert.deepEqual(unprovenClaims(tests), []);
  });

  test('the ledger of all of it holds', async () => {
    const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', server.folder]);
    assert.equal(code, 0, stdout + stderr);
  });
});
