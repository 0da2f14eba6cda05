import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { INVOCATION_ENDED } from '../../platform/ports/invocation.ts';
import { JOB_SESSION_POLICY } from '../../platform/authorization/job-session-policy.ts';
import { FunctionsRig, ROLE, RUN_ID, zipOf } from './functions-rig.ts';
import { refusal, user } from '../registry/registry-rig.ts';

let rig: FunctionsRig;
before(async () => {
  rig = await FunctionsRig.start();
});
after(() => rig.close());

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
};

/** A handler's own count of its runs: whoever connects is counted; it goes on when it is let. */
const TOLD = `
import os, time
def handler(event, context):
    print("began", context.aws_request_id, flush=True)
    if event.get("wait"):
        while True:
            time.sleep(0.02)
            if context.get_remaining_time_in_millis() < event["wait"]: break
    return {"ran": context.aws_request_id, "pid": os.getpid()}
`;

/** How often the log of a function says that a run began. */
async function begins(name: string, requestId = ''): Promise<number> {
  const group = { logGroupName: `/aws/lambda/${name}` };
  const { logStreams = [] } = await rig.call('logs:DescribeLogStreams', group);
  let count = 0;
  for (const { logStreamName = '' } of logStreams) {
    const { events = [] } = await rig.call('logs:GetLogEvents', { ...group, logStreamName, startFromHead: true });
    count += events.filter(({ message = '' }) => message.startsWith('began') && message.endsWith(requestId)).length;
  }
  return count;
}

const began = (name: string) => until(async () => (await begins(name).catch(() => 0)) > 0);

test('a recorded invocation answers at once, runs once however often it is asked for, and its end is an event', async () => {
  await rig.create('recorded', TOLD);
  await assert.rejects(
    rig.invoke('recorded', {}, { RequestId: RUN_ID, Begin: false }),
    refusal('ResourceNotFoundException', /was begun/),
  );
  assert.equal((await rig.invoke('recorded', {}, { RequestId: RUN_ID })).status, 202);
  await rig.invoke('recorded', {}, { RequestId: RUN_ID });
  const { error, result } = await rig.ended('recorded');
  assert.equal(error, undefined);
  assert.equal((result as { ran: string }).ran, RUN_ID);
  assert.deepEqual(await rig.invoke('recorded', {}, { RequestId: RUN_ID }), { status: 200, error: undefined, result });
  assert.equal(await begins('recorded'), 1);
  const events = (await rig.store.events({ afterSequence: 0, limit: 1000 })).filter(
    ({ detailType }) => detailType === INVOCATION_ENDED,
  );
  assert.deepEqual(
    events.map(({ source, detail }) => [source, detail]),
    [['aws.lambda', { requestId: RUN_ID, status: 'Succeeded' }]],
  );
  await assert.rejects(
    rig.invoke('absent', {}, { RequestId: RUN_ID }),
    refusal('ResourceNotFoundException', /Function not found/),
  );
});

test('a recorded invocation that runs when the server is killed is taken over, not run again', async () => {
  await rig.create('survives', TOLD);
  await rig.invoke('survives', { wait: 18_500 }, { RequestId: RUN_ID });
  await began('survives');
  rig = await FunctionsRig.start({ folder: await rig.abandon() });
  const { error, result } = await rig.ended('survives');
  assert.deepEqual([error, (result as { ran: string }).ran], [undefined, RUN_ID]);
  assert.equal(await begins('survives'), 1);
});

test('one whose server was stopped goes on too, and one whose process died meanwhile has failed', async () => {
  await rig.create('stopped', TOLD);
  await rig.create(
    'dies',
    'import os, time\ndef handler(event, context):\n    print("began", flush=True); time.sleep(1); os._exit(4)',
  );
  await rig.invoke('stopped', { wait: 18_000 }, { RequestId: RUN_ID });
  await rig.invoke('dies', {}, { RequestId: RUN_ID });
  await Promise.all([began('stopped'), began('dies')]);
  const folder = await rig.stop();
  await until(() => readdirSync(join(folder, 'runs', '.records')).some((name) => name.endsWith('.ended')));
  rig = await FunctionsRig.start({ folder });
  const { error, result } = await rig.ended('stopped');
  assert.deepEqual([error, (result as { ran: string }).ran], [undefined, RUN_ID]);
  const dead = await rig.ended('dies');
  assert.equal(dead.error, 'Unhandled');
  assert.match((dead.result as { errorMessage: string }).errorMessage, /exit status 4|not run again/);
  assert.deepEqual([await begins('stopped'), await begins('dies')], [1, 1]);
});

test('time-out and crash of a recorded invocation are its result, and it is not tried again', async () => {
  await rig.create('slow', 'import time\ndef handler(event, context):\n    print("began", flush=True); time.sleep(60)', {
    Timeout: 1,
  });
  await rig.invoke('slow', {}, { RequestId: RUN_ID });
  const { error, result } = await rig.ended('slow');
  assert.equal(error, 'Unhandled');
  assert.match((result as { errorMessage: string }).errorMessage, /Task timed out after 1\.00 seconds$/);
  assert.equal(await begins('slow'), 1);
});

test('an asynchronous invocation that fails is tried twice more, also by the next server', async () => {
  await rig.create('retried', 'def handler(event, context):\n    print("began", flush=True); raise ValueError("no")');
  assert.equal((await rig.invoke('retried', {}, { InvocationType: 'Event' })).status, 202);
  await began('retried');
  rig = await FunctionsRig.start({ folder: await rig.abandon() });
  await until(async () => (await begins('retried')) >= 3);
  const left = async () =>
    (await rig.store.timers({ limit: 1000 })).filter(({ reconciler }) => reconciler === 'function-invocation').length;
  await until(async () => (await left()) === 0);
  assert.ok((await begins('retried')) <= 4, 'at least once: the run that the kill hit may have been repeated');
});

test('what an asynchronous invocation came to is sent on; retries, age and concurrency are as they were set', async () => {
  await rig.create(
    'source',
    'def handler(event, context):\n    print("began", flush=True)\n    if event["fail"]: raise ValueError("no")\n    return "well"',
  );
  await rig.create(
    'sink',
    'def handler(event, context):\n    print("began", event["requestContext"]["condition"], event["responsePayload"], event["requestPayload"], flush=True)',
  );
  const Destination = 'arn:aws:lambda:us-east-1:123456789012:function:sink';
  const DestinationConfig = { OnSuccess: { Destination }, OnFailure: { Destination } };
  await rig.call('lambda:PutFunctionEventInvokeConfig', { FunctionName: 'source', MaximumRetryAttempts: 0, DestinationConfig });
  await rig.invoke('source', { fail: false }, { InvocationType: 'Event' });
  await until(async () => (await begins('sink', "well {'fail': False}").catch(() => 0)) === 1);
  await rig.invoke('source', { fail: true }, { InvocationType: 'Event' });
  await until(async () => (await begins('sink', "{'fail': True}")) === 1);
  assert.equal(await begins('source'), 2, 'no attempt after the first');
  await rig.call('lambda:PutFunctionConcurrency', { FunctionName: 'source', ReservedConcurrentExecutions: 0 });
  await assert.rejects(rig.invoke('source', { fail: false }), refusal('TooManyRequestsException', /Rate Exceeded/));
  await rig.invoke('source', { fail: false }, { InvocationType: 'Event' });
  await rig.call('lambda:DeleteFunctionConcurrency', { FunctionName: 'source' });
  await until(async () => (await begins('sink', "well {'fail': False}")) === 2);
  const unknown = { OnFailure: { Destination: 'arn:aws:sns:us-east-1:123456789012:topic' } };
  await assert.rejects(
    rig.call('lambda:UpdateFunctionEventInvokeConfig', { FunctionName: 'source', DestinationConfig: unknown }),
    refusal('NotImplementedException', /topic is not implemented/),
  );
});

test('invocations share warm environments, run side by side up to a limit, and the rest waits for its turn', async () => {
  await rig.create(
    'busy',
    'import os, time\ndef handler(event, context):\n    time.sleep(0.2); return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]',
  );
  const results = await Promise.all(Array.from({ length: 10 }, () => rig.invoke('busy', {})));
  const streams = new Set(results.map(({ result }) => result));
  assert.ok(streams.size > 1 && streams.size <= 4, `${streams.size} environments`);
  assert.ok(streams.has((await rig.invoke('busy', {})).result), 'warm');
});

test('idle environments end, and a deleted function leaves nothing', async () => {
  const small = await FunctionsRig.start({ idleMs: 300 });
  try {
    await small.create('idle', 'def handler(event, context): return 1');
    assert.equal((await small.invoke('idle', {})).result, 1);
    const runs = () => readdirSync(join(small.folder, 'runs')).filter((name) => name.startsWith('function-'));
    await until(() => runs().length === 0);
    assert.equal((await small.invoke('idle', {})).result, 1, 'made anew');
    const latest = small.call('lambda:DeleteFunction', { FunctionName: 'idle', Qualifier: '$LATEST' });
    await assert.rejects(latest, { code: 'InvalidParameterValueException' }, 'a qualifier does not take the whole function');
    assert.equal((await small.invoke('idle', {})).result, 1);
    // more aliases than a page has: one that was left would belong to the next function of the name
    await small.call('lambda:CreateAlias', { FunctionName: 'idle', Name: 'alias', FunctionVersion: '$LATEST' });
    const [timer] = await small.store.timers({ limit: 1 });
    const place = { account: timer!.key.account, region: timer!.key.region, kind: 'FunctionAlias', parent: 'idle' };
    const aliases = async () => (await small.store.list({ ...place, sortBy: 'name', order: 'ascending', limit: 1000 })).rows;
    const [one] = await aliases();
    const copies = Array.from({ length: 600 }, (_, at) => ({ ...one!, key: { ...one!.key, name: `${one!.key.name}-${at}` } }));
    await small.store.commit({ expect: [], write: copies.map(({ key, document, index }) => ({ key, document, index })) });
    assert.ok((await aliases()).length > 500);
    await small.call('lambda:DeleteFunction', { FunctionName: 'idle' });
    assert.deepEqual(await aliases(), []);
    await until(() => runs().length === 0);
    await until(async () => (await small.store.timers({ limit: 10 })).length === 0);
  } finally {
    await small.close();
  }
});

test('what a killed server left warm is used again; what it was busy with is ended', async () => {
  await rig.create('warm', 'import os\ndef handler(event, context): return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]');
  const { result } = await rig.invoke('warm', {});
  await rig.create('left', TOLD);
  const cut = rig.invoke('left', { wait: 1 }).catch(() => undefined);
  await began('left');
  rig = await FunctionsRig.start({ folder: await rig.abandon() });
  void cut;
  assert.equal((await rig.invoke('warm', {})).result, result);
  const again = await rig.invoke('left', { wait: 19_900 });
  assert.equal(again.error, undefined);
});

test('a function does not see the server: its code is read-only, other folders are not there', async () => {
  const host = mkdtempSync(join(tmpdir(), 'slipway-host-'));
  writeFileSync(join(host, 'secret'), 'x');
  const code = `
import os
def handler(event, context):
    try: open("/var/task/new", "w"); wrote = True
    except OSError: wrote = False
    open("/tmp/scratch", "w").write("may be written")
    return {"wrote": wrote, "host": os.path.exists(event["host"])}`;
  await rig.create('inside', code);
  assert.deepEqual((await rig.invoke('inside', { host: join(host, 'secret') })).result, { wrote: false, host: false });
  assert.ok(existsSync(join(host, 'secret')) && readFileSync(join(host, 'secret'), 'utf8') === 'x');
  rmSync(host, { recursive: true });
});

test("a service that the function's policy names may have it run for its own resource, whoever it acts for", async () => {
  await rig.create('hears', 'def handler(event, context): return 1');
  const Source = { service: 's3.amazonaws.com', arn: 'arn:aws:s3:::bucket', account: '123456789012' };
  const told = (more: object) => rig.invoke('hears', {}, { InvocationType: 'Event', ...more }, user('guest'));
  const denied = refusal('AccessDeniedException', /not authorized to perform: lambda:InvokeFunction/);
  await assert.rejects(told({ Source }), denied);
  await rig.call('lambda:AddPermission', {
    FunctionName: 'hears',
    StatementId: 's3',
    Action: 'lambda:InvokeFunction',
    Principal: 's3.amazonaws.com',
    SourceArn: Source.arn,
    SourceAccount: Source.account,
  });
  assert.equal((await told({ Source })).status, 202);
  await assert.rejects(told({ Source: { ...Source, arn: 'arn:aws:s3:::other' } }), denied);
  await assert.rejects(told({ Source: { ...Source, service: 'events.amazonaws.com' } }), denied);
  await assert.rejects(told({}), denied);
});

test('a client context may hold any character, of both kinds of functions', async () => {
  const custom = { text: 'ü € \u{1F600} "quoted" \\ \u0001', 'line\nbreak': '\n' };
  const context = Buffer.from(JSON.stringify({ custom }, undefined, 2)).toString('base64');
  await rig.create('told', 'def handler(event, context): return context.client_context.custom');
  await rig.call('lambda:CreateFunction', {
    FunctionName: 'told-too',
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Role: ROLE,
    Code: { ZipFile: zipOf({ 'index.js': 'exports.handler = async (event, context) => context.clientContext.custom' }) },
  });
  for (const name of ['told', 'told-too']) {
    const { error, result } = await rig.invoke(name, {}, { ClientContext: context });
    assert.deepEqual([error, result], [undefined, custom], name);
  }
});

test('what a job has set of a function stays a restriction until someone else sets it anew, whoever brings the code', async () => {
  const job = { ...user('admin'), sessionPolicy: JOB_SESSION_POLICY };
  const one = { FunctionName: 'approver' };
  const code = (n: number) => ({ ...one, ZipFile: zipOf({ 'app.py': `def handler(event, context): return ${n}` }) });
  const Variables = { NODE_OPTIONS: '--import=data:text/javascript,1' };
  const actsAs = async (result: number) => {
    assert.equal((await rig.invoke('approver')).result, result);
    return rig.accesses.at(-1)?.kind;
  };
  await rig.create('approver', 'def handler(event, context): return 1');
  assert.equal(await actsAs(1), 'function');
  await rig.call('lambda:UpdateFunctionConfiguration', { ...one, Environment: { Variables } }, job);
  assert.equal(await actsAs(1), 'function-of-job');
  await rig.call('lambda:UpdateFunctionCode', code(2));
  assert.equal(await actsAs(2), 'function-of-job');
  await rig.call('lambda:UpdateFunctionConfiguration', { ...one, Timeout: 10 });
  assert.equal(await actsAs(2), 'function-of-job');
  await rig.call('lambda:UpdateFunctionConfiguration', { ...one, Handler: 'app.handler', Environment: { Variables: {} } });
  assert.equal(await actsAs(2), 'function');
  await rig.call('lambda:UpdateFunctionCode', code(3), job);
  assert.equal(await actsAs(3), 'function-of-job');
  await rig.call('lambda:UpdateFunctionCode', code(4));
  assert.equal(await actsAs(4), 'function');
});

test('without isolation functions run too, of both kinds, and their log says so', async () => {
  const plain = await FunctionsRig.start({ sandbox: 'plain' });
  try {
    await plain.create(
      'bare',
      'import os\ndef handler(event, context): return os.path.isfile(os.environ["LAMBDA_TASK_ROOT"] + "/app.py")',
    );
    assert.equal((await plain.invoke('bare', {})).result, true);
    const code = { ZipFile: zipOf({ 'index.js': 'exports.handler = async (event) => event.a + 1' }) };
    await plain.call('lambda:UpdateFunctionCode', { FunctionName: 'bare', ...code });
    await plain.call('lambda:UpdateFunctionConfiguration', {
      FunctionName: 'bare',
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
    });
    assert.equal((await plain.invoke('bare', { a: 1 })).result, 2);
    const group = { logGroupName: '/aws/lambda/bare' };
    const { logStreams = [] } = await plain.call('logs:DescribeLogStreams', group);
    const { events = [] } = await plain.call('logs:GetLogEvents', {
      ...group,
      logStreamName: logStreams[0]?.logStreamName ?? '',
    });
    assert.ok(events.some(({ message }) => message?.includes('NOT ISOLATED')));
  } finally {
    await plain.close();
  }
});

test('killed before and after every commit and effect of a recorded invocation: the function runs exactly once', async () => {
  const folder = await rig.stop();
  const runs = () => readdirSync(join(folder, 'runs')).filter((name) => name.startsWith('function-'));
  // each death meets a function without environments
  const anew = async (dieAt: number) => {
    rig = await FunctionsRig.start({ folder });
    await rig.call('lambda:DeleteFunction', { FunctionName: 'once' }).catch(() => undefined);
    await until(async () =>
      (await rig.store.timers({ limit: 1000 })).every(({ reconciler }) => reconciler !== 'function-environment'),
    );
    assert.deepEqual(runs(), []);
    await rig.create('once', TOLD);
    await until(async () => (await rig.call('lambda:GetFunctionConfiguration', { FunctionName: 'once' })).State === 'Active');
    await rig.stop();
    rig = await FunctionsRig.start({ folder, dieAt });
  };
  const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
  let steps = 0;
  for (let dieAt = 1; ; dieAt += 1) {
    await anew(dieAt);
    const RequestId = uuid(dieAt);
    const call = rig.invoke('once', {}, { RequestId }).then(() => rig.ended('once', RequestId));
    await Promise.race([call, rig.death.happened]);
    const survived = !rig.death.isDead;
    steps = rig.death.steps;
    await rig.abandon();
    call.catch(() => undefined); // it asks a store that is closed
    rig = await FunctionsRig.start({ folder });
    await rig.invoke('once', {}, { RequestId }); // as a pipeline does after its own restart
    const { error, result } = await rig.ended('once', RequestId);
    assert.deepEqual([error, (result as { ran?: string }).ran], [undefined, RequestId], `killed at ${dieAt}`);
    // the log is written by another process than the answer
    await until(async () => (await begins('once', RequestId)) > 0);
    assert.equal(await begins('once', RequestId), 1, `killed at ${dieAt}`);
    await rig.stop();
    if (survived) break;
  }
  assert.ok(steps >= 8, 'row, environment, start, running, end');
  rig = await FunctionsRig.start({ folder });
});
