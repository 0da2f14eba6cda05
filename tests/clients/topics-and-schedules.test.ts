import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { runToSuccess } from '../harness/client-program.ts';
import { receiveMail } from '../harness/mail.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** Each is a unittest of its own subject; they share one server and keep to names of their own. */
const PROGRAMS = ['sns/sns.py', 'scheduler/scheduler.py', 'scheduler/triggers.py'];
const SCRIPTS = ['sns/topic.sh', 'scheduler/schedule.sh'];

const nameOf = (program: string): string => {
  if (program.endsWith('.sh')) return `aws-cli ${basename(program)}`;
  return `${program.endsWith('triggers.py') ? 'sagemaker-sdk' : 'boto3'} ${basename(program)}`;
};

suite('SNS and EventBridge Scheduler', () => {
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
  test('they prove what docs/api-coverage.md says', () =>
    assert.deepEqual(unprovenClaims([...PROGRAMS, ...SCRIPTS].map(nameOf)), []));
  test('the ledger of all this is whole', async () => {
    const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', server.folder]);
    assert.equal(code, 0, stdout + stderr);
  });
});

for (const [service, work, check, result] of [
  ['sns', ['work', 'FILE', 'PID'], ['check', 'FILE'], /\d+ published, all told/],
  ['scheduler', ['work', 'PID'], ['check'], /24 started once/],
] as const) {
  test(`${service}: what was acknowledged happens in spite of kill -9`, async () => {
    const program = join(import.meta.dirname, service, 'survives.py');
    const first = await startServer();
    const words = (given: readonly string[]) =>
      given.map((word) =>
        word === 'FILE' ? join(first.folder, 'acknowledged.json') : word === 'PID' ? String(first.pid) : word,
      );
    const name = `boto3 ${service}/survives.py`;
    try {
      await runToSuccess(first, ['python3', program, ...words(work)], { test: name });
      const next = await startServer({ folder: first.folder });
      try {
        assert.match(await runToSuccess(next, ['python3', program, ...words(check)], { test: name }), result);
      } finally {
        await next.stop();
      }
    } finally {
      await first.stop();
      rmSync(first.folder, { recursive: true, force: true });
    }
  });
}

test('e-mail: a link that opens a page, a button that confirms, messages, and the way out', async () => {
  const mails = await receiveMail();
  const settings = `mail: { host: 127.0.0.1, port: ${mails.port}, from: slipway@example.com }\n`;
  const server = await startServer({ settings });
  const cli = (...words: string[]) =>
    runToSuccess(server, ['aws', '--endpoint-url', server.url, 'sns', ...words, '--output', 'text'], { test: 'aws-cli e-mail' });
  try {
    const topic = (await cli('create-topic', '--name', 'mails')).trim();
    await cli('subscribe', '--topic-arn', topic, '--protocol', 'email', '--notification-endpoint', 'ann@example.com');
    const confirm = /http:\S+confirm\S+/.exec(await mails.waitFor('To confirm this subscription'))?.[0] ?? '';
    assert.match(await (await fetch(confirm)).text(), /<button type="submit">Confirm/);
    assert.match(
      await cli('list-subscriptions-by-topic', '--topic-arn', topic),
      /PendingConfirmation/,
      'opening it is not enough',
    );
    assert.equal((await fetch(confirm, { method: 'POST' })).status, 200);
    await cli('publish', '--topic-arn', topic, '--subject', 'Waiting', '--message', 'for approval');
    const mail = await mails.waitFor('for approval');
    assert.match(mail, /^Subject: Waiting$/m);
    assert.match(mail, /^To: ann@example\.com$/m);
    const leave = /http:\S+unsubscribe\S+/.exec(mail)?.[0] ?? '';
    assert.match(await (await fetch(leave)).text(), /<button type="submit">Unsubscribe/);
    assert.equal((await fetch(leave, { method: 'POST' })).status, 200);
    assert.doesNotMatch(await cli('list-subscriptions-by-topic', '--topic-arn', topic), /ann@example/);
  } finally {
    await server.stop();
    mails.close();
  }
});
