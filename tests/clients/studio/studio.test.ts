import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { slipway } from '../../harness/cli.ts';
import { runToSuccess } from '../../harness/client-program.ts';
import { startServer } from '../../harness/server.ts';

test('boto3: domains, user profiles and notebook instances are kept as records, and marked so', async () => {
  const server = await startServer();
  try {
    await runToSuccess(server, ['python3', join(import.meta.dirname, 'studio.py')], { test: 'boto3 studio.py' });
    const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', server.folder]);
    assert.equal(code, 0, stdout + stderr);
  } finally {
    await server.stop();
  }
});
