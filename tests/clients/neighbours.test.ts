import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** Each is a unittest of its own subject; they share one server and keep to names of their own. */
const PROGRAMS = ['sqs/sqs.py', 'ssm/parameters.py', 'secretsmanager/secretsmanager.py', 'identity/access.py', 'logs/filters.py'];
const SCRIPTS = ['sqs/queue.sh', 'ssm/parameters.sh', 'secretsmanager/secrets.sh', 'identity/access.sh', 'logs/filters.sh'];

const nameOf = (program: string): string =>
  program.endsWith('.sh') ? `aws-cli ${basename(program)}` : `boto3 ${basename(program)}`;

suite('the neighbours: SQS, Systems Manager parameters, Secrets Manager, IAM, logs', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  for (const program of [...PROGRAMS, ...SCRIPTS]) {
    test(program, async () => {
      const interpreter = program.endsWith('.sh') ? 'bash' : 'python3';
      const printed = await runToSuccess(server, [interpreter, join(import.meta.dirname, program)], { test: nameOf(program) });
      if (program.endsWith('.sh')) assert.match(printed, /^done$/m);
    });
  }
  test('the ledger of all this is whole', async () => {
    const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', server.folder]);
    assert.equal(code, 0, stdout + stderr);
  });
  test('they prove what docs/api-coverage.md says', () =>
    assert.deepEqual(unprovenClaims([...PROGRAMS, ...SCRIPTS].map(nameOf)), []));
});

test('kill -9 in the middle of sending and receiving loses nothing acknowledged and hands out nothing twice', async () => {
  const program = join(import.meta.dirname, 'sqs/survives.py');
  const first = await startServer();
  const file = join(first.folder, 'acknowledged.json');
  try {
    await runToSuccess(first, ['python3', program, 'work', file, String(first.pid)], { test: 'boto3 survives.py' });
    const next = await startServer({ folder: first.folder });
    try {
      assert.match(await runToSuccess(next, ['python3', program, 'check', file], { test: 'boto3 survives.py' }), /\d+ left/);
    } finally {
      await next.stop();
    }
  } finally {
    await first.stop();
    rmSync(first.folder, { recursive: true, force: true });
  }
});
