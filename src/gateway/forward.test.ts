import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { createForward } from './forward.ts';

const servers: Server[] = [];
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

function listen(server: Server): Promise<number> {
  servers.push(server);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

const seen: IncomingMessage[] = [];
const upstream = createServer((request, response) => {
  seen.push(request);
  response.writeHead(424, { 'x-from': 'router', connection: 'close' });
  request.pipe(response);
});
upstream.on('checkContinue', (request, response) => {
  if (request.headers.authorization === undefined) response.writeHead(403).end('who?');
  else {
    response.writeContinue();
    upstream.emit('request', request, response);
  }
});
const upstreamPort = await listen(upstream);
let address: { host: string; port: number } | undefined = { host: '127.0.0.1', port: upstreamPort };
const forward = createForward(() => address);
const front = createServer(forward);
front.on('checkContinue', forward);
const port = await listen(front);

function post(
  headers: Record<string, string>,
  body: string,
): Promise<{ response: IncomingMessage; text: string; continued: boolean }> {
  return new Promise((resolve, reject) => {
    let continued = false;
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/endpoints/e%20/invocations?x=%2F',
      headers,
      agent: false,
    });
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ response, text, continued }));
      if (headers['expect'] && !continued) request.destroy();
    });
    request.on('error', reject);
    if (headers['expect']) {
      request.on('continue', () => {
        continued = true;
        request.end(body);
      });
      request.flushHeaders();
    } else request.end(body);
  });
}

test('path, Host and body reach the router as sent, its answer comes back as given', async () => {
  const body = 'x'.repeat(3_000_000);
  const { response, text } = await post({ host: 'my.host:1', 'content-type': 'text/csv', connection: 'keep-alive' }, body);
  assert.deepEqual([response.statusCode, response.headers['x-from'], text === body], [424, 'router', true]);
  const request = seen.at(-1);
  assert.deepEqual(
    [request?.url, request?.headers.host, request?.headers['content-type']],
    ['/endpoints/e%20/invocations?x=%2F', 'my.host:1', 'text/csv'],
  );
  assert.notEqual(response.headers.connection, 'close', 'the connection to the router is not the client’s');
});

test('100 Continue comes from the router, which alone checks the signature', async () => {
  const allowed = await post({ host: 'h', expect: '100-continue', authorization: 'x', 'content-length': '2' }, 'ab');
  assert.deepEqual([allowed.continued, allowed.text], [true, 'ab']);
});

test('no router: a retryable error in the protocol’s form', async () => {
  address = undefined;
  const { response, text } = await post({ host: 'h' }, '1');
  assert.deepEqual([response.statusCode, (JSON.parse(text) as { __type: string }).__type], [503, 'ServiceUnavailable']);
  const closed = createServer();
  const freePort = await listen(closed);
  await new Promise((resolve) => closed.close(resolve));
  address = { host: '127.0.0.1', port: freePort };
  assert.equal((await post({ host: 'h' }, '1')).response.statusCode, 503);
});
