import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** Prints the statuses and bodies of requests to hosts given as arguments, as a program under `exec` sees them. */
const ASK_STS = `
import http.client, os, ssl, sys, urllib.parse, base64
proxy = urllib.parse.urlsplit(os.environ['HTTPS_PROXY'])
login = base64.b64encode(f'{proxy.username}:{proxy.password}'.encode()).decode()
for host in sys.argv[1:]:
    connection = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=ssl.create_default_context(cafile=os.environ['AWS_CA_BUNDLE']))
    connection.set_tunnel(host, 443, headers={'Proxy-Authorization': 'Basic ' + login})
    connection.request('POST', '/', 'Action=GetCallerIdentity&Version=2011-06-15', {'content-type': 'application/x-www-form-urlencoded'})
    answer = connection.getresponse()
    print(host, answer.status, answer.read().decode()[:200].replace(chr(10), ' '))
`;

suite('slipway exec', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());
  const exec = (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    slipway(['exec', '--data', server.folder, ...words], { env: { ...process.env, ...env } });

  test("the exit code is the command's own", async () => {
    assert.equal((await exec(['--', 'sh', '-c', 'exit 7'])).code, 7);
    assert.equal((await exec(['--', 'sh', '-c', 'kill -9 $$'])).code, 137);
    const absent = await exec(['--', 'no-such-program']);
    assert.deepEqual([absent.code, absent.stderr], [1, 'slipway exec: no-such-program: there is no such program.\n']);
    assert.equal((await exec([])).code, 2);
  });

  test('nothing of the shell leads past the server, and nothing of the run stays', async () => {
    const { stdout } = await exec(['--', 'env'], {
      AWS_PROFILE: 'production',
      AWS_ACCESS_KEY_ID: 'AKIAOTHER',
      AWS_SESSION_TOKEN: 'other',
      NO_PROXY: 'inside.example',
    });
    const seen = new Map(stdout.split('\n').map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)] as const));
    assert.equal(seen.get('AWS_ENDPOINT_URL'), server.url);
    assert.equal(seen.get('NO_PROXY'), '127.0.0.1,localhost,inside.example');
    for (const name of ['AWS_PROFILE', 'AWS_ACCESS_KEY_ID', 'AWS_SESSION_TOKEN']) assert.equal(seen.get(name), undefined, name);
    assert.match(seen.get('HTTPS_PROXY') ?? '', /^http:\/\/slipway:[\w-]{32}@127\.0\.0\.1:\d+$/);
    assert.equal(existsSync(seen.get('AWS_CA_BUNDLE') ?? ''), false, 'the bundle is gone after the run');
    const authority = join(server.folder, 'keys', 'exec-authority.pem');
    assert.equal(statSync(authority).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(server.folder, 'keys')).sort(), ['exec-authority.pem', 'sealing.key']);
    const before = readFileSync(authority, 'utf8');
    await exec(['--', 'true']);
    assert.equal(readFileSync(authority, 'utf8'), before, 'one authority for all runs');
  });

  test('STS of every region and telemetry are answered here, by certificates that are trusted', async () => {
    const hosts = ['sts.amazonaws.com', 'sts.ap-southeast-1.amazonaws.com', 'sm-pysdk-t-us-west-2.s3.us-west-2.amazonaws.com'];
    const { stdout, stderr } = await exec(['--', 'python3', '-c', ASK_STS, ...hosts]);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 3, stderr);
    // unsigned, so refused; but by our server
    for (const line of lines.slice(0, 2)) assert.match(line, /^sts\.\S+ 403 .*MissingAuthenticationToken/);
    assert.equal(lines[2]?.trim(), `${hosts[2]} 200`);
  });

  test('each program goes on trusting what its own variable named', async () => {
    const company = join(server.folder, 'company.pem');
    writeFileSync(company, 'the company\n');
    const show =
      'for b in "$AWS_CA_BUNDLE" "$REQUESTS_CA_BUNDLE" "$CURL_CA_BUNDLE" "$SSL_CERT_FILE"; do grep -c "the company" "$b"; tail -n 1 "$b"; done';
    const none = { REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: '', SSL_CERT_FILE: '' };
    const end = '-----END CERTIFICATE-----\n';
    const aws = await exec(['--', 'sh', '-c', show], { ...none, AWS_CA_BUNDLE: company });
    assert.equal(aws.stdout, `1\n${end}0\n${end}0\n${end}0\n${end}`, 'others keep the public authorities');
    const openssl = await exec(['--', 'sh', '-c', show], { ...none, AWS_CA_BUNDLE: '', SSL_CERT_FILE: company });
    assert.equal(openssl.stdout, `0\n${end}0\n${end}1\n${end}1\n${end}`);
  });

  test('the credentials are of the role, or of the user when asked', async () => {
    const fetch = `
import json, os, urllib.request
ask = urllib.request.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], headers={'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']})
print(json.dumps(json.load(urllib.request.urlopen(ask))))`;
    const { stdout } = await exec(['--', 'python3', '-c', fetch]);
    const given = JSON.parse(stdout) as Record<string, string>;
    assert.match(given['RoleArn'] ?? '', /role\/SageMakerPipelineExecutionRole$/);
    assert.match(given['AccessKeyId'] ?? '', /^ASIA/);
    assert.ok(Date.parse(given['Expiration'] ?? '') > Date.now());
    const asUser = await exec(['--as-user', '--', 'sh', '-c', 'echo $AWS_ACCESS_KEY_ID $AWS_CONTAINER_CREDENTIALS_FULL_URI']);
    assert.equal(asUser.stdout.trim(), server.env['AWS_ACCESS_KEY_ID']);
  });

  test('a role that cannot be assumed is said before the command starts', async () => {
    const strict = await startServer({ settings: 'roles: strict\n' });
    try {
      const words = ['exec', '--data', strict.folder, '--role', 'Absent', '--', 'echo', 'started'];
      const { code, stdout, stderr } = await slipway(words);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /role\/Absent cannot be assumed .*--as-user/s);
    } finally {
      await strict.stop();
    }
  });

  test('without the token nobody gets through; with it other hosts are reached as they are', async () => {
    const echo = createTcpServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const target = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const inner = createServer(async (incoming, response) => response.end(await probe(incoming, target))).listen(0, '127.0.0.1');
    await once(inner, 'listening');
    try {
      const ask =
        'import os, sys, urllib.request as r; print(r.urlopen(r.Request(sys.argv[1], headers={"x-proxy": os.environ["HTTPS_PROXY"]})).read().decode())';
      const { stdout, stderr } = await exec([
        '--',
        'python3',
        '-c',
        ask,
        `http://127.0.0.1:${(inner.address() as AddressInfo).port}/`,
      ]);
      assert.equal(stdout.trim(), 'none 407, wrong 407, right 200 echo, unreachable 502, senseless 400', stderr);
    } finally {
      echo.close();
      inner.close();
    }
  });

  test('the proxy of the shell is used for hosts outside', async () => {
    const asked: string[] = [];
    const upstream = createServer()
      .on('connect', (incoming, socket) => {
        asked.push(`${incoming.url} ${Buffer.from(String(incoming.headers['proxy-authorization']).slice(6), 'base64')}`);
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      })
      .listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    try {
      const proxy = `http://me:pass%20word@127.0.0.1:${(upstream.address() as AddressInfo).port}`;
      const { stdout, stderr } = await exec(
        [
          '--',
          'python3',
          '-c',
          ASK_STS.replace('for host', 'try:\n  for host')
            .replace(/\n {4}(?=\w)/g, '\n      ')
            .concat('\nexcept OSError as error: print(error)\n'),
          'outside.example',
        ],
        { https_proxy: proxy, HTTPS_PROXY: proxy },
      );
      assert.match(stdout, /502/, stderr);
      assert.deepEqual(asked, ['outside.example:443 me:pass word']);
    } finally {
      upstream.close();
    }
  });
});

/** Asks the proxy named in the request for tunnels of several kinds, from outside of the command. */
async function probe(incoming: IncomingMessage, target: string): Promise<string> {
  const proxy = new URL(String(incoming.headers['x-proxy']));
  const connect = (path: string, login?: string) =>
    new Promise<string>((resolve, reject) => {
      const headers = login === undefined ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` };
      const asked = request({ hostname: proxy.hostname, port: proxy.port, method: 'CONNECT', path, headers });
      asked.on('error', reject).on('connect', (response, socket) => {
        if (response.statusCode !== 200) return resolve(String(response.statusCode));
        socket.once('data', (text) => {
          resolve(`200 ${text}`);
          socket.destroy();
        });
        socket.write('echo');
      });
      asked.end();
    });
  const right = `slipway:${proxy.password}`;
  return [
    `none ${await connect(target)}`,
    `wrong ${await connect(target, 'slipway:wrong')}`,
    `right ${await connect(target, right)}`,
    `unreachable ${await connect('127.0.0.1:1', right)}`,
    `senseless ${await connect('nonsense', right)}`,
  ].join(', ');
}
