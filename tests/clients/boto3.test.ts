import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { findRuntime } from '../../toolchain/python.mjs';
import { runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** Each program is a unittest of its own subject; they share one server and keep to names of their own. */
const PROGRAMS = [
  's3/objects.py',
  's3/listing.py',
  's3/multipart.py',
  's3/raw_requests.py',
  'logs/logs.py',
  'tags/tags.py',
  'identity/identity.py',
];
/** These make models themselves and need XGBoost beside boto3. */
const WITH_XGBOOST = ['hosting/hosting.py'];

suite('boto3', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  const nameOf = (program: string): string => `boto3 ${basename(program)}`;
  const run = (python: string, program: string): Promise<string> =>
    runToSuccess(server, [python, join(import.meta.dirname, program)], { test: nameOf(program) });

  for (const program of PROGRAMS) test(program, async () => void (await run('python3', program)));
  for (const program of WITH_XGBOOST) {
    test(program, async () => void (await run(join(findRuntime('ml')?.path ?? '', 'bin/python3'), program)));
  }

  test('they prove what docs/api-coverage.md says', () =>
    assert.deepEqual(unprovenClaims([...PROGRAMS, ...WITH_XGBOOST].map(nameOf)), []));
});
