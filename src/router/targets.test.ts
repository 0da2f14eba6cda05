import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import type { AsyncInvocation, ModelPlace, RouterQuestions } from '../platform/ports/routes.ts';
import { type Handler, RouterRig } from './router-rig.ts';

let rig: RouterRig;
before(async () => {
  rig = await RouterRig.start();
});
after(() => rig.stop());

const refused = async (): Promise<never> => assert.fail('this was not to be asked');
const questions = (some: Partial<RouterQuestions>): RouterQuestions => ({
  placeModel: refused,
  dropModel: async () => ({}),
  wake: refused,
  acceptAsync: refused,
  ...some,
});

test('a session stays with the instance that made it, until the container closes it', async () => {
  const stateful =
    (name: string): Handler =>
    (request, response, body) => {
      const session = request.headers['x-amzn-sagemaker-session-id'];
      if (session === 'NEW_SESSION') response.setHeader('X-Amzn-SageMaker-Session-Id', `${name}-1; Expires=2030-01-01T00:00:00Z`);
      if (body === 'close') response.setHeader('X-Amzn-SageMaker-Closed-Session-Id', String(session));
      response.end(name);
    };
  await rig.route([
    { instances: [await rig.instance('one', stateful('one'))] },
    { instances: [await rig.instance('two', stateful('two'))] },
  ]);
  for (let n = 0; n < 3; n += 1) {
    const begun = await rig.ask('x', { 'X-Amzn-SageMaker-Session-Id': 'NEW_SESSION' });
    assert.equal(begun.headers['x-amzn-sagemaker-new-session-id'], `${begun.text}-1; Expires=2030-01-01T00:00:00Z`);
    const session = { 'X-Amzn-SageMaker-Session-Id': `${begun.text}-1` };
    for (let again = 0; again < 4; again += 1) assert.equal((await rig.ask('x', session)).text, begun.text);
    const closed = await rig.ask('close', session);
    assert.equal(closed.headers['x-amzn-sagemaker-closed-session-id'], `${begun.text}-1`);
    const texts = new Set<string>();
    for (let again = 0; again < 4; again += 1) texts.add((await rig.ask('x', session)).text);
    assert.equal(texts.size, 2, 'a closed session is none');
  }
});

/** A multi-model container with room for `capacity` models. */
function multiModel(capacity: number) {
  const loaded = new Map<string, string>();
  const calls: string[] = [];
  const handler: Handler = (request, response, body) => {
    const { method, url = '' } = request;
    const name = url.split('/')[2] ?? '';
    calls.push(`${method} ${url.replace(name, loaded.get(name) ?? name)}`.replace(/[0-9a-f]{32}/, '?'));
    const answer = (status: number, value: object | string) => {
      response.statusCode = status;
      response.end(typeof value === 'string' ? value : JSON.stringify(value));
    };
    if (url === '/models' && method === 'GET') {
      return answer(200, { models: [...loaded].map(([modelName, modelUrl]) => ({ modelName, modelUrl })) });
    }
    if (url === '/models') {
      const { model_name, url: folder } = JSON.parse(body) as { model_name: string; url: string };
      if (loaded.has(model_name)) return answer(409, 'loaded');
      if (folder.endsWith('broken')) return answer(500, 'no model in it');
      if (loaded.size >= capacity) return answer(507, 'no memory');
      loaded.set(model_name, folder);
      return answer(200, {});
    }
    if (!loaded.has(name)) return answer(404, 'unknown');
    if (method === 'DELETE') loaded.delete(name);
    answer(200, `${loaded.get(name)} ${body}`);
  };
  return { loaded, calls, handler };
}

const target = (model: string) => ({ 'X-Amzn-SageMaker-Target-Model': model });

test('models are placed and loaded when they are asked for, once however many ask, and the least used gives way', async () => {
  const container = multiModel(2);
  const placed: string[] = [];
  const dropped: string[] = [];
  rig.router.answer(
    questions({
      placeModel: async ({ model }: ModelPlace) => {
        placed.push(model);
        if (model === 'absent') return { fault: { status: 400, code: 'ValidationError', message: 'Failed to download' } };
        return { folder: `/opt/${model}` };
      },
      dropModel: async ({ model }: ModelPlace) => {
        dropped.push(model);
        return {};
      },
    }),
  );
  await rig.route([{ multiModel: [0], instances: [await rig.instance('many', container.handler)] }]);
  const asked = Array.from({ length: 8 }, () => rig.ask('x', target('a')));
  assert.deepEqual(new Set((await Promise.all(asked)).map(({ text }) => text)), new Set(['/opt/a x']));
  assert.deepEqual(placed, ['a']);
  assert.equal((await rig.ask('x', target('b'))).text, '/opt/b x');
  assert.equal((await rig.ask('y', target('a'))).text, '/opt/a y');
  assert.equal((await rig.ask('x', target('c'))).text, '/opt/c x');
  assert.deepEqual([...container.loaded.values()].sort(), ['/opt/a', '/opt/c'], 'b was used least recently');
  while (dropped.length === 0) await new Promise(setImmediate);
  assert.deepEqual(dropped, ['b']);
  const absent = await rig.ask('x', target('absent'));
  assert.deepEqual([absent.status, absent.headers['x-amzn-errortype']], [400, 'ValidationError']);
  const broken = await rig.ask('x', target('broken'));
  assert.equal(broken.status, 424);
  assert.match(broken.text, /Received server error \(500\) from primary with message \\"no model in it\\"/);
  container.loaded.clear(); // as when its process was started again
  assert.equal((await rig.ask('z', target('a'))).text, '/opt/a z');
  const untargeted = await rig.ask('x');
  assert.equal(untargeted.status, 400);
  assert.match(untargeted.text, /TargetModel has to name the archive/);
});

test('many at once for more models than there is room for are all answered', async () => {
  const container = multiModel(2);
  const placed = new Set<string>();
  rig.router.answer(
    questions({
      placeModel: async ({ model }: ModelPlace) => {
        placed.add(model);
        return { folder: `/opt/${model}` };
      },
      dropModel: async ({ model }: ModelPlace) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        placed.delete(model);
        return {};
      },
    }),
  );
  const strict: Handler = (request, response, body) => {
    if (request.method === 'POST' && request.url === '/models') {
      const { url: folder } = JSON.parse(body) as { url: string };
      if (!placed.has(folder.slice('/opt/'.length))) return void response.writeHead(404).end('its files are gone');
    }
    container.handler(request, response, body);
  };
  await rig.route([{ multiModel: [0], instances: [await rig.instance('crowded', strict)] }]);
  for (let round = 0; round < 8; round += 1) {
    const asked = ['a', 'b', 'c', 'd'].map((model) => rig.ask('x', target(model)));
    const texts = (await Promise.all(asked)).map(({ text }) => text);
    assert.deepEqual(texts, ['/opt/a x', '/opt/b x', '/opt/c x', '/opt/d x']);
  }
});

test('a model whose answer came in pieces can give way afterwards', async () => {
  const container = multiModel(1);
  let rest = () => {};
  const inPieces: Handler = (request, response, body) => {
    if (body !== 'pieces') return container.handler(request, response, body);
    response.write('first ');
    rest = () => response.end('last');
  };
  rig.router.answer(questions({ placeModel: async ({ model }: ModelPlace) => ({ folder: `/opt/${model}` }) }));
  await rig.route([{ multiModel: [0], instances: [await rig.instance('pieces', inPieces)] }]);
  const asked = rig.open('pieces', target('a'));
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let received = '';
  for await (const chunk of response.setEncoding('utf8')) {
    received += chunk;
    if (received === 'first ') rest();
  }
  assert.equal(received, 'first last');
  assert.equal((await rig.ask('x', target('b'))).text, '/opt/b x');
  assert.equal((await rig.router.usage(['pieces']))['pieces']?.inFlight, 0);
});

test('a router that was started again finds out what a full container has loaded', async () => {
  const container = multiModel(1);
  container.loaded.set('f'.repeat(32), '/opt/before');
  rig.router.answer(questions({ placeModel: async ({ model }: ModelPlace) => ({ folder: `/opt/${model}` }) }));
  await rig.route([{ multiModel: [0], instances: [await rig.instance('full', container.handler)] }]);
  assert.equal((await rig.ask('x', target('new'))).text, '/opt/new x');
  assert.deepEqual([...container.loaded.values()], ['/opt/new']);
});

test('TargetModel is refused where there is one model', async () => {
  await rig.route([{ instances: [await rig.instance('single', (_request, response) => response.end('one'))] }]);
  assert.match((await rig.ask('x', target('a'))).text, /TargetModel is for multi-model containers only/);
  const component = await rig.ask('x', { 'X-Amzn-SageMaker-Inference-Component': 'a' });
  assert.deepEqual([component.status, component.headers['x-amzn-errortype']], [501, 'NotImplementedException']);
});

test('a sleeping variant is woken once, requests wait for it, and what is above its concurrency is refused', async () => {
  const held: (() => void)[] = [];
  const instance = await rig.instance('cold', (_request, response, body) =>
    body === 'hold' ? void held.push(() => response.end('held')) : response.end('awake'),
  );
  const variant = { serverless: { maxConcurrency: 3 } };
  let woken = 0;
  rig.router.answer(
    questions({
      wake: async () => {
        woken += 1;
        setImmediate(() => void rig.route([{ ...variant, instances: [instance] }]));
        return {};
      },
    }),
  );
  await rig.route([variant]);
  const answers = await Promise.all([rig.ask('1'), rig.ask('2')]);
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['awake', 'awake'],
  );
  assert.equal(woken, 1);
  const busy = [rig.ask('hold'), rig.ask('hold'), rig.ask('hold')];
  while (held.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  const usage = await rig.router.usage(['cold', 'nobody']);
  assert.equal(usage['cold']?.inFlight, 3);
  assert.equal(usage['nobody'], undefined);
  const refusal = await rig.ask('more');
  assert.deepEqual([refusal.status, refusal.headers['x-amzn-errortype']], [429, 'ThrottlingException']);
  for (const end of held) end();
  await Promise.all(busy);
  assert.equal((await rig.ask('again')).text, 'awake');
});

test('a client that leaves while a variant is being woken gives its place back', async () => {
  const instance = await rig.instance('slow', (_request, response) => response.end('awake'));
  const variant = { serverless: { maxConcurrency: 1 } };
  let woken = 0;
  rig.router.answer(
    questions({
      wake: async () => {
        woken += 1;
        return {};
      },
    }),
  );
  await rig.route([variant]);
  const left = rig.open('x');
  while (woken === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await rig.ask('x')).status, 429, 'there is one place');
  left.destroy();
  let answer = rig.ask('x');
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await rig.route([{ ...variant, instances: [instance] }]);
    if ((await answer).status !== 429) break;
    answer = rig.ask('x');
  }
  assert.equal((await answer).text, 'awake');
});

test('a sleeping variant that cannot be started says why', async () => {
  const message = 'The model is too large.';
  rig.router.answer(questions({ wake: async () => ({ fault: { status: 503, code: 'ServiceUnavailable', message } }) }));
  await rig.route([{ serverless: { maxConcurrency: 1 } }]);
  for (let again = 0; again < 3; again += 1) {
    const answer = await rig.ask('x');
    assert.deepEqual(
      [answer.status, JSON.parse(answer.text)],
      [503, { Message: message }],
      'a refused request gives its place back',
    );
  }
});

test('an asynchronous endpoint takes invocations for later, and no others', async () => {
  let seen: AsyncInvocation | undefined;
  rig.router.answer(
    questions({
      acceptAsync: async (asked) => {
        seen = asked;
        return { inferenceId: 'id-1', outputLocation: 's3://out/id.out', failureLocation: 's3://bad/id-error.out' };
      },
    }),
  );
  await rig.route([{}], { asynchronous: true });
  const headers = { 'X-Amzn-SageMaker-InputLocation': 's3://in/x.csv', 'X-Amzn-SageMaker-Content-Type': 'text/csv' };
  const accepted = await rig.ask('', headers, 'async-invocations');
  assert.equal(accepted.status, 202, accepted.text);
  assert.deepEqual(JSON.parse(accepted.text), { InferenceId: 'id-1' });
  assert.equal(accepted.headers['x-amzn-sagemaker-outputlocation'], 's3://out/id.out');
  assert.equal(accepted.headers['x-amzn-sagemaker-failurelocation'], 's3://bad/id-error.out');
  assert.equal(seen?.headers['x-amzn-sagemaker-inputlocation'], 's3://in/x.csv');
  assert.match((await rig.ask('x')).text, /is asynchronous: use InvokeEndpointAsync/);
  await rig.route([{}]);
  assert.match((await rig.ask('', headers, 'async-invocations')).text, /is not asynchronous/);
});
