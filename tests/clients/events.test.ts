import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

suite('EventBridge by boto3', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  test('events/events.py', async () => {
    await runToSuccess(server, ['python3', join(import.meta.dirname, 'events/events.py')], { test: 'boto3 events.py' });
  });
  test('it proves what docs/api-coverage.md says', () => assert.deepEqual(unprovenClaims(['boto3 events.py']), []));
});
