import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createOutgoingHttp } from './outgoing-http-client.ts';

const rules = { deny: [], allow: [] };

async function withServer(listener: RequestListener, body: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a request goes out as given, and its answer comes back bounded; a redirect is an answer', async () => {
  let seen = '';
  await withServer(
    async (request, response) => {
      for await (const chunk of request) seen += chunk;
      seen += ` ${request.method} ${request.url} ${request.headers.host} ${request.headers['x-mine']}`;
      response.writeHead(302, { location: 'http://169.254.169.254/' });
      response.end('x'.repeat(100));
    },
    async (port) => {
      const http = createOutgoingHttp({ rules, ownPorts: () => [] });
      const url = `http://127.0.0.1:${port}/a?b=c`;
      const answer = await http.send({ method: 'POST', url, headers: { 'x-mine': '1' }, body: 'hé', answerBytesMax: 10 });
      assert.equal(seen, `hé POST /a?b=c 127.0.0.1:${port} 1`);
      assert.ok(answer.outcome === 'answered');
      assert.deepEqual([answer.status, answer.body.length, answer.truncated], [302, 10, true]);
    },
  );
});

test('a name is connected to at the addresses that passed the check, not at what it resolves to the next time', async () => {
  let reached = 0;
  const listener: RequestListener = (_request, response) => {
    reached += 1;
    response.end('ok');
  };
  await withServer(listener, async (own) => {
    await withServer(listener, async (port) => {
      const answers = [['127.0.0.1'], ['169.254.169.254'], ['169.254.169.254', '127.0.0.1'], []];
      let turn = 0;
      const resolve = async () => (answers[turn++] ?? []).map((address) => ({ address, family: 4 }));
      const http = createOutgoingHttp({ rules, ownPorts: () => [own], resolve });
      const outcome = async (at: number) => {
        const result = await http.send({ method: 'GET', url: `http://hooks.example.com:${at}/` });
        return result.outcome === 'answered' ? result.status : result.reason;
      };
      assert.deepEqual(
        [await outcome(port), await outcome(port), await outcome(port), await outcome(port)],
        [200, 'refused', 200, 'refused'],
      );
      turn = 0;
      reached = 0;
      assert.equal(await outcome(own), 'refused');
      assert.equal(reached, 0, 'our own port heard nothing');
      assert.match(http.problemOf(`http://localhost:${own}/`) ?? '', /this server itself/);
      assert.equal(http.problemOf(`http://localhost:${port}/`), undefined);
    });
  });
});

test('a receiver that says nothing, none at all, and one that breaks off are told apart', async () => {
  await withServer(
    (request, response) => {
      if (request.url === '/break') response.destroy();
    },
    async (port) => {
      const http = createOutgoingHttp({ rules, ownPorts: () => [] });
      const reason = async (url: string, timeoutMs?: number) => {
        const result = await http.send({ method: 'GET', url, ...(timeoutMs && { timeoutMs }) });
        return result.outcome === 'failed' ? result.reason : result.status;
      };
      assert.equal(await reason(`http://127.0.0.1:${port}/silent`, 50), 'timed-out');
      assert.equal(await reason(`http://127.0.0.1:${port}/break`), 'broken');
      assert.equal(await reason(`https://127.0.0.1:${port}/`), 'tls');
      assert.equal(await reason('http://127.0.0.1:1/'), 'unreachable');
      const headers = { 'x-mine': 'a\r\nb: c' };
      assert.deepEqual(
        await http.send({ method: 'GET', url: `http://127.0.0.1:${port}/`, headers }).then(({ outcome }) => outcome),
        'failed',
      );
    },
  );
});
