import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { signRequest } from '../../src/gateway/signature/sign.ts';
import { openTo, statusesOf } from '../attacks/raw-connection.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const TRICKLE_MS = 1_000;

/** Clients that send a byte a second for ever: it is the server that ends them. Takes as long as its limits are. */
suite('slow clients', { concurrency: 10 }, () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  /** Trickles after `head` until the other side closes; what came back. */
  const trickle = (origin: string, head: string, drop: string): Promise<string> =>
    new Promise((resolve) => {
      const socket: Socket = openTo(origin);
      let received = '';
      socket.write(head);
      const timer = setInterval(() => socket.write(drop), TRICKLE_MS);
      socket.on('data', (text: Buffer) => {
        received += text.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(timer);
        resolve(received);
      });
    });
  const signedHead = (origin: string, path: string, headers: Record<string, string>, sizeBytes: number): string => {
    const { credentials, region } = optionsOf(server);
    const url = new URL(origin + path);
    const signed = signRequest({
      method: 'POST',
      url,
      headers,
      body: 'x',
      credentials,
      region,
      service: 'sagemaker',
      nowMs: Date.now(),
    });
    const lines = Object.entries({ ...signed, 'content-length': String(sizeBytes) }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  };

  for (const port of ['main', 'runtime'] as const) {
    const originOf = () => (port === 'main' ? server.url : server.runtimeUrl);

    test(`${port} port: headers that never end`, async () => {
      const received = await trickle(originOf(), 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nx-slow: ', 'x');
      assert.ok(
        statusesOf(received).every((status) => status === 408),
        received,
      );
    });

    test(`${port} port: a body that never ends`, async () => {
      const head =
        port === 'main'
          ? signedHead(
              originOf(),
              '/',
              { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'SageMaker.ListPipelines' },
              100_000,
            )
          : signedHead(originOf(), '/endpoints/any/invocations', { 'content-type': 'text/csv' }, 100_000);
      const received = await trickle(originOf(), head, 'x');
      assert.ok(
        statusesOf(received).every((status) => status === 400 || status === 408),
        received,
      );
    });

    test(`${port} port: an unsigned body that never ends`, async () => {
      const received = await trickle(originOf(), 'PUT /b/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n', 'x');
      assert.ok(
        statusesOf(received).every((status) => status >= 400 && status < 500),
        received,
      );
    });
  }

  test('meanwhile others are served', async () => {
    const aws = new AwsClient(optionsOf(server));
    await aws.put(BUCKET, 'quick', 'x');
    assert.equal((await aws.get(BUCKET, 'quick')).toString('utf8'), 'x');
  });
});
