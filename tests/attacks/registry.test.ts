import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { newUser } from './principals.ts';
import { sendBytes, statusesOf } from './raw-connection.ts';

const digestOf = (content: string): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

suite('attacks on the image registry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-attack-'));
  let server: TestServer;
  let aws: AwsClient;
  let password = '';
  const ask = (method: string, path: string, options: { password?: string; body?: string } = {}): Promise<Response> =>
    fetch(new URL(path, server.url), {
      method,
      ...(options.body !== undefined && { body: Buffer.from(options.body) }), // as text it would have a type
      headers: options.password === undefined ? {} : { authorization: `Basic ${btoa(`AWS:${options.password}`)}` },
    });
  const push = async (repository: string, content: string): Promise<void> => {
    const path = `/v2/${repository}/blobs/uploads/?digest=${digestOf(content)}`;
    assert.equal((await ask('POST', path, { password, body: content })).status, 201);
  };

  before(async () => {
    server = await startServer({ folder });
    aws = new AwsClient(optionsOf(server));
    for (const repositoryName of ['shared', 'private']) await aws.call('ecr:CreateRepository', { repositoryName });
    const { authorizationData: [data] = [] } = await aws.call('ecr:GetAuthorizationToken', {});
    password = atob(data?.authorizationToken ?? '').slice('AWS:'.length);
    await push('shared', 'a layer to share');
    await push('shared', 'another layer');
    await push('private', 'a secret layer');
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the address of a layer gives that layer, and is no password', async () => {
    const layerDigest = digestOf('a layer to share');
    const { downloadUrl = '' } = await aws.call('ecr:GetDownloadUrlForLayer', { repositoryName: 'shared', layerDigest });
    const url = new URL(downloadUrl);
    assert.equal(await (await ask('GET', url.pathname + url.search)).text(), 'a layer to share');
    const token = url.searchParams.get('token') ?? '';
    for (const path of [
      `/v2/private/blobs/${digestOf('a secret layer')}`,
      `/v2/shared/blobs/${digestOf('another layer')}`,
      '/v2/_catalog',
      '/v2/shared/tags/list',
      '/v2/',
    ]) {
      assert.equal((await ask('GET', `${path}?token=${token}`)).status, 401, path);
      assert.equal((await ask('GET', path, { password: token })).status, 401, path);
    }
    assert.equal((await ask('GET', url.pathname, { password: token })).status, 401);
    assert.equal((await ask('POST', '/v2/shared/blobs/uploads/', { password: token })).status, 401);
    assert.equal((await ask('POST', `/v2/shared/blobs/uploads/?token=${token}`)).status, 401);
    assert.equal((await ask('GET', `/v2/shared/tags/list?token=${password}`)).status, 401, 'nor is a password an address');
  });

  test('names, digests and uploads of an address lead to that repository alone', async () => {
    const secret = digestOf('a secret layer');
    const paths = [
      `/v2/shared/../private/blobs/${secret}`,
      `/v2/shared/%2e%2e/private/blobs/${secret}`,
      `/v2/shared%2f..%2fprivate/blobs/${secret}`,
      `/v2//private/blobs/${secret}`,
      `/v2/PRIVATE/blobs/${secret}`,
      `/v2/shared/blobs/${secret}`,
      '/v2/shared/blobs/sha256:../../../../etc/passwd',
      '/v2/shared/blobs/sha256:..%2f..%2fkeys%2fsealing.key',
      `/v2/shared/blobs/sha512:${'0'.repeat(128)}`,
      '/v2/shared/manifests/..%2f..%2fslipway.db',
      '/v2/shared/manifests/latest?n=1',
      '/v2/shared/blobs/uploads/..%2f..%2fslipway.db',
      '/v2/../credentials',
    ];
    for (const path of paths) {
      const { port, hostname } = new URL(server.url);
      const authorization = `Basic ${btoa(`AWS:${password}`)}`;
      const received = await sendBytes(
        server.url,
        `GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: ${authorization}\r\nconnection: close\r\n\r\n`,
      );
      const [status = 0] = statusesOf(received);
      // a client that resolves dots asks for the other repository, which it may see
      const resolved = path.includes('../private') || path.includes('%2e%2e');
      assert.ok((status >= 400 && status < 500) || (resolved && status === 200), `${path}: ${status}`);
      assert.doesNotMatch(received, /root:|aws_secret|SQLite/, path);
    }
    const upload = (await ask('POST', '/v2/private/blobs/uploads/', { password })).headers.get('location') ?? '';
    const elsewhere = upload.replace('/private/', '/shared/');
    assert.equal((await ask('PATCH', elsewhere, { password, body: 'x' })).status, 404);
    assert.equal((await ask('PUT', `${elsewhere}?digest=${digestOf('')}`, { password })).status, 404);
    assert.equal((await ask('PATCH', upload, { password, body: 'half' })).status, 202);
    assert.equal(
      (await ask('PUT', `${upload}?digest=${secret}`, { password })).status,
      400,
      'content that is not what its digest says',
    );
    assert.equal((await ask('PUT', `${upload}?digest=sha256:${'0'.repeat(63)}`, { password })).status, 400);
  });

  test('a layer is taken over only from where it may be read, and an image is made only of layers of its repository', async () => {
    const user = await newUser(aws, 'of-shared', [
      { Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' },
      { Effect: 'Allow', Action: 'ecr:*', Resource: '*:repository/shared' },
    ]);
    const { authorizationData: [data] = [] } = await user.call('ecr:GetAuthorizationToken', {});
    const own = { password: atob(data?.authorizationToken ?? '').slice('AWS:'.length) };
    const secret = digestOf('a secret layer');
    assert.equal(
      (await ask('POST', `/v2/shared/blobs/uploads/?mount=${secret}&from=private`, own)).status,
      202,
      'not taken over',
    );
    assert.equal((await ask('HEAD', `/v2/shared/blobs/${secret}`, own)).status, 404);
    for (const [method, path] of [
      ['GET', '/v2/private/tags/list'],
      ['GET', `/v2/private/blobs/${secret}`],
      ['HEAD', `/v2/private/blobs/${secret}`],
      ['POST', '/v2/private/blobs/uploads/'],
      ['PUT', '/v2/private/manifests/latest'],
      ['DELETE', '/v2/private/manifests/latest'],
      ['GET', '/v2/_catalog'],
    ] as const) {
      const { status } = await ask(method, path, method === 'PUT' ? { ...own, body: '{}' } : own);
      assert.ok(status === 403 || status === 401, `${method} ${path}: ${status}`);
    }
    const descriptor = (digest: string) => ({ mediaType: 'application/octet-stream', digest, size: 14 });
    const manifest = (layer: string) =>
      JSON.stringify({ schemaVersion: 2, config: descriptor(digestOf('another layer')), layers: [descriptor(layer)] });
    assert.equal((await ask('PUT', '/v2/shared/manifests/stolen', { ...own, body: manifest(secret) })).status, 404);
    for (const body of [
      '[]',
      '{}',
      '{"schemaVersion":2',
      `${'['.repeat(500_000)}`,
      `{"schemaVersion":2,"layers":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    ])
      assert.equal((await ask('PUT', '/v2/shared/manifests/broken', { ...own, body })).status, 400, body.slice(0, 30));
    assert.equal((await ask('PUT', '/v2/shared/manifests/large', { ...own, body: 'x'.repeat(5 << 20) })).status, 413);
    // the end of a key is the end of its passwords
    const key = { UserName: 'of-shared', AccessKeyId: user.options.credentials.accessKeyId };
    assert.equal((await ask('GET', '/v2/shared/tags/list', own)).status, 200);
    await aws.query('iam', { Action: 'UpdateAccessKey', ...key, Status: 'Inactive' });
    assert.equal((await ask('GET', '/v2/shared/tags/list', own)).status, 401);
  });
});
