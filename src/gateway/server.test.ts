import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { loadService, serviceIds } from '../../models/load.ts';
import { createAuthorizer } from '../platform/authorization/authorizer.ts';
import type { Principal } from '../platform/authorization/principal.ts';
import { createDispatcher } from '../platform/calls/dispatch.ts';
import { type AnyOperation, operation } from '../platform/calls/operation.ts';
import { systemClock } from '../platform/clock.ts';
import { ServiceError } from '../platform/errors/families.ts';
import { systemIds } from '../platform/ids.ts';
import type { LedgerInput } from '../platform/ledger/entry.ts';
import { createGateway, type GatewayPorts } from './server.ts';
import { signRequest } from './signature/sign.ts';

/** Operations that show what reached them; the gateway and dispatch around them are the real ones. */
const objects = new Map<string, string>();
const seen: { name: string; input: Record<string, unknown> }[] = [];
const denials: LedgerInput[] = [];
const logged: object[] = [];

async function textOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text, 'latin1');
}

const operations: AnyOperation[] = [
  operation('sagemaker:CreateModel', {
    effect: 'change',
    needs: (input) => [
      { action: 'sagemaker:CreateModel', resources: [`arn:aws:sagemaker:us-east-1:1:model/${input.ModelName}`] },
    ],
    async handle(input) {
      seen.push({ name: 'CreateModel', input: { ...input } });
      return { ModelArn: `arn:aws:sagemaker:us-east-1:123456789012:model/${input.ModelName}` };
    },
  }),
  operation('sagemaker:DescribeModel', {
    effect: 'read',
    needs: () => [],
    handle: async () =>
      ({
        ModelName: 'm',
        ExecutionRoleArn: 'arn:x',
        CreationTime: 1_700_000_000_123,
        ModelArn: 'arn:m',
        secretOfTheRoom: 1,
      }) as never,
  }),
  operation('sagemaker:DeleteModel', {
    effect: 'change',
    needs: () => [{ action: 'sagemaker:DeleteModel', resources: ['arn:m'] }],
    handle: async () => ({}),
  }),
  operation('sagemaker:ListModels', {
    effect: 'read',
    needs: () => [],
    handle: async () => {
      throw new Error('SELECT secret FROM /var/lib');
    },
  }),
  operation('sagemaker:CreatePipeline', {
    effect: 'change',
    needs: () => [],
    handle: async (input) => ({ PipelineArn: `token:${input.ClientRequestToken}` }),
  }),
  operation('iam:GetRole', {
    effect: 'read',
    needs: () => [],
    handle: async ({ RoleName }) => {
      throw new ServiceError('NoSuchEntity', `The role with name ${RoleName} cannot be found.`);
    },
  }),
  operation('iam:CreateRole', {
    effect: 'change',
    needs: () => [],
    async handle(input) {
      seen.push({ name: 'CreateRole', input: { ...input } });
      return {
        Role: {
          Path: '/',
          RoleName: input.RoleName,
          RoleId: 'A',
          Arn: 'arn',
          CreateDate: 1_700_000_000_000,
          Tags: input.Tags ?? [],
        },
      };
    },
  }),
  operation('s3:PutObject', {
    effect: 'change',
    needs: () => [],
    async handle(input) {
      const text = await textOf(input.Body);
      objects.set(`${input.Bucket}/${input.Key}`, text);
      seen.push({ name: 'PutObject', input: { ...input, Body: text } });
      return { ETag: '"e"' };
    },
  }),
  operation('s3:GetObject', {
    effect: 'read',
    needs: () => [],
    async handle({ Bucket, Key }) {
      const text = objects.get(`${Bucket}/${Key}`);
      if (text === undefined) throw new ServiceError('NoSuchKey', 'The specified key does not exist.', { Key });
      return { Body: bytesOf(text), ContentLength: text.length, LastModified: 1_700_000_000_000, Metadata: { a: 'x\r\ny: ü→' } };
    },
  }),
  operation('s3:HeadObject', {
    effect: 'read',
    needs: () => [],
    handle: async () => {
      throw new ServiceError('NotFound', 'Not Found');
    },
  }),
  operation('s3:DeleteObjects', {
    effect: 'change',
    needs: () => [],
    async handle(input) {
      seen.push({ name: 'DeleteObjects', input: { ...input } });
      return { Deleted: [] };
    },
  }),
  operation('s3:DeleteBucket', { effect: 'change', needs: () => [], handle: async () => assert.fail('must not be reached') }),
];

const principal: Principal = {
  kind: 'user',
  account: '123456789012',
  arn: 'arn:aws:iam::123456789012:user/ann',
  userId: 'AIDA1',
  name: 'ann',
};
const policy = {
  Statement: [
    { Effect: 'Allow', Action: '*', Resource: '*' },
    { Effect: 'Deny', Action: 'sagemaker:DeleteModel', Resource: '*' },
  ],
} as const;
const services = serviceIds.map(loadService);
const dispatcher = createDispatcher({
  operations,
  services,
  authorizer: createAuthorizer({ policiesOf: async () => [policy] }),
  clock: systemClock,
  ids: systemIds,
  store: {
    commit: async ({ ledger }) => {
      denials.push(...(ledger ?? []));
      return { outcome: 'done' };
    },
  },
});
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (fields: object) => void logged.push(fields) };
const gatewayPorts: GatewayPorts = {
  services,
  dispatcher,
  clock: systemClock,
  ids: systemIds,
  log,
  region: 'us-east-1',
  webRoutes: [{ path: '/_slipway/ui/', handle: async (_request, response, url) => void response.end(`page ${url.pathname}`) }],
  runtimeForward: (request, response) => void response.writeHead(299, { 'x-host': request.headers.host ?? '' }).end(),
  identities: {
    credential: async (id, token) =>
      id === 'AKIATEST' ? { secretAccessKey: 'secret', principal } : token === 'old' ? { problem: 'expired' } : undefined,
  },
};
const gateway = createGateway(gatewayPorts);
const port = await gateway.listen(0, '127.0.0.1');
after(() => gateway.close(100));

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

function send(method: string, path: string, headers: Record<string, string>, body: string | Uint8Array = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

interface Sending {
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly key?: string;
  readonly secret?: string;
  readonly token?: string;
  readonly nowMs?: number;
}

function signed(service: string, method: string, path: string, sending: Sending = {}): Promise<Answer> {
  const { headers = {}, body = '', key = 'AKIATEST', secret = 'secret', token, nowMs = Date.now() } = sending;
  const credentials = { accessKeyId: key, secretAccessKey: secret, ...(token !== undefined && { sessionToken: token }) };
  const url = new URL(`http://127.0.0.1:${port}${path}`);
  const all = signRequest({ method, url, headers, body, region: 'us-east-1', service, credentials, nowMs });
  return send(method, path, { ...all, 'content-length': String(Buffer.byteLength(body)) }, body);
}

const json = (target: string, body: unknown, sending: Sending = {}): Promise<Answer> =>
  signed('sagemaker', 'POST', '/', {
    ...sending,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target, ...sending.headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });

const form = (service: string, body: string): Promise<Answer> =>
  signed(service, 'POST', '/', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });

const ROLE = 'arn:aws:iam::123456789012:role/r';

test('JSON: input typed, output by the model alone, times as seconds', async () => {
  const created = await json('SageMaker.CreateModel', {
    ModelName: 'm',
    ExecutionRoleArn: ROLE,
    Unknown: 1,
    EnableNetworkIsolation: null,
  });
  assert.deepEqual(JSON.parse(created.text), { ModelArn: 'arn:aws:sagemaker:us-east-1:123456789012:model/m' });
  assert.equal(created.headers['content-type'], 'application/x-amz-json-1.1');
  assert.match(String(created.headers['x-amzn-requestid']), /^[0-9a-f-]{36}$/);
  assert.deepEqual(seen.at(-1), { name: 'CreateModel', input: { ModelName: 'm', ExecutionRoleArn: ROLE } });
  const described = await json('SageMaker.DescribeModel', { ModelName: 'm' });
  assert.deepEqual(JSON.parse(described.text), {
    ModelName: 'm',
    ExecutionRoleArn: 'arn:x',
    CreationTime: 1_700_000_000.123,
    ModelArn: 'arn:m',
  });
});

test('JSON errors: type faults, constraints, denials, unbuilt operations, our own faults', async () => {
  const errorOf = async (answer: Promise<Answer>) => {
    const { status, text, headers } = await answer;
    const { __type, message, Message } = JSON.parse(text) as Record<string, string>;
    assert.equal(headers['x-amzn-errortype'], __type);
    return { status, code: __type, message: message ?? Message ?? '' };
  };
  assert.equal((await errorOf(json('SageMaker.CreateModel', '{"ModelName":5}'))).code, 'SerializationException');
  assert.equal((await errorOf(json('SageMaker.CreateModel', '{"ModelName":'))).code, 'SerializationException');
  const invalid = await errorOf(json('SageMaker.CreateModel', { ModelName: 'a_b' }));
  assert.equal(invalid.code, 'ValidationException');
  assert.match(invalid.message, /^1 validation error detected: Value 'a_b' at 'modelName'/);
  const denied = await errorOf(json('SageMaker.DeleteModel', { ModelName: 'm' }));
  assert.deepEqual([denied.status, denied.code], [400, 'AccessDeniedException']);
  assert.match(
    denied.message,
    /^User: arn:aws:iam::123456789012:user\/ann is not authorized to perform: sagemaker:DeleteModel on resource: arn:m with an explicit deny/,
  );
  assert.deepEqual(
    denials.map(({ action, outcome, actor, resources }) => ({ action, outcome, actor, resources })),
    [{ action: 'sagemaker:DeleteModel', outcome: 'denied', actor: principal.arn, resources: ['arn:m'] }],
  );
  const unbuilt = await errorOf(json('SageMaker.CreateDomain', {}));
  assert.deepEqual(unbuilt, {
    status: 501,
    code: 'NotImplementedException',
    message: 'sagemaker:CreateDomain is not implemented.',
  });
  const elsewhere = await errorOf(json('Other_20200101.Thing', {}));
  assert.deepEqual(
    [elsewhere.status, elsewhere.message],
    [501, 'sagemaker:Thing is not implemented.'],
    'by the service it is signed for',
  );
  const internal = await json('SageMaker.ListModels', {});
  assert.equal(internal.status, 500);
  assert.doesNotMatch(internal.text, /SELECT|\/var|at /);
  const requestId = String(internal.headers['x-amzn-requestid']);
  assert.ok(internal.text.includes(requestId));
  assert.ok(
    logged.some((fields) => (fields as { requestId?: string }).requestId === requestId),
    'the log says what happened',
  );
});

test('idempotency tokens: the caller’s own, or a fresh one', async () => {
  const pipeline = { PipelineName: 'p', RoleArn: ROLE, PipelineDefinition: '{}' };
  const token = 'a'.repeat(32);
  assert.match(
    (await json('SageMaker.CreatePipeline', { ...pipeline, ClientRequestToken: token })).text,
    new RegExp(`token:${token}`),
  );
  assert.match((await json('SageMaker.CreatePipeline', pipeline)).text, /token:[0-9a-f-]{36}/);
});

test('query: lists, tags, XML out, errors in IAM’s form', async () => {
  const body =
    'Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%7D&Tags.member.2.Key=b+c&Tags.member.2.Value=&Tags.member.1.Key=a&Tags.member.1.Value=%C3%BC';
  const created = await form('iam', body);
  assert.equal(created.status, 200, created.text);
  assert.deepEqual(seen.at(-1)?.input, {
    RoleName: 'r',
    AssumeRolePolicyDocument: '{}',
    Tags: [
      { Key: 'a', Value: 'ü' },
      { Key: 'b c', Value: '' },
    ],
  });
  assert.match(
    created.text,
    /^<CreateRoleResponse xmlns="https:\/\/iam.amazonaws.com\/doc\/2010-05-08\/"><CreateRoleResult><Role>.*<Tags><member><Key>a<\/Key>/,
  );
  const absent = await form('iam', 'Action=GetRole&Version=2010-05-08&RoleName=no');
  assert.equal(absent.status, 404);
  assert.match(
    absent.text,
    /<Error><Type>Sender<\/Type><Code>NoSuchEntity<\/Code><Message>The role with name no cannot be found.<\/Message><\/Error><RequestId>/,
  );
  assert.match((await form('iam', 'Action=GetRole&RoleName=%2F')).text, /<Code>ValidationError<\/Code>/);
  assert.match(
    (await form('iam', 'Action=ListUsers')).text,
    /<Code>NotImplementedException<\/Code><Message>iam:ListUsers is not/,
  );
  assert.match((await form('iam', 'RoleName=r')).text, /<Code>MissingAction<\/Code>/);
});

test('S3: keys decoded once, metadata, error documents, HEAD without a body', async () => {
  const put = await signed('s3', 'PUT', '/b/a%20b+c/%25%C3%BC', { body: 'hello', headers: { 'x-amz-meta-k': 'v' } });
  assert.deepEqual([put.status, put.headers['etag'], put.text], [200, '"e"', '']);
  const input = seen.at(-1)?.input ?? {};
  assert.deepEqual(
    [input['Key'], input['Metadata'], input['ContentLength'], input['Body']],
    ['a b+c/%ü', { k: 'v' }, 5, 'hello'],
  );
  const got = await signed('s3', 'GET', '/b/a%20b+c/%25%C3%BC');
  assert.deepEqual([got.status, got.text, got.headers['last-modified']], [200, 'hello', 'Tue, 14 Nov 2023 22:13:20 GMT']);
  assert.equal(got.headers['y'], undefined, 'a value cannot become a header of its own');
  const absent = await signed('s3', 'GET', '/b/no%3C');
  assert.equal(absent.status, 404);
  assert.match(
    absent.text,
    /<Error><Code>NoSuchKey<\/Code><Message>The specified key does not exist.<\/Message><Key>no&lt;<\/Key><Resource>\/b\/no%3C<\/Resource><RequestId>/,
  );
  const head = await signed('s3', 'HEAD', '/b/no');
  assert.deepEqual([head.status, head.text], [404, '']);
});

test('S3: a subresource never falls through to the plain operation', async () => {
  assert.equal((await signed('s3', 'DELETE', '/b?acl')).status, 405);
  assert.equal((await signed('s3', 'DELETE', '/b?analytics')).status, 501);
  assert.match((await signed('s3', 'PUT', '/b/k?uploadId=u', { body: 'x' })).text, /<Code>MethodNotAllowed<\/Code>/);
  assert.match((await signed('s3', 'GET', '/b?tagging')).text, /s3:GetBucketTagging is not implemented/);
});

test('S3: XML input, without entities or foreign roots', async () => {
  const remove = (body: string) => signed('s3', 'POST', '/b?delete', { body });
  const fine = await remove(
    '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key> a&amp;&#x62; </Key></Object><Quiet>true</Quiet></Delete>',
  );
  assert.equal(fine.status, 200, fine.text);
  assert.deepEqual(seen.at(-1)?.input['Delete'], { Objects: [{ Key: ' a&b ' }], Quiet: true });
  for (const bad of [
    '<Delete>',
    'x',
    '<Other/>',
    '<Delete><Object><Key>a</Key></Object><Quiet>perhaps</Quiet></Delete>',
    '<Delete></Delete>',
    '<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>',
  ]) {
    const answer = await remove(bad);
    assert.deepEqual([answer.status, /<Code>(.*)<\/Code>/.exec(answer.text)?.[1]], [400, 'MalformedXML'], bad);
  }
});

test('a body that is not the signed one changes nothing', async () => {
  const url = new URL(`http://127.0.0.1:${port}/b/tampered`);
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
  const headers = signRequest({
    method: 'PUT',
    url,
    body: 'signed',
    region: 'us-east-1',
    service: 's3',
    credentials,
    nowMs: Date.now(),
  });
  const put = await send('PUT', '/b/tampered', { ...headers, 'content-length': '6' }, 'forged');
  assert.match(put.text, /<Code>XAmzContentSHA256Mismatch<\/Code>/);
  assert.equal(objects.has('b/tampered'), false);
  const call = {
    method: 'POST',
    url: new URL(`http://127.0.0.1:${port}/`),
    region: 'us-east-1',
    service: 'sagemaker',
    credentials,
    nowMs: Date.now(),
  };
  const jsonHeaders = signRequest({ ...call, body: '{}', headers: { 'x-amz-target': 'SageMaker.DescribeModel' } });
  assert.match((await send('POST', '/', jsonHeaders, '[]')).text, /InvalidSignatureException/);
});

test('who is not who they say: each protocol in its words', async () => {
  const code = ({ text, status }: Answer) => `${status} ${/<Code>(.*)<\/Code>|"__type":"(\w+)"/.exec(text)?.slice(1).join('')}`;
  const describe = { headers: { 'x-amz-target': 'SageMaker.DescribeModel' }, body: '{"ModelName":"m"}' };
  const ask = (sending: Sending) => signed('sagemaker', 'POST', '/', { ...describe, ...sending });
  assert.equal(code(await ask({ secret: 'wrong' })), '400 InvalidSignatureException');
  assert.equal(code(await ask({ key: 'AKIANO' })), '400 UnrecognizedClientException');
  assert.equal(code(await ask({ key: 'ASIA', token: 'old' })), '400 ExpiredTokenException');
  assert.equal(code(await ask({ nowMs: Date.now() - 16 * 60_000 })), '400 InvalidSignatureException');
  assert.equal(code(await send('POST', '/', describe.headers, '{}')), '400 MissingAuthenticationTokenException');
  assert.equal(code(await signed('s3', 'GET', '/b/k', { secret: 'wrong' })), '403 SignatureDoesNotMatch');
  assert.equal(code(await signed('s3', 'GET', '/b/k', { key: 'AKIANO' })), '403 InvalidAccessKeyId');
  assert.equal(code(await signed('s3', 'GET', '/b/k', { nowMs: Date.now() + 16 * 60_000 })), '403 RequestTimeTooSkewed');
  assert.equal(code(await send('GET', '/b/k', {})), '403 AccessDenied');
  assert.equal(
    code(
      await signed('iam', 'POST', '/', {
        secret: 'wrong',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'Action=GetRole',
      }),
    ),
    '403 SignatureDoesNotMatch',
  );
  const elsewhere = await signed('logs', 'POST', '/', describe);
  assert.match(elsewhere.text, /InvalidSignatureException.*Credential should be scoped to correct service: 'sagemaker'/);
  assert.equal(code(await signed('lambda', 'GET', '/2015-03-31/functions')), '501 NotImplementedException');
});

test('pages: unsigned root, health, prefixes, foreign hosts, and nothing else unsigned', async () => {
  const root = await send('GET', '/', {});
  assert.deepEqual([root.status, root.headers.location], [302, '/_slipway/ui']);
  assert.equal((await send('GET', '/_slipway/health', {})).text, '{"status":"ok"}');
  assert.equal((await send('GET', '/_slipway/ui', {})).text, 'page /_slipway/ui');
  assert.equal((await send('GET', '/_slipway/ui/a?b', {})).text, 'page /_slipway/ui/a');
  assert.equal((await send('GET', '/_slipway/ui', { host: 'evil.example' })).status, 403);
  assert.equal((await send('GET', '/_slipway/none', {})).status, 404);
  assert.equal((await send('GET', '/_slipwayx', {})).status, 403);
});

test('invocations go to the runtime with their Host; a bucket named endpoints does not', async () => {
  const forwarded = await send('POST', '/endpoints/e/invocations', { host: 'my.host:1' });
  assert.deepEqual([forwarded.status, forwarded.headers['x-host']], [299, 'my.host:1']);
  assert.notEqual((await signed('s3', 'POST', '/endpoints/e/invocations', { body: '' })).status, 299);
});

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

test('digest of what was stored is what was sent, over chunked framing', async () => {
  const url = new URL(`http://127.0.0.1:${port}/b/chunked`);
  const hash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const content = 'slipway '.repeat(10_000);
  const checksum = createHash('sha256').update(content).digest('base64');
  const body = `${content.length.toString(16)}\r\n${content}\r\n0\r\nx-amz-checksum-sha256:${checksum}\r\n\r\n`;
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
  const extra = {
    'x-amz-trailer': 'x-amz-checksum-sha256',
    'x-amz-decoded-content-length': String(content.length),
    'content-encoding': 'aws-chunked',
  };
  const headers = signRequest({
    method: 'PUT',
    url,
    headers: extra,
    region: 'us-east-1',
    service: 's3',
    credentials,
    nowMs: Date.now(),
    payloadHash: hash,
  });
  const put = await send('PUT', '/b/chunked', { ...headers, 'content-length': String(body.length) }, body);
  assert.equal(put.status, 200, put.text);
  assert.equal(objects.get('b/chunked'), content);
  const input = seen.at(-1)?.input ?? {};
  assert.deepEqual([input['ContentLength'], input['ContentEncoding']], [content.length, undefined]);
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
