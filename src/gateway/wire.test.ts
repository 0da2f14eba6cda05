import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { createGateway } from './server.ts';
import { signRequest } from './signature/sign.ts';
import { gateway, gatewayPorts, objects, port, send, signed } from './gateway-rig.ts';

after(() => gateway.close(100));

/** Sends bytes; ends the connection after the first answer, at once after sending (`half`), or leaves that to the server. */
function raw(text: string, end: 'answered' | 'half' | 'server' = 'answered'): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text);
      if (end === 'half') socket.end();
    });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
      if (/\r\n\r\n/.test(answer) && end === 'answered') socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

test('Expect: 100-continue is answered only to who signed', async () => {
  const url = new URL(`http://127.0.0.1:${port}/b/expect`);
  const head = (secret: string): string => {
    const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: secret };
    const headers = signRequest({
      method: 'PUT',
      url,
      body: 'hello',
      region: 'us-east-1',
      service: 's3',
      credentials,
      nowMs: Date.now(),
    });
    const lines = Object.entries({ ...headers, expect: '100-continue', 'content-length': '5' }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    return `PUT /b/expect HTTP/1.1\r\n${lines.join('')}\r\n`;
  };
  assert.match(await raw(head('secret')), /^HTTP\/1.1 100 Continue/);
  assert.match(await raw(head('wrong')), /^HTTP\/1.1 403 /);
  assert.equal(objects.has('b/expect'), false);
});

test('bytes that are no request are refused with a 4xx and harm nobody', async () => {
  assert.match(await raw('nonsense\r\n\r\n'), /^HTTP\/1.1 400 /);
  assert.match(await raw(`GET / HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(100_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
  assert.match(
    await raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'),
    /^HTTP\/1.1 400 /,
  );
  assert.match(await raw('GET /%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 4\d\d /);
  assert.match(await raw('GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 4\d\d /);
  await raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf', 'half');
  assert.equal((await send('GET', '/_slipway/health', {})).status, 200);
});

test('oversized bodies are refused before they are read', async () => {
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
  const url = new URL(`http://127.0.0.1:${port}/`);
  const headers = signRequest({
    method: 'POST',
    url,
    body: '',
    headers: { 'x-amz-target': 'SageMaker.DescribeModel' },
    region: 'us-east-1',
    service: 'sagemaker',
    credentials,
    nowMs: Date.now(),
  });
  const { 'x-amz-content-sha256': _hash, ...rest } = headers;
  const lines = Object.entries({ ...rest, 'content-length': String(50 * 1024 * 1024) }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  assert.match(await raw(`POST / HTTP/1.1\r\n${lines.join('')}\r\n`), /^HTTP\/1.1 413 .*RequestEntityTooLarge/s);
});

test('a client that sends a refused upload to its end hears the refusal', async () => {
  const sizeBytes = 32 * 1024 * 1024;
  const socket = connect(port, '127.0.0.1').pause();
  await once(socket, 'connect');
  for (const part of [`PUT /b/large HTTP/1.1\r\nHost: x\r\nContent-Length: ${sizeBytes}\r\n\r\n`, Buffer.alloc(sizeBytes)]) {
    await new Promise<void>((resolve, reject) => socket.write(part, (error) => (error ? reject(error) : resolve())));
  }
  let answer = '';
  for await (const chunk of socket.setEncoding('latin1')) answer += chunk;
  assert.match(answer, /^HTTP\/1.1 403 .*connection: close.*AccessDenied/is);
});

test('requests on one connection are answered in their order', async () => {
  const one = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
  const answer = await raw(
    one('/_slipway/health') + one('/_slipway/none') + one('/b/k') + one('/', 'Connection: close\r\n'),
    'server',
  );
  assert.deepEqual(
    [...answer.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]),
    ['200', '404', '403', '302'],
  );
});

/** A small repeatable generator; failures print the input. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('signed nonsense never causes a 5xx other than 501', async () => {
  const random = randomOf(7);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const bodies = [
    '',
    '[]',
    'null',
    '{"ModelName":{}}',
    '{"ModelName":["a"]}',
    '{"Tags":[null]}',
    '{"Tags":{"a":1}}',
    `${'['.repeat(50_000)}`,
    `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
    '{"__proto__":{"a":1},"ModelName":"m"}',
    '{"CreationTimeAfter":1e300}',
    '\u0000',
    '"',
    'Action=CreateRole&RoleName.a.b=c',
    'Action=CreateRole&Tags.member.x=1&Tags.member.99999999999=2',
    `Action=GetRole&${'a.'.repeat(500)}=1`,
    'Action=%00',
    'Action=GetRole&RoleName=%ff',
    '<Delete><Object/></Delete>',
    '<a>'.repeat(3_000),
    '<Delete xmlns:x="y"><x:Object><Key>1</Key></x:Object></Delete>',
    '<Delete><Object><Key><Key>1</Key></Key></Object></Delete>',
    '<?xml version="1.0" encoding="UTF-16"?><Delete/>',
    '<Delete><__proto__>1</__proto__></Delete>',
  ];
  const paths = [
    '/',
    '/b',
    '/b/',
    '/b/k',
    '//',
    '/b//',
    '/%2F',
    '/b/%2e%2e/x',
    '/b?delete',
    '/b?uploads',
    '/b/k?uploads',
    '/b/k?partNumber=x&uploadId=u',
    '/b?list-type=2&max-keys=-1',
    '/b?max-keys=abc',
    '/b/k?versionId=',
    '/?x=%zz',
    `/${'a'.repeat(2_000)}`,
    '/b/k?partNumber=99999999999999999999&uploadId=1',
    '/endpoints/x',
    '/b/k?acl',
    '/WriteGetObjectResponse',
  ];
  const targets = [
    'SageMaker.CreateModel',
    'SageMaker.CreateRole',
    'SageMaker.',
    '.',
    '',
    'SageMaker.constructor',
    '__proto__.toString',
    'SageMaker.CreatePipeline',
  ];
  for (let round = 0; round < 600; round += 1) {
    const service = pick(['sagemaker', 's3', 'iam', 'sts', 'logs', 'lambda', 'x']);
    const method = pick(['POST', 'GET', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS']);
    const path = pick(paths);
    const body = method === 'GET' || method === 'HEAD' ? '' : pick(bodies);
    const headers: Record<string, string> = {};
    if (random() < 0.5) headers['x-amz-target'] = pick(targets);
    if (random() < 0.7)
      headers['content-type'] = pick(['application/x-amz-json-1.1', 'application/x-www-form-urlencoded', 'text/xml', '']);
    if (random() < 0.2) headers['x-amz-copy-source'] = pick(['', '/b/k', '%zz']);
    if (random() < 0.2) headers['range'] = pick(['bytes=x', 'bytes=9-1']);
    if (random() < 0.1) headers['smithy-protocol'] = 'rpc-v2-cbor';
    if (random() < 0.1) headers['if-modified-since'] = 'yesterday';
    const answer = await signed(service, method, path, { headers, body });
    const shown = JSON.stringify({
      service,
      method,
      path,
      headers,
      body: body.slice(0, 80),
      status: answer.status,
      text: answer.text.slice(0, 200),
    });
    assert.ok(answer.status < 500 || answer.status === 501, shown);
  }
});

test('a request that comes while the server still starts waits for it, and is answered then', async () => {
  const { promise: ready, resolve: open } = Promise.withResolvers<void>();
  const order: string[] = [];
  const webRoutes = [
    { path: '/_slipway/ui/', handle: async (_request: unknown, response: ServerResponse) => void response.end('page') },
  ];
  const starting = createGateway({ ...gatewayPorts, webRoutes, ready });
  const at = await starting.listen(0, '127.0.0.1');
  try {
    const arrived = once(starting.server, 'request');
    const answered = new Promise<void>((resolve, reject) => {
      httpRequest({ port: at, host: '127.0.0.1', path: '/_slipway/ui/', agent: false }, (response) => {
        order.push(`answered ${response.statusCode}`);
        response.resume().on('end', resolve);
      })
        .on('error', reject)
        .end();
    });
    await arrived;
    // a round trip to a server that is open: time enough for an answer that would not wait
    await send('GET', '/_slipway/health', { host: `127.0.0.1:${port}` });
    order.push('open');
    open();
    await answered;
    assert.deepEqual(order, ['open', 'answered 200']);
  } finally {
    await starting.close(0);
  }
});
