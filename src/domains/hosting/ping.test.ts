import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { askAddress } from '../../platform/ask-address.ts';
import { systemClock } from '../../platform/clock.ts';
import type { WorkRequest } from '../../platform/ports/work.ts';
import { ping } from './ping.ts';

test('only a 200 in time is healthy: not another status, not silence, not an absent server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-ping-'));
  const socketPath = join(folder, 'serve.sock');
  const ports = {
    backend: { ask: (_id: string, asked: WorkRequest) => askAddress({ kind: 'unix', socketPath }, asked) },
    clock: systemClock,
  };
  let answer: number | undefined = 200;
  const server = createServer((request, response) => {
    assert.equal(request.url, '/ping');
    if (answer !== undefined) response.writeHead(answer).end('body is ignored');
  });
  assert.equal(await ping(ports, 'work'), false);
  server.listen(socketPath);
  await once(server, 'listening');
  assert.equal(await ping(ports, 'work'), true);
  answer = 503;
  assert.equal(await ping(ports, 'work'), false);
  answer = undefined;
  assert.equal(await ping(ports, 'work'), false);
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
