import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { readWebBody } from './web-body.ts';

const server = createServer(async (request, response) => {
  const body = await readWebBody(request, 1_000_000);
  response.writeHead(body ? 200 : 413).end(body ? String(body.byteLength) : 'too long');
});
after(() => server.close());

test('a body is read whole; whoever sends too much hears so', async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const send = async (sizeBytes: number) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const answer = await fetch(url, { method: 'POST', body: Buffer.alloc(sizeBytes), headers: { connection: 'close' } });
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await send(0), [200, '0']);
  assert.deepEqual(await send(1_000_000), [200, '1000000']);
  assert.deepEqual(await send(20_000_000), [413, 'too long']);
});
