import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { signRequest } from '../gateway/signature/sign.ts';
import type { Principal } from '../platform/authorization/principal.ts';
import { sealSession } from '../platform/authorization/session-token.ts';
import { systemIds } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { EndpointRoute, IdentitySnapshot } from '../platform/ports/routes.ts';
import { payloadPart } from './event-stream.ts';
import { type RouterHandle, startOrAdoptRouter } from './control.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-router-'));
const dataFolder = join(folder, 'a-data-folder-whose-path-is-far-too-long-for-a-unix-socket'.repeat(2));
const quiet = () => {};
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const user = (name: string): Principal => ({
  kind: 'user',
  account: '123456789012',
  arn: `arn:aws:iam::123456789012:user/${name}`,
  userId: name,
  name,
});
const sealingKey = '11'.repeat(32);
const identities: IdentitySnapshot = {
  accessKeys: [
    { id: 'AKIAADMIN', secret: 'admin-secret', principal: user('admin') },
    { id: 'AKIANOBODY', secret: 'nobody-secret', principal: user('nobody') },
  ],
  sealingKey,
  policies: {
    admin: [{ Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }],
    AROA: [
      {
        Statement: {
          Effect: 'Allow',
          Action: 'sagemaker:InvokeEndpoint',
          Resource: 'arn:aws:sagemaker:us-east-1:*:endpoint/live',
        },
      },
    ],
  },
};

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;
const stops: (() => void)[] = [];
let sockets = 0;

/** A model server of this test on a unix socket. */
async function modelServer(handler: Handler, given?: string): Promise<{ socketPath: string; stop(): void }> {
  sockets += 1;
  const socketPath = given ?? join(folder, `model-${sockets}.sock`);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(request, response, Buffer.concat(chunks)));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  stops.push(stop);
  return { socketPath, stop };
}

function route(name: string, instances: Record<string, string>, variant = 'AllTraffic'): EndpointRoute {
  return {
    account: '123456789012',
    region: 'us-east-1',
    name,
    arn: `arn:aws:sagemaker:us-east-1:123456789012:endpoint/${name}`,
    variants: [
      {
        name: variant,
        weight: 1,
        instances: Object.entries(instances).map(([id, socketPath]) => ({ id, address: { kind: 'unix', socketPath } })),
      },
    ],
  };
}

interface Call {
  path?: string;
  endpoint?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  tamper?: (headers: Record<string, string>) => void;
}

function call({
  path = 'invocations',
  endpoint = 'live',
  body = '1,2',
  headers = {},
  credentials,
  tamper,
}: Call = {}): Promise<{ status: number; headers: Record<string, unknown>; text: string; raw: Buffer }> {
  const url = new URL(`http://127.0.0.1:${router.port}/endpoints/${endpoint}/${path}`);
  const signed = signRequest({
    method: 'POST',
    url,
    body,
    headers,
    region: 'us-east-1',
    service: 'sagemaker',
    nowMs: Date.now(),
    credentials: credentials ?? { accessKeyId: 'AKIAADMIN', secretAccessKey: 'admin-secret' },
  });
  tamper?.(signed);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method: 'POST', headers: { ...signed, 'content-length': Buffer.byteLength(body) } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const raw = Buffer.concat(chunks);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: raw.toString(), raw });
        });
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

let router: RouterHandle;
const restarts: number[] = [];
before(async () => {
  mkdirSync(dataFolder);
  router = await startOrAdoptRouter({ dataFolder, host: '127.0.0.1', port: 0, log, onRestart: ({ pid }) => restarts.push(pid) });
  await router.publishIdentities(identities);
});
after(async () => {
  for (const stop of stops) stop();
  await router.stop();
  rmSync(folder, { recursive: true });
});

test('an invocation reaches the model server with the headers AWS keeps, and its answer comes back', async () => {
  let seen: IncomingMessage | undefined;
  const model = await modelServer((request, response, body) => {
    seen = request;
    response.writeHead(200, { 'content-type': 'text/csv', 'x-amzn-sagemaker-custom-attributes': 'trace=2', server: 'hidden' });
    response.end(`got ${body}`);
  });
  await router.publishEndpoints([route('live', { one: model.socketPath })]);
  const headers = {
    'Content-Type': 'text/csv',
    Accept: 'text/csv',
    'X-Amzn-SageMaker-Custom-Attributes': 'trace=1',
    'X-Amzn-SageMaker-Inference-Id': 'id-1',
  };
  const answer = await call({ headers });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'got 1,2');
  assert.equal(answer.headers['content-type'], 'text/csv');
  assert.equal(answer.headers['x-amzn-invoked-production-variant'], 'AllTraffic');
  assert.equal(answer.headers['x-amzn-sagemaker-custom-attributes'], 'trace=2');
  assert.match(String(answer.headers['x-amzn-requestid']), /^[0-9a-f-]{36}$/);
  assert.equal(answer.headers['server'], undefined);
  assert.equal(seen?.url, '/invocations');
  assert.equal(seen?.headers['x-amzn-sagemaker-inference-id'], 'id-1');
  assert.equal(seen?.headers['authorization'], undefined);
});

test('a body of exactly 6 MiB passes, signed; one byte more does not', async () => {
  const model = await modelServer((_request, response, body) => response.end(String(body.length)));
  await router.publishEndpoints([route('live', { big: model.socketPath })]);
  assert.equal((await call({ body: Buffer.alloc(6_291_456, 'x') })).text, '6291456');
  for (const sizeBytes of [6_291_457, 20 * 1024 * 1024]) {
    const refused = await call({ body: Buffer.alloc(sizeBytes, 'x') });
    assert.equal(refused.status, 413);
    assert.match(refused.text, /HTTP content length exceeded 6291456 bytes/);
  }
});

test('nobody gets in without a right signature and the right', async () => {
  let reached = 0;
  const model = await modelServer((_request, response) => {
    reached += 1;
    response.end('ok');
  });
  await router.publishEndpoints([route('live', { gate: model.socketPath }), route('other', { gate: model.socketPath })]);
  const refusals: [Call, number, RegExp][] = [
    [{ tamper: (headers) => delete headers['authorization'] }, 403, /MissingAuthenticationToken/],
    [{ credentials: { accessKeyId: 'AKIAADMIN', secretAccessKey: 'wrong' } }, 403, /InvalidSignatureException/],
    [{ credentials: { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' } }, 403, /UnrecognizedClientException/],
    [{ credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'nobody-secret' } }, 403, /AccessDeniedException/],
  ];
  for (const [one, status, code] of refusals) {
    const answer = await call(one);
    assert.equal(answer.status, status, answer.text);
    assert.match(String(answer.headers['x-amzn-errortype']), code);
  }
  assert.equal(reached, 0);
  const session: Principal = {
    kind: 'role-session',
    account: '123456789012',
    arn: 'arn:aws:sts::123456789012:assumed-role/Predictor/s',
    userId: 'AROA:s',
    name: 'Predictor',
  };
  const live = sealSession(sealingKey, session, Date.now() + 60_000, systemIds);
  assert.equal((await call({ credentials: live })).status, 200);
  assert.equal((await call({ endpoint: 'other', credentials: live })).status, 403);
  const madeAnew = sealSession(sealingKey, { ...session, userId: 'AROAOLD:s' }, Date.now() + 60_000, systemIds);
  assert.equal(
    (await call({ credentials: madeAnew })).status,
    403,
    'a session of an earlier role of this name is no session of it',
  );
  const over = sealSession(sealingKey, session, Date.now() - 1, systemIds);
  assert.match(String((await call({ credentials: over })).headers['x-amzn-errortype']), /ExpiredToken/);
});

test('an endpoint that is not there is a ValidationError in the words clients know', async () => {
  const answer = await call({ endpoint: 'missing' });
  assert.equal(answer.status, 400);
  assert.equal(answer.headers['x-amzn-errortype'], 'ValidationError');
  assert.deepEqual(JSON.parse(answer.text), { Message: 'Endpoint missing of account 123456789012 not found.' });
});

test("a model server's own error is a ModelError with its status and text", async () => {
  const model = await modelServer((_request, response) => {
    response.statusCode = 415;
    response.end('application/json is not an accepted ContentType');
  });
  await router.publishEndpoints([route('live', { failing: model.socketPath })]);
  const answer = await call();
  assert.equal(answer.status, 424);
  assert.equal(answer.headers['x-amzn-errortype'], 'ModelError');
  const error = JSON.parse(answer.text);
  assert.equal(error.OriginalStatusCode, 415);
  assert.equal(error.OriginalMessage, 'application/json is not an accepted ContentType');
  assert.match(error.Message, /^Received client error \(415\) from primary with message/);
  assert.match(error.LogStreamArn, /log-group:\/aws\/sagemaker\/Endpoints\/live$/);
});

test('a request without an answer yet is tried on another instance, and only once there', async () => {
  let broken = 0;
  const bad = await modelServer((request) => {
    broken += 1;
    request.socket.destroy();
  });
  const good = await modelServer((_request, response) => response.end('good'));
  await router.publishEndpoints([route('live', { bad: bad.socketPath, good: good.socketPath })]);
  const answers = await Promise.all(Array.from({ length: 20 }, () => call()));
  assert.deepEqual(
    answers.map(({ text }) => text),
    Array(20).fill('good'),
  );
  assert.ok(broken > 0, 'the broken instance was never asked, so nothing was retried');
});

test('a request waits for a model server that is being started again', async () => {
  const socketPath = join(folder, 'restarting.sock');
  await router.publishEndpoints([route('live', { restarting: socketPath })]);
  const waiting = call();
  await modelServer((_request, response) => response.end('back'), socketPath);
  assert.equal((await waiting).text, 'back');
});

test('a model server that stays away is a 503, one that breaks off every time a ModelError', async () => {
  await router.publishEndpoints([route('live', { away: join(folder, 'never.sock') })]);
  const away = await call();
  assert.equal(away.status, 503);
  assert.equal(away.headers['x-amzn-errortype'], 'ServiceUnavailable');
  const poisoned = await modelServer((request) => request.socket.destroy());
  await router.publishEndpoints([route('live', { poisoned: poisoned.socketPath })]);
  const answer = await call();
  assert.equal(answer.status, 424);
  assert.equal(JSON.parse(answer.text).OriginalStatusCode, 0);
});

test('an answer in chunks arrives in chunks, and one that breaks off does not look complete', async () => {
  const model = await modelServer((_request, response, body) => {
    response.write('first ');
    response.flushHeaders();
    if (String(body) === 'break') setImmediate(() => response.destroy());
    else setImmediate(() => response.end('last'));
  });
  await router.publishEndpoints([route('live', { chunked: model.socketPath })]);
  assert.equal((await call()).text, 'first last');
  await assert.rejects(call({ body: 'break' }), /aborted|hang up|ECONNRESET/);
  assert.equal((await call()).text, 'first last');
});

test('an answer far larger than what may wait here arrives whole, and one that nobody reads is given up', async () => {
  const large = Buffer.alloc(5_000_000, 'abcdefg');
  let closed = 0;
  const model = await modelServer((_request, response, body) => {
    response.once('close', () => (closed += response.writableFinished ? 0 : 1));
    if (String(body) === 'endless') {
      const more = () => {
        while (!response.destroyed && response.write(large));
      };
      response.on('drain', more);
      more();
    } else response.end(large);
  });
  await router.publishEndpoints([route('live', { large: model.socketPath })]);
  assert.equal((await call()).text, large.toString());
  const url = new URL(`http://127.0.0.1:${router.port}/endpoints/live/invocations`);
  const headers = signRequest({
    method: 'POST',
    url,
    body: 'endless',
    headers: {},
    region: 'us-east-1',
    service: 'sagemaker',
    nowMs: Date.now(),
    credentials: { accessKeyId: 'AKIAADMIN', secretAccessKey: 'admin-secret' },
  });
  const request = httpRequest(url, { method: 'POST', headers: { ...headers, 'content-length': '7' } });
  request.on('response', (response) => response.once('data', () => request.destroy()));
  request.on('error', () => {});
  request.end('endless');
  while (closed === 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('a streamed answer is events, and what goes wrong on the way is one, too', async () => {
  const model = await modelServer((_request, response, body) => {
    if (String(body) === 'refuse') return void response.writeHead(500).end('no');
    response.writeHead(200, { 'content-type': 'text/plain', 'x-amzn-sagemaker-custom-attributes': 'c=1' });
    response.write('one');
    setImmediate(() => (String(body) === 'break' ? response.destroy() : response.end('two')));
  });
  await router.publishEndpoints([route('live', { streaming: model.socketPath })]);
  const path = 'invocations-response-stream';
  const answer = await call({ path });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/vnd.amazon.eventstream');
  assert.equal(answer.headers['x-amzn-sagemaker-content-type'], 'text/plain');
  assert.equal(answer.headers['x-amzn-sagemaker-custom-attributes'], 'c=1');
  assert.ok(answer.raw.equals(Buffer.concat([payloadPart(Buffer.from('one')), payloadPart(Buffer.from('two'))])));
  const broken = await call({ path, body: 'break' });
  assert.ok(broken.raw.subarray(0, 30).equals(payloadPart(Buffer.from('one')).subarray(0, 30)));
  assert.match(broken.text, /ModelStreamError.*"ErrorCode":"StreamBroken"/s);
  const refused = await call({ path, body: 'refuse' });
  assert.equal(refused.status, 424);
  assert.match(refused.text, /Received server error \(500\) from primary/);
  const credentials = sealSession(
    sealingKey,
    {
      kind: 'role-session',
      account: '123456789012',
      arn: 'arn:aws:sts::123456789012:assumed-role/P/s',
      userId: 'AROA:s',
      name: 'P',
    },
    Date.now() + 60_000,
    systemIds,
  );
  assert.equal((await call({ credentials })).status, 200);
  assert.equal((await call({ path, credentials })).status, 403, 'InvokeEndpoint does not allow to stream');
});

test('an instance taken out of the routes finishes what it answers, and drained() tells when', async () => {
  const held: ServerResponse[] = [];
  const old = await modelServer((_request, response) => void held.push(response));
  const fresh = await modelServer((_request, response) => response.end('new'));
  await router.publishEndpoints([route('live', { old: old.socketPath })]);
  const inFlight = call();
  while (held.length === 0) await new Promise(setImmediate);
  await router.publishEndpoints([route('live', { fresh: fresh.socketPath })]);
  assert.equal((await call()).text, 'new');
  assert.equal(await router.drained(['old'], 1), false);
  const drained = router.drained(['old'], 60_000);
  held[0]?.end('late but whole');
  assert.equal((await inFlight).text, 'late but whole');
  assert.equal(await drained, true);
});

test('a killed router comes back on its port with its routes, under a new pid', async () => {
  const model = await modelServer((_request, response) => response.end('alive'));
  await router.publishEndpoints([route('live', { alive: model.socketPath })]);
  const { pid, port } = router;
  process.kill(pid, 'SIGKILL');
  while (restarts.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.notEqual(router.pid, pid);
  assert.equal(router.port, port);
  assert.equal((await call()).text, 'alive');
  await router.publishEndpoints([]);
  assert.equal((await call()).status, 400);
});

test('the next server takes the router over, does not blank its routes, and its snapshots count', async () => {
  const model = await modelServer((_request, response) => response.end('kept'));
  await router.publishEndpoints([route('live', { kept: model.socketPath })]);
  const { pid, port } = router;
  router.detach();
  router = await startOrAdoptRouter({ dataFolder, host: '127.0.0.1', port: 0, log });
  assert.equal(router.pid, pid);
  assert.equal(router.port, port);
  await router.publishIdentities(identities);
  assert.equal((await call()).text, 'kept');
  await router.publishEndpoints([]);
  assert.equal((await call()).status, 400);
});

test('keys stay with the owner of the data folder', () => {
  const file = join(dataFolder, 'router', 'snapshot.json');
  assert.match(readFileSync(file, 'utf8'), /admin-secret/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(dataFolder, 'router', 'control.sock')).mode & 0o777, 0o600);
});

test('a taken port is named as what to change', async () => {
  const other = join(folder, 'other');
  mkdirSync(other);
  await assert.rejects(
    startOrAdoptRouter({ dataFolder: other, host: '127.0.0.1', port: router.port, log }),
    /--runtime-port: port \d+ of 127\.0\.0\.1 is taken/,
  );
});
