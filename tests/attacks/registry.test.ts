import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const digestOf = (content: string): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

suite('attacks on the image registry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-attack-'));
  let server: TestServer;
  let aws: AwsClient;
  let password = '';
  const ask = (method: string, path: string, options: { password?: string; body?: string } = {}): Promise<Response> =>
    fetch(new URL(path, server.url), {
      method,
      ...(options.body !== undefined && { body: options.body }),
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
});
