import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { comesTooLate, hearLastAnswer } from './last-answer.ts';
import { createServer } from './node-http.ts';

const BODY_BYTES = 32 * 1024 * 1024;
const asked: string[] = [];
const server = createServer((request, response) => {
  request.on('error', () => {});
  if (comesTooLate(request)) return;
  hearLastAnswer(request);
  asked.push(request.url ?? '');
  response.writeHead(413, { connection: 'close', 'content-length': '7' });
  response.end('too big');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => server.close());

const head = (path: string, sizeBytes: number) => `PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${sizeBytes}\r\n\r\n`;

/** A client that looks for its answer when it has sent everything, as most do; rejects when it cannot send. */
async function sendThenRead(...parts: (string | Buffer)[]): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  await once(socket, 'connect');
  for (const part of parts) {
    await new Promise<void>((resolve, reject) => socket.write(part, (error) => (error ? reject(error) : resolve())));
  }
  let answer = '';
  for await (const chunk of socket.setEncoding('latin1')) answer += chunk;
  return answer;
}

test('a client that sends its whole body first hears the answer that was given before', async () => {
  assert.match(await sendThenRead(head('/large', BODY_BYTES), Buffer.alloc(BODY_BYTES)), /^HTTP\/1.1 413 .*too big$/s);
  assert.deepEqual(asked.splice(0), ['/large']);
});

test('what is asked behind the last answer of a connection is not done', async () => {
  const answer = await sendThenRead(`${head('/first', 2)}ab${head('/second', 0)}`);
  assert.equal(answer.match(/HTTP\/1.1/g)?.length, 1, answer);
  assert.deepEqual(asked.splice(0), ['/first']);
});

test('once a request is whole its connection is closed without waiting for the client', async () => {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => client.write(`${head('/small', 2)}ab`));
  const [socket] = await accepted;
  await once(socket, 'close');
  client.destroy();
});
