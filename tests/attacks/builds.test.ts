import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToSuccess } from '../harness/client-program.ts';
import { startServer } from '../harness/server.ts';

test('a build reaches nothing of other builds, of the data folder or of the server', async () => {
  const server = await startServer();
  try {
    const program = ['python3', join(import.meta.dirname, 'builds.py'), server.folder];
    assert.match(await runToSuccess(server, program, { test: 'boto3 builds.py' }), /^nothing reached$/m);
  } finally {
    await server.stop();
  }
});
