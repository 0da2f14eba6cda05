import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { AwsClient, optionsOf, Refused } from '../harness/aws-client.ts';
import { until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { newUser } from './principals.ts';

interface Told {
  readonly kind: string;
  readonly body: { readonly [member: string]: string };
}

/** A real receiver whose answers a test chooses. */
async function receiver(answer: (told: Told) => { status: number; location?: string }) {
  const got: Told[] = [];
  const handle = async (request: IncomingMessage) => {
    const told = { kind: String(request.headers['x-amz-sns-message-type']), body: JSON.parse((await text(request)) || '{}') };
    got.push(told);
    return answer(told);
  };
  const server: Server = createServer((request, response) => {
    void handle(request).then(({ status, location }) => response.writeHead(status, location ? { location } : {}).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`, close: () => server.close() };
}

suite('requests forged through subscriptions and schedules', () => {
  let server: TestServer;
  let aws: AwsClient;
  let topic = '';
  const sns = (by: AwsClient, Action: string, parameters: Record<string, string>) =>
    by.query('sns', { Action, Version: '2010-03-31', ...parameters });
  const subscribe = (Endpoint: string, Protocol = 'http') => sns(aws, 'Subscribe', { TopicArn: topic, Protocol, Endpoint });
  before(async () => {
    server = await startServer();
    aws = new AwsClient(optionsOf(server));
    topic = /<TopicArn>(.*)<\/TopicArn>/.exec(await sns(aws, 'CreateTopic', { Name: 'attacked' }))?.[1] ?? '';
  });
  after(() => server.stop());

  test('our own ports and metadata services are no endpoints, however they are written', async () => {
    const ports = [server.url, server.runtimeUrl].map((url) => new URL(url).port);
    const own = Object.values(networkInterfaces()).flatMap((found) =>
      (found ?? []).map(({ address, family }) => ({ address, family })),
    );
    const hosts = [
      ...[
        '127.0.0.1',
        '127.1',
        '2130706433',
        '0x7f000001',
        '0177.0.0.1',
        '0.0.0.0',
        'localhost',
        '[::1]',
        '[::]',
        '[::ffff:127.0.0.1]',
      ],
      ...own
        .filter(({ address }) => !address.includes('%'))
        .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address)),
    ];
    const urls = [
      ...hosts.flatMap((host) => ports.map((port) => `http://${host}:${port}/?Action=DeleteTopic`)),
      'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
      'http://[::ffff:169.254.169.254]/',
      'http://2852039166/',
      'http://[fe80::1]/',
      'http://[fd00:ec2::254]/',
      `http://admin:secret@127.0.0.1:${ports[0]}/`,
    ];
    for (const url of urls) {
      await assert.rejects(subscribe(url), (error) => error instanceof Refused && error.code === 'InvalidParameter', url);
    }
    for (const [url, protocol] of [
      ['file:///etc/passwd', 'http'],
      ['ftp://example.com/', 'http'],
      ['gopher://x', 'https'],
    ]) {
      await assert.rejects(subscribe(url ?? '', protocol), Refused, url);
    }
    assert.doesNotMatch(await sns(aws, 'ListSubscriptionsByTopic', { TopicArn: topic }), /<Endpoint>/);
  });

  test('a receiver that answers with another address is not followed there', async () => {
    const inner = await receiver(() => ({ status: 200 }));
    const outer = await receiver(() => ({ status: 307, location: inner.url }));
    try {
      await subscribe(outer.url);
      await until(
        'the question',
        async () => outer.got.length,
        (count) => count > 0,
      );
      // its next message comes behind the answer to the first
      const other = await receiver(() => ({ status: 200 }));
      await subscribe(other.url);
      await until(
        'the other question',
        async () => other.got.length,
        (count) => count > 0,
      );
      other.close();
      assert.deepEqual(inner.got, []);
    } finally {
      inner.close();
      outer.close();
    }
  });

  test('a token is told to the endpoint alone; a guessed or borrowed one confirms nothing, and links ask before they act', async () => {
    const asked = await receiver(() => ({ status: 200 }));
    try {
      await subscribe(asked.url);
      const [first] = await until(
        'the question',
        async () => asked.got,
        (got) => got.length > 0,
      );
      const { Token = '', SubscribeURL = '' } = first?.body ?? {};
      const shown = [
        await sns(aws, 'ListSubscriptions', {}),
        await sns(aws, 'ListSubscriptionsByTopic', { TopicArn: topic }),
        await sns(aws, 'GetTopicAttributes', { TopicArn: topic }),
      ].join();
      assert.ok(Token.length > 60 && !shown.includes(Token));
      const other = (await sns(aws, 'CreateTopic', { Name: 'borrowing' })).match(/<TopicArn>(.*)<\/TopicArn>/)?.[1] ?? '';
      await assert.rejects(sns(aws, 'ConfirmSubscription', { TopicArn: other, Token }), Refused);
      const guessed = new URL(SubscribeURL);
      guessed.searchParams.set('Token', 'f'.repeat(Token.length));
      assert.equal((await fetch(guessed)).status, 404);
      assert.equal((await fetch(SubscribeURL)).status, 200);
      const arn = /<SubscriptionArn>([^<]*)<\/SubscriptionArn>/.exec(
        await sns(aws, 'ListSubscriptionsByTopic', { TopicArn: topic }),
      )?.[1];
      const unsubscribe = new URL(`${server.url}/_slipway/sns/unsubscribe`);
      unsubscribe.search = new URLSearchParams({ SubscriptionArn: arn ?? '', Seal: 'f'.repeat(40) }).toString();
      assert.equal(
        (await fetch(unsubscribe, { method: 'POST' })).status,
        404,
        'whoever knows the name of a subscription cannot end it',
      );
    } finally {
      asked.close();
    }
  });

  test('a topic hands over to a queue only with the rights of whoever subscribed it', async () => {
    const guest = await newUser(aws, 'subscriber', [{ Effect: 'Allow', Action: 'sns:*', Resource: '*' }]);
    const sqs = async (target: string, input: object) => {
      const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${target}` };
      const { body } = await aws.send({ method: 'POST', path: '/', service: 'sqs', headers, body: JSON.stringify(input) });
      return JSON.parse(body.toString('utf8')) as { QueueUrl?: string; Messages?: { Body: string }[] };
    };
    const queues = ['sns-deputy-without', 'sns-deputy-with'];
    for (const QueueName of queues) await sqs('CreateQueue', { QueueName });
    for (const [at, by] of [guest, aws].entries()) {
      await sns(by, 'Subscribe', {
        TopicArn: topic,
        Protocol: 'sqs',
        Endpoint: `arn:aws:sqs:us-east-1:123456789012:${queues[at]}`,
      });
    }
    await sns(aws, 'Publish', { TopicArn: topic, Message: 'm' });
    const received = (name: string) =>
      sqs('ReceiveMessage', { QueueUrl: `${server.url}/123456789012/${name}`, WaitTimeSeconds: 5 });
    await until(
      'a message',
      () => received('sns-deputy-with'),
      ({ Messages = [] }) => Messages.length > 0,
    );
    assert.equal((await received('sns-deputy-without')).Messages?.length ?? 0, 0);
  });
});
