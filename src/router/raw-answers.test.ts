import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RouterRig } from './router-rig.ts';

let rig: RouterRig;
const stops: (() => void)[] = [];
before(async () => {
  rig = await RouterRig.start();
});
after(async () => {
  for (const stop of stops) stop();
  await rig.stop();
});

let servers = 0;

/** Routes to a model server that says exactly this to each request. `connections` counts those that were opened. */
async function says(speak: (socket: Socket, request: number) => void): Promise<{ connections: number }> {
  servers += 1;
  const seen = { connections: 0 };
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      requests += 1;
      speak(socket, requests);
    });
  });
  const socketPath = join(rig.folder, `raw-${servers}.sock`);
  server.listen(socketPath);
  await once(server, 'listening');
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await rig.route([{ instances: [{ id: `raw-${servers}`, address: { kind: 'unix', socketPath } }] }]);
  return seen;
}

test('interim answers are passed over, and a connection that was understood to its end is used again', async () => {
  const seen = await says((socket) =>
    socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
  );
  for (let n = 0; n < 3; n += 1) assert.deepEqual([(await rig.ask('x')).text, seen.connections], ['ok', 1]);
});

test('an answer without length ends with its connection, and the next request has one of its own', async () => {
  const seen = await says((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nup to the end'));
  for (let n = 1; n <= 2; n += 1) assert.deepEqual([(await rig.ask('x')).text, seen.connections], ['up to the end', n]);
});

test('what a model server says beyond its answer reaches nobody', async () => {
  const seen = await says((socket, request) =>
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nno${request}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged`),
  );
  assert.equal((await rig.ask('x')).text, 'no1');
  assert.equal((await rig.ask('x')).text, 'no2');
  assert.equal(seen.connections, 2);
});

test('what is no HTTP is as good as no answer', async () => {
  const tooLong = `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`;
  const lies = 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
  for (const words of ['SSH-2.0-OpenSSH_9.2\r\n\r\n', tooLong, lies]) {
    await says((socket) => socket.write(words));
    const answer = await rig.ask('x');
    assert.equal(answer.status, 424, words.slice(0, 30));
    assert.equal(JSON.parse(answer.text).OriginalStatusCode, 0);
  }
});

test('an idle connection that was closed meanwhile is replaced, and a head in single bytes is a head', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbyte';
  const seen = await says(async (socket) => {
    for (const byte of answer) {
      socket.write(byte);
      await new Promise(setImmediate);
    }
    socket.end();
  });
  assert.equal((await rig.ask('x')).text, 'byte');
  assert.equal((await rig.ask('x')).text, 'byte');
  assert.equal(seen.connections, 2);
});
