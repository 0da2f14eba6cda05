import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectionOf } from '../crash/kill-rig.ts';
import { serveModel } from '../crash/model-endpoint.ts';
import { childrenOf, descendantsOf, isRunning, liveWork, ServerProcess } from '../crash/server-process.ts';
import { seededRandom } from '../crash/workload.ts';
import { AwsClient, Refused, Unanswered } from '../harness/aws-client.ts';
import { endOfScript, logOfScript, startScript, until } from '../harness/script-job.ts';

/** Each process beside the server is killed `CRASH_PROCESS_KILLS` times, at any step of what it does; `CRASH_SEED` repeats the moments. */
const kills = Number(process.env['CRASH_PROCESS_KILLS'] ?? 20);
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);

suite(`${kills} kills of each process beside the server; CRASH_SEED=${seed}`, () => {
  const random = seededRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-processes-'));
  let server: ServerProcess;
  let aws: AwsClient;
  before(async () => {
    server = new ServerProcess(folder);
    await server.url();
    aws = new AwsClient(connectionOf(folder));
    await serveModel(aws, 'victim');
  });
  after(async () => {
    await server.end('SIGUSR2');
    rmSync(folder, { recursive: true, force: true });
  });

  const router = (): number => (JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { routerPid: number }).routerPid;
  const predict = (client: AwsClient, endpoint: string, body: string) =>
    until(
      `a prediction for ${body}`,
      () =>
        client.invoke(endpoint, body).catch((error: unknown) => {
          if (error instanceof Unanswered || (error instanceof Refused && [424, 503].includes(error.status))) return undefined;
          throw error;
        }),
      (found) => found !== undefined,
    );

  test('the router, with requests in flight', async () => {
    for (let n = 0; n < kills; n += 1) {
      const pid = await until('the pid of a running router', router, isRunning);
      const bodies = Array.from({ length: 20 }, (_, at) => `${n} ${at}`);
      const flights = bodies.map((body) => aws.invoke('victim', body).catch((error: Error) => error));
      await delay(random() * 40);
      process.kill(pid, 'SIGKILL');
      for (const [at, outcome] of (await Promise.all(flights)).entries())
        assert.ok(outcome === `victim ${bodies[at]}` || outcome instanceof Unanswered, String(outcome));
      assert.equal(await predict(aws, 'victim', `after ${n}`), `victim after ${n}`);
    }
  });

  test('the router, while routes and identities are published: what was acknowledged holds at the next one', async () => {
    const value = (text: string, name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(text)?.[1] ?? '';
    for (let n = 0; n < kills; n += 1) {
      const pid = await until('the pid of a running router', router, isRunning);
      const UserName = `user-${n}`;
      await aws.query('iam', { Action: 'CreateUser', UserName });
      const PolicyDocument = JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'sagemaker:InvokeEndpoint', Resource: '*' }],
      });
      const made = aws.query('iam', { Action: 'CreateAccessKey', UserName });
      const allowed = aws.query('iam', { Action: 'PutUserPolicy', UserName, PolicyName: 'invokes', PolicyDocument });
      await delay(random() * 15);
      process.kill(pid, 'SIGKILL');
      const key = await made;
      await allowed;
      const credentials = { accessKeyId: value(key, 'AccessKeyId'), secretAccessKey: value(key, 'SecretAccessKey') };
      assert.equal(await predict(new AwsClient({ ...aws.options, credentials }), 'victim', `of ${n}`), `victim of ${n}`);
    }
  });

  test("a job's supervisor, at any of its steps", async () => {
    let lost = 0;
    for (let n = 0; n < kills; n += 1) {
      const name = `minded-${n}`;
      const script =
        "print('started', flush=True)\nimport time\ntime.sleep(0.2)\nopen('/opt/ml/processing/out/x', 'w').write('x')";
      await startScript(aws, name, script, { outputs: ['out'] });
      const run = await until(
        'its claim',
        () => readdirSync(join(folder, 'runs')).find((id) => id.includes(`${name}-`) && supervisorOf(id) !== 0),
        (id) => id !== undefined,
      );
      const pid = supervisorOf(run ?? '');
      await delay(random() * 600);
      const orphans = pid === 0 ? [] : descendantsOf(pid);
      if (pid !== 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
      const job = await endOfScript(aws, name);
      if (job.ProcessingJobStatus === 'Failed') {
        assert.match(job.FailureReason ?? '', /^InternalServerError: The process that minded the work vanished without a record/);
        lost += 1;
      } else assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
      const log = await logOfScript(aws, name).catch(() => ''); // of one that never got so far
      assert.ok(String(log).split('started').length <= 2, `${name} was started twice: ${String(log)}`);
      await until(
        'the end of what it supervised',
        () => orphans.filter(isRunning),
        (left) => left.length === 0,
      );
    }
    assert.ok(lost > 0, 'no kill met a supervisor');
  });

  /** 0: not claimed, or released. */
  function supervisorOf(run: string): number {
    try {
      return Number(readFileSync(join(folder, 'runs', run, 'claim'), 'utf8').split(' ')[0]);
    } catch {
      return 0; // not yet, or no more
    }
  }

  test('the spawner, while it starts jobs: each of them runs once', async () => {
    const spawner = () => childrenOf(server.pid).find((pid) => commandOf(pid).includes('spawner.py'));
    for (let n = 0; n < kills; n += 1) {
      const names = [`spawned-${n}-a`, `spawned-${n}-b`];
      const begun = names.map((name) => startScript(aws, name, "print('started', flush=True)"));
      await delay(random() * 150);
      const pid = spawner();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      await Promise.all(begun);
      for (const name of names) {
        const job = await endOfScript(aws, name);
        assert.equal(job.ProcessingJobStatus, 'Completed', `${name}: ${job.FailureReason}`);
        assert.equal(String(await logOfScript(aws, name)).split('started').length, 2, `${name} was not started once`);
      }
    }
  });

  function commandOf(pid: number): string {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return ''; // gone
    }
  }

  test('a model server and its supervisor, while they start and while they serve', async () => {
    const perEndpoint = 4; // each kill doubles the wait before the next start
    let others: string[] = [];
    for (let n = 0; n < kills; n += 1) {
      const name = `model-${Math.floor(n / perEndpoint)}`;
      if (n % perEndpoint === 0) {
        others = liveWork(folder, 'service').map(({ id }) => id);
        await serveModel(aws, name);
      }
      const known = others;
      const work = await until(
        'its process',
        () => liveWork(folder, 'service').find(({ id }) => !known.includes(id)),
        (found) => found !== undefined,
      );
      const flights = Array.from({ length: 5 }, (_, at) => aws.invoke(name, `${n} ${at}`).catch((error: Error) => error));
      await delay(random() * 100);
      const victims = work === undefined ? [] : n % 2 === 0 ? descendantsOf(work.pid) : [work.pid];
      for (const pid of victims) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
      for (const [at, outcome] of (await Promise.all(flights)).entries()) {
        const isTold = outcome instanceof Refused && [424, 503].includes(outcome.status);
        assert.ok(outcome === `${name} ${n} ${at}` || outcome instanceof Unanswered || isTold, String(outcome));
      }
      assert.equal(await predict(aws, name, `after ${n}`), `${name} after ${n}`);
      const { EndpointStatus } = await aws.call('sagemaker:DescribeEndpoint', { EndpointName: name });
      assert.equal(EndpointStatus, 'InService');
      if (n % perEndpoint === perEndpoint - 1) await aws.call('sagemaker:DeleteEndpoint', { EndpointName: name });
    }
  });
});
