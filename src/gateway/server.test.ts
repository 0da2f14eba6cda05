import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, test } from 'node:test';
import { signRequest } from './signature/sign.ts';
import {
  type Answer,
  principal,
  type Sending,
  denials,
  form,
  gateway,
  json,
  logged,
  objects,
  port,
  ROLE,
  seen,
  send,
  signed,
} from './gateway-rig.ts';

after(() => gateway.close(100));

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
