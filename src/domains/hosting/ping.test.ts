import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ping } from './ping.ts';

test('only a 200 in time is healthy: not another status, not silence, not an absent server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-ping-'));
  const socketPath = join(folder, 'serve.sock');
  let answer: number | undefined = 200;
  const server = createServer((request, response) => {
    assert.equal(request.url, '/ping');
    if (answer !== undefined) response.writeHead(answer).end('body is ignored');
  });
  assert.equal(await ping({ kind: 'unix', socketPath }), false);
  server.listen(socketPath);
  await once(server, 'listening');
  assert.equal(await ping({ kind: 'unix', socketPath }), true);
  answer = 503;
  assert.equal(await ping({ kind: 'unix', socketPath }), false);
  answer = undefined;
  assert.equal(await ping({ kind: 'unix', socketPath }), false);
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
