import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AwsClient, Refused, Unanswered } from '../harness/aws-client.ts';
import { endOfScript, lineOfScript, startScript, until } from '../harness/script-job.ts';
import { connectionOf } from './kill-rig.ts';
import { serveModel } from './model-endpoint.ts';
import { childrenOf, descendantsOf, isRunning, type LiveWork, liveWork, ServerProcess } from './server-process.ts';

const WAITING = "print('running', flush=True)\nimport time\nwhile True: time.sleep(0.05)\n";

/** Each process of a server is killed on its own; the others see to it that nothing is lost but what it was doing. */
suite('one process killed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-processes-'));
  let server: ServerProcess;
  let aws: AwsClient;
  const serverRecord = () => JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { pid: number; routerPid: number };
  const spawner = () => childrenOf(server.pid).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('spawner.py'));

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

  /** A prediction as a client with retries gets it; every answer on the way is one that tells it to try again. */
  const predict = async (body: string, through: 'runtime' | 'main' = 'runtime') => {
    const refusals: string[] = [];
    const answer = await until(
      `a prediction for ${body}`,
      () =>
        aws.invoke('victim', body, through).catch((error: unknown) => {
          if (error instanceof Unanswered) return undefined;
          if (error instanceof Refused) refusals.push(`${error.status} ${error.code}`);
          return undefined;
        }),
      (found) => found !== undefined,
    );
    return { answer, refusals };
  };

  /** The log may be ahead of the record of the start. */
  const workOf = async (job: string): Promise<LiveWork> => {
    const find = () => liveWork(folder, 'job').find(({ id }) => id.includes(job));
    const found = await until(`the process of ${job}`, find, (work) => work !== undefined);
    return found as LiveWork;
  };

  test('the router: the server starts it again on the same port, and says so in server.json', async () => {
    const { routerPid } = serverRecord();
    process.kill(routerPid, 'SIGKILL');
    const { answer, refusals } = await predict('after the router');
    assert.equal(answer, 'victim after the router');
    assert.deepEqual(refusals, []); // on its own port there is no answer until it is back
    const after = await until('the new router pid', serverRecord, (record) => record.routerPid !== routerPid);
    assert.equal(after.pid, server.pid);
    assert.ok(isRunning(after.routerPid));
  });

  test('the router, asked through the main port: a clear 503 until it is back', async () => {
    process.kill(serverRecord().routerPid, 'SIGKILL');
    const { answer, refusals } = await predict('through the main port', 'main');
    assert.equal(answer, 'victim through the main port');
    assert.deepEqual(
      [...new Set(refusals)].filter((refusal) => refusal !== '503 ServiceUnavailable'),
      [],
    );
  });

  test('the router with requests in flight: they end with a broken connection or an answer, none hangs', async () => {
    const bodies = Array.from({ length: 20 }, (_, n) => `in flight ${n}`);
    // the one that the test before put in a dead one's place answers before its pid is on record
    const router = await until('the pid of the new router', () => serverRecord().routerPid, isRunning);
    const flights = bodies.map((body) => aws.invoke('victim', body).catch((error: Error) => error));
    process.kill(router, 'SIGKILL');
    for (const [n, outcome] of (await Promise.all(flights)).entries()) {
      assert.ok(outcome === `victim ${bodies[n]}` || outcome instanceof Unanswered, String(outcome));
    }
    assert.equal((await predict('again')).answer, 'victim again');
  });

  test('a model server: it is started again, the endpoint stays in service', async () => {
    const [work] = liveWork(folder, 'service');
    assert.ok(work);
    for (const pid of descendantsOf(work.pid)) process.kill(pid, 'SIGKILL');
    const { answer, refusals } = await predict('after the model server');
    assert.equal(answer, 'victim after the model server');
    assert.deepEqual(
      [...new Set(refusals)].filter((refusal) => !/^503 |^424 /.test(refusal)),
      [],
    );
    const { EndpointStatus } = await aws.call('sagemaker:DescribeEndpoint', { EndpointName: 'victim' });
    assert.equal(EndpointStatus, 'InService');
  });

  test("a model server's supervisor: the model server goes with it, another takes its place", async () => {
    const [work] = liveWork(folder, 'service');
    assert.ok(work);
    const orphans = descendantsOf(work.pid);
    process.kill(work.pid, 'SIGKILL');
    await until(
      'the end of what it supervised',
      () => orphans.filter(isRunning),
      (left) => left.length === 0,
    );
    assert.equal((await predict('after its supervisor')).answer, 'victim after its supervisor');
    const { EndpointStatus } = await aws.call('sagemaker:DescribeEndpoint', { EndpointName: 'victim' });
    assert.equal(EndpointStatus, 'InService');
  });

  test("a job's supervisor: nothing of the job runs on, and the job says that it was lost", async () => {
    await startScript(aws, 'unminded', WAITING);
    await lineOfScript(aws, 'unminded', 'running');
    const work = await workOf('unminded');
    const orphans = descendantsOf(work.pid);
    assert.ok(orphans.length > 0);
    process.kill(work.pid, 'SIGKILL');
    const job = await endOfScript(aws, 'unminded');
    assert.equal(job.ProcessingJobStatus, 'Failed');
    assert.match(job.FailureReason ?? '', /^InternalServerError: The process that minded the work vanished without a record/);
    assert.deepEqual(orphans.filter(isRunning), []);
  });

  test("a job's own process: the job fails with the exit code of the signal", async () => {
    await startScript(aws, 'shot', WAITING);
    await lineOfScript(aws, 'shot', 'running');
    const pid = descendantsOf((await workOf('shot')).pid).at(-1);
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    const job = await endOfScript(aws, 'shot');
    assert.equal(job.ProcessingJobStatus, 'Failed');
    assert.match(job.FailureReason ?? '', /^AlgorithmError: .*, exit code: 137$/s);
  });

  test('the spawner: running jobs do not notice, the next job starts', async () => {
    await startScript(aws, 'before', WAITING);
    await lineOfScript(aws, 'before', 'running');
    const first = spawner();
    assert.ok(first);
    process.kill(first, 'SIGKILL');
    await startScript(aws, 'afterwards', "print('ran')");
    assert.equal((await endOfScript(aws, 'afterwards')).ProcessingJobStatus, 'Completed');
    assert.notEqual(spawner(), first);
    const { ProcessingJobStatus } = await aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'before' });
    assert.equal(ProcessingJobStatus, 'InProgress');
    await aws.call('sagemaker:StopProcessingJob', { ProcessingJobName: 'before' });
    assert.equal((await endOfScript(aws, 'before')).ProcessingJobStatus, 'Stopped');
  });

  test('server and router together: the next start has both, on the same ports', async () => {
    const { routerPid } = serverRecord();
    process.kill(server.pid, 'SIGKILL');
    process.kill(routerPid, 'SIGKILL');
    await server.ended();
    server = new ServerProcess(folder);
    assert.equal(await server.url(), aws.options.url);
    assert.equal((await predict('after both')).answer, 'victim after both');
  });

  test('everything at once, as when the machine goes down: jobs are lost, the endpoint serves again', async () => {
    await startScript(aws, 'swept', WAITING);
    await lineOfScript(aws, 'swept', 'running');
    await workOf('swept');
    const { routerPid } = serverRecord();
    const work = [...liveWork(folder, 'job'), ...liveWork(folder, 'service')].map(({ pid }) => pid);
    // supervisors first: one that is left for a moment would record how its job ended
    for (const pid of [server.pid, routerPid, ...work, ...work.flatMap(descendantsOf)])
      if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    await server.ended();
    server = new ServerProcess(folder);
    await server.url();
    const job = await endOfScript(aws, 'swept');
    assert.equal(job.ProcessingJobStatus, 'Failed');
    assert.match(job.FailureReason ?? '', /^InternalServerError: /);
    assert.equal((await predict('after all')).answer, 'victim after all');
    assert.equal((await aws.call('sagemaker:DescribeEndpoint', { EndpointName: 'victim' })).EndpointStatus, 'InService');
  });
});
