import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { signedPassword } from '../../src/gateway/git/git-credentials.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { addressOf, GitClient } from '../harness/git.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { credentialsOf, newUser } from './principals.ts';

const PASSWORD_MINUTES = 15;

suite('attacks on git repositories', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-git-attack-'));
  let server: TestServer;
  let aws: AwsClient;
  let git: GitClient;
  let base = '';
  const own = () => aws.options.credentials;
  const address = (name: string, user = own().accessKeyId, password = own().secretAccessKey): string =>
    addressOf(server.url, `/_slipway/git/${name}`, user, password);
  const basic = (user = own().accessKeyId, password = own().secretAccessKey) => `Basic ${btoa(`${user}:${password}`)}`;
  const ask = (path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> =>
    fetch(server.url + path, { ...init, headers: { authorization: basic(), ...init.headers } });
  const create = async (repositoryName: string, tags?: Record<string, string>): Promise<string> => {
    const { repositoryMetadata } = await aws.call('codecommit:CreateRepository', { repositoryName, ...(tags && { tags }) });
    return repositoryMetadata?.repositoryId ?? '';
  };
  const folderOf = (id: string): string => join(folder, 'git/123456789012/us-east-1', `${id}.git`);
  const packsOf = (id: string): string[] => {
    const path = join(folderOf(id), 'objects/pack');
    return existsSync(path) ? readdirSync(path) : [];
  };
  const incoming = (): string[] => {
    const path = join(folder, 'git/.incoming');
    return existsSync(path) ? readdirSync(path) : [];
  };

  before(async () => {
    // what a user of the machine has set must not reach git of the server
    Object.assign(process.env, { GIT_DIR: '/nonexistent', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'receive.denyDeletes' });
    Object.assign(process.env, {
      GIT_CONFIG_VALUE_0: 'nonsense',
      GIT_OBJECT_DIRECTORY: '/nonexistent',
      GIT_TRACE: '/nonexistent',
    });
    server = await startServer({ folder, settings: 'repositories: { pushMiB: 1 }\n' });
    aws = new AwsClient(optionsOf(server));
    git = new GitClient();
    await git.must('init', '--quiet');
    base = await git.commit('a.txt', 'a');
  });
  after(async () => {
    await server.stop();
    git.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test('names and paths of a git address lead to that repository alone', async () => {
    const id = await create('alone');
    await git.must('push', address('alone'), 'main');
    const refs = '/info/refs?service=git-upload-pack';
    for (const name of [
      '..',
      '.',
      '%2e%2e',
      'alone%2f..%2falone',
      '..%2f..%2fkeys',
      `${id}`,
      `us-east-1/${id}`,
      'a b',
      '-u',
      'alone%00',
    ])
      assert.ok([403, 404].includes((await ask(`/_slipway/git/${name}${refs}`)).status), name);
    for (const path of ['/HEAD', '/config', '/objects/info/packs', '/info/refs', '/info/refs?service=git-config', '/../config'])
      assert.ok([403, 404].includes((await ask(`/_slipway/git/alone${path}`)).status), path);
    for (const repositoryName of ['..', '.', '../x', 'a/b', 'a b', 'x.git', '']) {
      await assert.rejects(aws.call('codecommit:CreateRepository', { repositoryName }), {
        code: 'InvalidRepositoryNameException',
      });
    }
    assert.equal((await ask(`/_slipway/git/alone${refs}`)).status, 200);
  });

  test('a push brings objects and references: no hook, no configuration, no folder of git’s in a tree', async () => {
    const id = await create('plain');
    const blob = (await git.run(['hash-object', '-w', '--stdin'], '[core]\n\tfsmonitor = touch /tmp/x\n')).stdout.trim();
    const tree = (path: string) => Buffer.concat([Buffer.from(`100644 ${path}\0`), Buffer.from(blob, 'hex')]);
    for (const name of ['.git', '.GIT', 'git~1', '..']) {
      const path = join(git.folder, 'tree');
      writeFileSync(path, tree(name));
      const made = await git.must('hash-object', '-t', 'tree', '-w', '--literally', path);
      const commit = await git.must('commit-tree', made, '-m', 'trick');
      const { code, stderr } = await git.run(['push', address('plain'), `${commit}:refs/heads/trick`]);
      assert.notEqual(code, 0, name);
      assert.match(stderr, /hasDot|unpack|unpacker error|fsck/i, name);
    }
    for (const name of ['refs/slipway/x', 'refs/x']) {
      const { code, stderr } = await git.run(['push', address('plain'), `main:${name}`]);
      assert.notEqual(code, 0);
      assert.match(stderr, /not a name of a reference that can be kept here/);
    }
    const kept = readdirSync(folderOf(id)).sort();
    assert.deepEqual(kept, ['HEAD', 'config', 'info', 'objects', 'refs']);
    assert.deepEqual([packsOf(id), incoming()], [[], []]);
    await git.must('push', address('plain'), 'main');
  });

  test('a pack that is broken, cut, or larger than the quota is refused in words and leaves nothing behind', async () => {
    const id = await create('packs');
    await git.commit('large.bin', randomBytes(3 * 1024 * 1024));
    const large = await git.run(['push', address('packs'), 'main']);
    await git.must('reset', '--quiet', '--hard', base);
    assert.notEqual(large.code, 0);
    assert.match(large.stderr, /more than 1 MiB/);
    const command = `${'0'.repeat(40)} ${base} refs/heads/main\0 report-status side-band-64k`;
    const line = (command.length + 4).toString(16).padStart(4, '0') + command;
    const pushes: [string, Buffer][] = [
      ['broken', Buffer.concat([Buffer.from(`${line}0000PACK`), randomBytes(5000)])],
      ['cut', Buffer.from(`${line}0000PACK\0\0\0\x02\0\0\0\x03`)],
      ['without a pack', Buffer.from(`${line}0000`)],
    ];
    const headers = { 'content-type': 'application/x-git-receive-pack-request' };
    for (const [name, body] of pushes) {
      const answer = await ask('/_slipway/git/packs/git-receive-pack', { method: 'POST', body: new Uint8Array(body), headers });
      assert.match(await answer.text(), /ng refs\/heads\/main/, name);
    }
    for (const body of ['', 'PACK', '00', 'zzzz', '0003', `${line.slice(0, 40)}`, '0008evil0000']) {
      const answer = await ask('/_slipway/git/packs/git-receive-pack', { method: 'POST', body, headers });
      assert.equal(answer.status, 400, body);
    }
    const gzipped = await ask('/_slipway/git/packs/git-receive-pack', {
      method: 'POST',
      body: 'no gzip',
      headers: { ...headers, 'content-encoding': 'gzip' },
    });
    assert.equal(gzipped.status, 400);
    assert.deepEqual([packsOf(id), incoming()], [[], []]);
    const { branches } = await aws.call('codecommit:ListBranches', { repositoryName: 'packs' });
    assert.deepEqual(branches, []);
    await git.must('push', address('packs'), 'main');
  });

  test('a protected branch is neither deleted nor rewritten, policies speak of references, and each refusal names its reference', async () => {
    await create('guarded', { 'slipway:protected': 'main release' });
    await git.must('push', address('guarded'), 'main', 'main:work');
    const other = await git.must('commit-tree', 'HEAD^{tree}', '-m', 'other');
    const rewritten = await git.run(['push', '--force', address('guarded'), `${other}:main`]);
    assert.match(rewritten.stderr, /main \(non-fast-forward\)|denying non-fast-forward/);
    await git.must('push', '--force', address('guarded'), `${other}:work`);
    const deleted = await git.run(['push', address('guarded'), ':main']);
    assert.match(deleted.stderr, /branch main is protected/);

    const user = await newUser(aws, 'pusher', [
      { Effect: 'Allow', Action: ['codecommit:GitPull', 'codecommit:GitPush', 'codecommit:PutFile'], Resource: '*' },
      {
        Effect: 'Deny',
        Action: ['codecommit:GitPush', 'codecommit:PutFile'],
        Resource: '*',
        Condition: {
          StringEqualsIfExists: { 'codecommit:References': ['refs/heads/main'] },
          Null: { 'codecommit:References': 'false' },
        },
      },
    ]);
    const { accessKeyId, secretAccessKey } = user.options.credentials;
    const next = await git.must('commit-tree', 'HEAD^{tree}', '-p', base, '-m', 'next');
    const both = await git.run([
      'push',
      address('guarded', accessKeyId, secretAccessKey),
      `${next}:main`,
      `${next}:refs/heads/mine`,
    ]);
    assert.notEqual(both.code, 0);
    assert.match(both.stderr, /\[remote rejected\].* -> main \(User: .*pusher is not authorized to perform: codecommit:GitPush/);
    assert.match(both.stderr, /\[new branch\].* -> mine/);
    const { branch } = await aws.call('codecommit:GetBranch', { repositoryName: 'guarded', branchName: 'main' });
    assert.equal(branch?.commitId, base);
    const put = { repositoryName: 'guarded', branchName: 'main', filePath: 'x', fileContent: 'eA==' as unknown as Uint8Array };
    await assert.rejects(user.call('codecommit:PutFile', { ...put, parentCommitId: base }), { code: 'AccessDeniedException' });
    const nobody = await newUser(aws, 'nobody-git', [{ Effect: 'Allow', Action: 's3:ListBucket', Resource: '*' }]);
    const { accessKeyId: id, secretAccessKey: secret } = nobody.options.credentials;
    const read = await git.run(['ls-remote', address('guarded', id, secret)]);
    assert.match(read.stderr, /not authorized to perform: codecommit:GitPull/);
  });

  test('a password is of its time, place and holder, and of no other', async () => {
    await create('signed');
    const place = { path: '/_slipway/git/signed', host: '127.0.0.1', region: 'us-east-1', nowMs: Date.now() };
    const status = async (user: string, password: string, name = 'signed') =>
      (
        await ask(`/_slipway/git/${name}/info/refs?service=git-upload-pack`, {
          headers: { authorization: basic(user, password) },
        })
      ).status;
    const { accessKeyId, secretAccessKey } = own();
    const sign = (over: Partial<typeof place> = {}) => signedPassword(secretAccessKey, { ...place, ...over });
    assert.equal(await status(accessKeyId, sign()), 200);
    const refused = [
      sign({ nowMs: place.nowMs - (PASSWORD_MINUTES + 1) * 60_000 }),
      sign({ nowMs: place.nowMs + (PASSWORD_MINUTES + 1) * 60_000 }),
      sign({ path: '/_slipway/git/other' }),
      sign({ host: 'example.com' }),
      sign({ region: 'eu-west-1' }),
      `${sign().slice(0, -1)}0`,
      '',
      secretAccessKey.slice(0, -1),
    ];
    for (const password of refused.filter((one) => one !== sign()))
      assert.equal(await status(accessKeyId, password), 401, password);
    assert.equal((await fetch(`${server.url}/_slipway/git/signed/info/refs?service=git-upload-pack`)).status, 401);
    const made = await aws.query('iam', {
      Action: 'CreateServiceSpecificCredential',
      UserName: 'admin',
      ServiceName: 'codecommit.amazonaws.com',
    });
    const part = (name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(made)?.[1] ?? '';
    const [user, password, id] = [part('ServiceUserName'), part('ServicePassword'), part('ServiceSpecificCredentialId')];
    assert.equal(await status(user, password), 200);
    assert.equal(await status(user, `${password}x`), 401);
    assert.equal(await status('admin-at-999999999999', password), 401);
    await aws.query('iam', {
      Action: 'UpdateServiceSpecificCredential',
      UserName: 'admin',
      ServiceSpecificCredentialId: id,
      Status: 'Inactive',
    });
    assert.equal(await status(user, password), 401);
    const trust = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' };
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
    await aws.query('iam', { Action: 'CreateRole', RoleName: 'puller', AssumeRolePolicyDocument: document });
    const PolicyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'codecommit:GitPull', Resource: '*' }],
    });
    await aws.query('iam', { Action: 'PutRolePolicy', RoleName: 'puller', PolicyName: 'p', PolicyDocument });
    const RoleArn = 'arn:aws:iam::123456789012:role/puller';
    const session = credentialsOf(await aws.query('sts', { Action: 'AssumeRole', RoleArn, RoleSessionName: 'session' }));
    const token = session.sessionToken ?? '';
    assert.equal(await status(session.accessKeyId, `${session.secretAccessKey}:${token}`), 200);
    assert.equal(await status(`${session.accessKeyId}%${token}`, signedPassword(session.secretAccessKey, place)), 200);
    assert.equal(await status(session.accessKeyId, session.secretAccessKey), 401);
    assert.equal(await status(session.accessKeyId, `${session.secretAccessKey}:${token.slice(0, -2)}`), 401);
  });

  test('a request that git cannot read is refused in words', async () => {
    await create('unread');
    await git.must('push', '--quiet', address('unread'), `${base}:refs/heads/main`);
    for (const body of ['0012command=fetch\n00010000', '0014command=ls-refs\n0000', 'zzzz', '00']) {
      const headers = { 'content-type': 'application/x-git-upload-pack-request' };
      const answer = await ask('/_slipway/git/unread/git-upload-pack', { method: 'POST', body, headers });
      assert.match(await answer.text(), /^[0-9a-f]{4}ERR /, body);
    }
  });

  test('what Git-Protocol says reaches git as a number or not at all', async () => {
    await create('protocol');
    const marks = ['version=2:GIT_DIR=/tmp', 'version=9', 'version=2\tx', 'x'.repeat(5000), 'version=1:version=2;$(id)'];
    for (const mark of marks) {
      const answer = await ask('/_slipway/git/protocol/info/refs?service=git-upload-pack', { headers: { 'git-protocol': mark } });
      assert.equal(answer.status, 200, mark.slice(0, 40));
      const text = await answer.text();
      assert.doesNotMatch(text, /GIT_DIR|\$\(id\)|version 9/);
    }
  });

  test('a client that sends slowly holds neither a process nor the turn of others', async () => {
    await create('slow');
    const { hostname, port } = new URL(server.url);
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      const head = [
        'POST /_slipway/git/slow/git-receive-pack HTTP/1.1',
        `Host: ${hostname}:${port}`,
        `Authorization: ${basic()}`,
      ];
      const rest = ['Content-Type: application/x-git-receive-pack-request', 'Content-Length: 900000', '', ''];
      socket.write([...head, ...rest].join('\r\n'));
      const command = `${'0'.repeat(40)} ${base} refs/heads/main\0 report-status`;
      socket.write(`${(command.length + 4).toString(16).padStart(4, '0')}${command}0000PACK`);
      return socket;
    });
    await git.must('push', address('slow'), 'main');
    await git.must('ls-remote', address('slow'));
    for (const socket of sockets) socket.destroy();
  });

  test('a repository follows http and https only, where the server may go, and nothing else that git could fetch', async () => {
    const urls = [
      'ext::sh -c id',
      'file:///etc',
      '/etc',
      'ssh://x/y',
      'git://x/y',
      'git@x:y',
      '--upload-pack=id',
      'http://u:p@x/y',
      'https://x/\ny',
      'fd::7',
    ];
    for (const [index, url] of urls.entries()) {
      await assert.rejects(create(`follow-${index}`, { 'slipway:follow': url }), { code: 'InvalidTagsMapException' }, url);
    }
    await create('followed-later');
    const resourceArn = 'arn:aws:codecommit:us-east-1:123456789012:followed-later';
    await assert.rejects(aws.call('codecommit:TagResource', { resourceArn, tags: { 'slipway:follow': 'ext::id' } }), {
      code: 'InvalidTagsMapException',
    });
    // the server itself, which only signed requests may reach
    await create('own', { 'slipway:follow': `${server.url}/_slipway/git/slow` });
    const pushed = await git.run(['push', address('own'), 'main']);
    assert.match(pushed.stderr, /takes no pushes/);
    const { branches } = await aws.call('codecommit:ListBranches', { repositoryName: 'own' });
    assert.deepEqual(branches, []);
  });

  test('a webhook that is not signed as agreed does nothing, and does not tell what there is', async () => {
    await aws.call('secretsmanager:CreateSecret', { Name: 'hook', SecretString: 'agreed' } as never);
    const tags = {
      'slipway:follow': 'http://127.0.0.1:9/none.git',
      'slipway:follow-secret': 'hook',
      'slipway:follow-seconds': '86400',
    };
    const id = await create('hooked', tags);
    const bare = await create('unhooked', { 'slipway:follow': 'http://127.0.0.1:9/none.git' });
    const body = '{"ref":"refs/heads/main"}';
    const hmac = (secret: string, text = body) => createHmac('sha256', secret).update(text).digest('hex');
    const send = async (to: string, headers: Record<string, string>) => {
      const answer = await fetch(`${server.url}/_slipway/hooks/git/${to}`, { method: 'POST', body, headers });
      return `${answer.status} ${await answer.text()}`;
    };
    const refused = await send('0'.repeat(36), {});
    assert.match(refused, /^403 /);
    const wrong: [string, Record<string, string>][] = [
      [id, {}],
      [id, { 'x-hub-signature-256': `sha256=${hmac('other')}` }],
      [id, { 'x-hub-signature-256': `sha256=${hmac('agreed', 'another body')}` }],
      [id, { 'x-hub-signature-256': `sha256=${hmac('')}` }],
      [id, { 'x-hub-signature': `sha1=${hmac('agreed')}` }],
      [id, { 'x-gitlab-token': 'agree' }],
      [id, { 'x-gitlab-token': '' }],
      // what is signed wrongly in one form is not looked at in another
      [id, { 'x-hub-signature-256': 'sha256=00', 'x-gitlab-token': 'agreed' }],
      [bare, { 'x-hub-signature-256': `sha256=${hmac('')}` }],
      [bare, { 'x-gitlab-token': '' }],
      [`../${id}`, { 'x-gitlab-token': 'agreed' }],
    ];
    for (const [to, headers] of wrong) assert.match(await send(to, headers), /^40[34] /, JSON.stringify(headers));
    for (const [to, headers] of wrong.slice(0, 10)) assert.equal(await send(to, headers), refused);
    const right: Record<string, string>[] = [
      { 'x-hub-signature-256': `sha256=${hmac('agreed')}` },
      { 'x-gitlab-token': 'agreed' },
    ];
    for (const headers of right) {
      assert.match(await send(id, headers), /^202 /);
      assert.match(await send(id, headers), /^202 /); // once more is one more look
    }
  });
});
