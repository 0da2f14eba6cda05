import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { loadService, serviceIds } from '../../models/load.ts';
import { callJson } from '../../src/cli/client.ts';
import type { Connection } from '../../src/cli/connection.ts';
import { presignUrl, signRequest } from '../../src/gateway/signature/sign.ts';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { ask, callAs, connectTo, cookieOf, linkOf, type PageAnswer, ROOT, signIn } from './page-client.ts';

const READS = /^(sagemaker|logs):(List|Describe|Get|BatchDescribe)/;
/** What delivering shows beyond that, and what a person decides on the page: every other operation is refused. */
const SHOWS = /^(code(build|commit|pipeline)|events|scheduler):(List|Describe|Get|BatchGet)/;
const DECIDES: Readonly<Record<string, object>> = {
  'codebuild:RetryBuild': { id: 'none:1' },
  'codebuild:StopBuild': { id: 'none:1' },
  'codepipeline:DisableStageTransition': { pipelineName: 'none', stageName: 'A', transitionType: 'Inbound', reason: 'why' },
  'codepipeline:EnableStageTransition': { pipelineName: 'none', stageName: 'A', transitionType: 'Inbound' },
  'codepipeline:PutApprovalResult': {
    pipelineName: 'none',
    stageName: 'A',
    actionName: 'B',
    result: { status: 'Approved', summary: '' },
    token: '11111111-1111-4111-8111-111111111111',
  },
  'codepipeline:RetryStageExecution': {
    pipelineName: 'none',
    stageName: 'A',
    pipelineExecutionId: '11111111-1111-4111-8111-111111111111',
    retryMode: 'FAILED_ACTIONS',
  },
  'codepipeline:RollbackStage': {
    pipelineName: 'none',
    stageName: 'A',
    targetPipelineExecutionId: '11111111-1111-4111-8111-111111111111',
  },
  'codepipeline:StartPipelineExecution': { name: 'none' },
  'codepipeline:StopPipelineExecution': { pipelineName: 'none', pipelineExecutionId: '11111111-1111-4111-8111-111111111111' },
  'sagemaker:UpdateModelPackage': { ModelPackageArn: 'arn:aws:sagemaker:us-east-1:123456789012:model-package/none/1' },
};

suite('the page against those it is not meant for', () => {
  let server: TestServer;
  let connection: Connection;
  let cookie: string;

  before(async () => {
    server = await startServer();
    connection = await connectTo(server);
    cookie = await signIn(server);
  });
  after(() => server.stop());

  const get = (path: string, headers: Record<string, string> = {}): Promise<PageAnswer> => ask(server.url, path, { headers });
  const isSignedIn = async (value: string): Promise<boolean> => (await get(`${ROOT}/identity`, { cookie: value })).status === 200;
  const code = ({ text }: PageAnswer): string => (JSON.parse(text) as { __type: string }).__type;

  test('without a session there is a way to sign in, and nothing else', async () => {
    const page = await get(ROOT);
    assert.equal(page.status, 401);
    assert.match(page.text, /npx slipway ui/);
    assert.deepEqual(page.text.match(/<script[^>]*>/g), ['<script type="module" src="/_slipway/ui/sign-in.ts">']);
    assert.doesNotMatch(page.text, /app\.ts/);
    assert.equal((await get(`${ROOT}/identity`)).status, 401);
    for (const path of ['/api/sagemaker:ListPipelines', '/invoke/tumour', '/text']) {
      const refused = await ask(server.url, ROOT + path, { method: 'POST', headers: { origin: server.url }, body: '{}' });
      assert.deepEqual([refused.status, code(refused)], [401, 'NotSignedIn']);
    }
    const root = await get('/');
    assert.deepEqual([root.status, root.headers.location], [302, ROOT]);
  });

  test('a link works once, also under another order of its parameters', async () => {
    const link = await linkOf(server);
    const first = await get(link);
    assert.equal(first.status, 200);
    assert.equal(await isSignedIn(cookieOf(first)), true);
    const [path = '', query = ''] = link.split('?');
    const turned = `${path}?${query.split('&').reverse().join('&')}`;
    for (const again of [link, turned, link.replace('&X-Amz-Date', '&&X-Amz-Date'), link.replaceAll('%2F', '%2f')]) {
      const refused = await get(again);
      assert.deepEqual([refused.status, refused.headers['set-cookie']], [403, undefined], again);
    }
  });

  test('two browsers with one link at the same time: one gets in', async () => {
    const link = await linkOf(server);
    const answers = await Promise.all(Array.from({ length: 8 }, () => get(link)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  });

  test('a link of another making is refused', async () => {
    const url = new URL(`${ROOT}/session`, server.url);
    const credentials = { accessKeyId: connection.accessKeyId, secretAccessKey: connection.secretAccessKey };
    const made = {
      method: 'GET',
      url,
      service: 'slipway',
      region: connection.region,
      credentials,
      nowMs: Date.now(),
      expiresSeconds: 300,
    };
    const pathOf = (given: URL): string => given.pathname + given.search;
    const good = pathOf(presignUrl(made));
    const wrong = {
      'for another service': pathOf(presignUrl({ ...made, service: 's3' })),
      'with another secret': pathOf(presignUrl({ ...made, credentials: { ...credentials, secretAccessKey: 'guessed' } })),
      'of an unknown key': pathOf(presignUrl({ ...made, credentials: { ...credentials, accessKeyId: 'AKIAUNKNOWN' } })),
      'that is over': pathOf(presignUrl({ ...made, nowMs: Date.now() - 301_000 })),
      'from the future': pathOf(presignUrl({ ...made, nowMs: Date.now() + 3_600_000 })),
      'that would last for days': pathOf(presignUrl({ ...made, expiresSeconds: 86_400 })),
      'with an edited region': good.replace(connection.region, 'eu-north-1'),
      'with an edited lifetime': good.replace('X-Amz-Expires=300', 'X-Amz-Expires=299'),
      'with an edited signature': `${good.slice(0, -1)}${good.endsWith('0') ? '1' : '0'}`,
      'without one': `${ROOT}/session`,
    };
    for (const [what, path] of Object.entries(wrong)) assert.equal((await get(path)).status, 403, what);
    const posted = await ask(server.url, good, { method: 'POST' });
    assert.equal(posted.status, 403);
    const headers = signRequest({
      method: 'GET',
      url,
      region: connection.region,
      service: 'slipway',
      credentials,
      nowMs: Date.now(),
    });
    assert.equal((await get(url.pathname, headers)).status, 403, 'signed by headers');
    assert.equal((await get(good)).status, 200);
  });

  test('a click on a foreign page does not sign in, and does not use the link up', async () => {
    const link = await linkOf(server);
    for (const site of ['cross-site', 'same-site']) {
      const asked = await get(link, { 'sec-fetch-site': site });
      assert.deepEqual([asked.status, asked.headers['set-cookie']], [200, undefined]);
      assert.match(asked.text, /Sign in\?/);
    }
    assert.notEqual(cookieOf(await get(link, { 'sec-fetch-site': 'same-origin' })), '');
  });

  test('a session is always a new one, bound to browser and page', async () => {
    const planted = cookieOf(await get(await linkOf(server)));
    const answer = await get(await linkOf(server), { cookie: planted });
    assert.notEqual(cookieOf(answer), '');
    const [set = ''] = answer.headers['set-cookie'] ?? [];
    assert.match(set, /^slipway_session_\d+=[\w-]+\.[\w-]+; Path=\/_slipway\/ui; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    assert.ok(!set.includes(connection.secretAccessKey));
  });

  test('a forged or edited cookie is nothing', async () => {
    const [name = '', value = ''] = cookie.split('=');
    const [payload = '', seal = ''] = value.split('.');
    const later = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { expiresAtMs: number };
    const edited = Buffer.from(JSON.stringify({ ...later, expiresAtMs: later.expiresAtMs + 1 })).toString('base64url');
    const forged = [
      `${name}=${edited}.${seal}`,
      `${name}=${payload}.${seal.slice(0, -2)}AA`,
      `${name}=${payload}.`,
      `${name}=${payload}`,
      `${name}=`,
      `${name}=.`,
      `${name}=${payload}.${seal}x`,
      `slipway_session=${value}`,
      `slipway_session_1=${value}`,
      `${name}=${Buffer.from('{"accessKeyId":"x"}').toString('base64url')}.${seal}`,
      `${name}="${value}"`,
      '%00',
    ];
    for (const each of forged) assert.equal(await isSignedIn(each), false, each);
    assert.equal(await isSignedIn(`other=1; ${cookie}; more=2`), true);
  });

  test('a POST from elsewhere is refused, and one that does not say where from', async () => {
    const { port } = new URL(server.url);
    const origins = [
      'https://evil.example',
      'null',
      `http://localhost:${port}`,
      `https://127.0.0.1:${port}`,
      'http://127.0.0.1:1',
      `${server.url}.evil.example`,
      '',
    ];
    for (const path of ['/api/sagemaker:ListPipelines', '/invoke/tumour', '/text']) {
      for (const origin of [undefined, ...origins]) {
        const headers: Record<string, string> = origin === undefined ? { cookie } : { cookie, origin };
        const refused = await ask(server.url, ROOT + path, { method: 'POST', headers, body: '{}' });
        assert.deepEqual([refused.status, code(refused)], [403, 'WrongOrigin'], `${path} from ${origin}`);
      }
    }
    assert.equal((await callAs(server, cookie, '/api/sagemaker:ListPipelines')).status, 200);
  });

  test('a foreign Host is shown nothing: a name rebound to this address', async () => {
    const { port } = new URL(server.url);
    const paths = [ROOT, `${ROOT}/app.ts`, `${ROOT}/identity`, await linkOf(server), '/'];
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1:1', '127.0.0.1', `127.0.0.1.evil.example:${port}`]) {
      for (const path of paths.filter((each) => each !== '/' || host.includes('evil'))) {
        assert.equal((await get(path, { host, cookie })).status, 403, `${path} as ${host}`);
      }
    }
    const host = `localhost:${port}`;
    const local = { host, cookie, origin: `http://${host}` };
    const answer = await ask(server.url, `${ROOT}/api/sagemaker:ListPipelines`, { method: 'POST', headers: local, body: '{}' });
    assert.equal(answer.status, 200);
  });

  test('what the page may change is what a person decides there, even for the admin, and with no other members', async () => {
    const names = serviceIds.flatMap((id) => {
      const service = loadService(id);
      return [...service.operations.keys()].map((operation) => `${service.prefix}:${operation}`);
    });
    const changing = names.filter((name) => !READS.test(name) && !SHOWS.test(name) && !Object.hasOwn(DECIDES, name));
    assert.ok(changing.length > 300 && changing.includes('sagemaker:DeletePipeline'));
    for (const name of [...changing, 'sagemaker:constructor', 'nothing:ListPipelines', '', 'sagemaker', ':', '__proto__:x']) {
      const refused = await callAs(server, cookie, `/api/${name}`);
      assert.deepEqual([refused.status, code(refused)], [400, 'AccessDeniedException'], name);
    }
    for (const [name, input] of Object.entries(DECIDES)) {
      const answer = await callAs(server, cookie, `/api/${name}`, input);
      assert.notEqual(code(answer), 'AccessDeniedException', `${name} ${answer.text}`); // it is the thing that does not exist
    }
    for (const [name, input] of [
      ['codepipeline:StartPipelineExecution', { name: 'none', sourceRevisions: [] }],
      ['sagemaker:UpdateModelPackage', { ...DECIDES['sagemaker:UpdateModelPackage'], SourceUri: 's3://elsewhere/model' }],
      ['codepipeline:GetJobDetails', { jobId: '11111111-1111-4111-8111-111111111111' }],
      ['codebuild:ListSourceCredentials', {}],
    ] as const) {
      assert.equal(code(await callAs(server, cookie, `/api/${name}`, input)), 'AccessDeniedException', name);
    }
    await callJson(connection, 'sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'kept' });
    for (const name of [
      'sagemaker:DeleteModelPackageGroup',
      'sagemaker:ListTags/../sagemaker:DeleteModelPackageGroup',
      'sagemaker%3ADeleteModelPackageGroup',
    ]) {
      assert.notEqual((await callAs(server, cookie, `/api/${name}`, { ModelPackageGroupName: 'kept' })).status, 200);
    }
    const group = await callAs(server, cookie, '/api/sagemaker:DescribeModelPackageGroup', { ModelPackageGroupName: 'kept' });
    assert.equal(group.status, 200);
  });

  test('reading says what is wrong with a request, and no more', async () => {
    const absent = await callAs(server, cookie, '/api/sagemaker:DescribeEndpoint', { EndpointName: '<script>x' });
    assert.equal(absent.status, 400);
    assert.match(absent.headers['content-type'] ?? '', /json/);
    assert.equal(code(await callAs(server, cookie, '/api/sagemaker:ListPipelines', '{"MaxResults":')), 'SerializationException');
    assert.equal(code(await callAs(server, cookie, '/text', '[]')), 'ValidationException');
    assert.equal(code(await callAs(server, cookie, '/text', { Bucket: 'nowhere', Key: '../../etc/passwd' })), 'NoSuchBucket');
    const long = await callAs(server, cookie, '/invoke/tumour', 'x'.repeat(6_291_457));
    assert.deepEqual([long.status, code(long)], [413, 'RequestEntityTooLarge']);
  });

  test('the name of an endpoint cannot lead the prediction elsewhere', async () => {
    for (const name of [
      '..%2f..%2fhealth',
      '%2e%2e',
      'a%2fb',
      'x%0d%0ahost:y',
      '%',
      '%zz',
      '',
      'a%20b',
      '.',
      '%252e%252e',
      'a'.repeat(64),
    ]) {
      const { status } = await callAs(server, cookie, `/invoke/${name}`, '1');
      assert.ok(status === 400 || status === 404, `${name}: ${status}`);
    }
    const absent = await callAs(server, cookie, '/invoke/nothing', '1,2');
    assert.equal(absent.status, 400);
    assert.match(absent.text, /nothing/);
  });

  test('only the files of the page are served', async () => {
    const tricks = [
      '/../../../../etc/passwd',
      '/..%2f..%2fpackage.json',
      '/%2e%2e/%2e%2e/package.json',
      '/....//package.json',
      '/app.ts%00.css',
      '/tsconfig.json',
      '/page.test.ts',
      '/APP.TS',
      '/.ts',
      '//etc/passwd',
      '/style.css/',
      '/\\..\\package.json',
      '/app.ts;x',
      '/absent.ts',
      '/index.html',
      '/..;/app.ts',
      '/constructor.ts',
      '/sub/app.ts',
    ];
    for (const path of tricks) {
      for (const headers of [{}, { cookie }] as Record<string, string>[]) {
        const answer = await get(ROOT + path, headers);
        assert.ok(answer.status >= 400, `${path}: ${answer.status}`);
        assert.doesNotMatch(answer.text, /root:|"version"|compilerOptions/);
      }
    }
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      const refused = await ask(server.url, `${ROOT}/app.ts`, { method, headers: { cookie } });
      assert.equal(refused.status, 404);
      assert.equal(refused.headers['access-control-allow-origin'], undefined);
    }
    const script = await get(`${ROOT}/app.ts`);
    assert.match(script.headers['content-type'] ?? '', /^text\/javascript/);
    assert.doesNotMatch(script.text, /import type|: Promise<void>/);
    const head = await ask(server.url, `${ROOT}/app.ts`, { method: 'HEAD' });
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', script.headers['content-length']]);
  });

  test('every answer forbids framing, sniffing, foreign and inline scripts', async () => {
    const answers = {
      page: await get(ROOT, { cookie }),
      'sign-in': await get(ROOT),
      link: await get(await linkOf(server)),
      'spent link': await get(`${ROOT}/session`),
      script: await get(`${ROOT}/app.ts`),
      icon: await get('/favicon.ico'),
      identity: await get(`${ROOT}/identity`, { cookie }),
      call: await callAs(server, cookie, '/api/sagemaker:ListPipelines'),
      refusal: await callAs(server, cookie, '/api/sagemaker:DeletePipeline'),
      prediction: await callAs(server, cookie, '/invoke/nothing', '1'),
      absent: await get(`${ROOT}/absent`, { cookie }),
    };
    for (const [what, { headers }] of Object.entries(answers)) {
      const policy = String(headers['content-security-policy']);
      assert.match(policy, /default-src 'none'; script-src 'self'; /, what);
      assert.match(policy, /frame-ancestors 'none'; base-uri 'none'/, what);
      assert.doesNotMatch(policy, /unsafe|\*|data:|http/, what);
      assert.deepEqual(
        [
          headers['x-content-type-options'],
          headers['x-frame-options'],
          headers['referrer-policy'],
          headers['cross-origin-resource-policy'],
        ],
        ['nosniff', 'DENY', 'no-referrer', 'same-origin'],
        what,
      );
      assert.equal(headers['access-control-allow-origin'], undefined, what);
    }
    assert.doesNotMatch(answers.page.text, /<script(?! type="module" src="\/_slipway)|style="| on\w+=/);
  });

  test('after all of it the ledger verifies', async () => {
    assert.equal((await slipway(['audit', 'verify'], { env: server.env })).code, 0);
  });
});
