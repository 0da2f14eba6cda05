import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AwsClient } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { BUCKET, endOfScript, lineOfScript, startScript, until } from '../harness/script-job.ts';
import { connectionOf } from './kill-rig.ts';
import { serveModel } from './model-endpoint.ts';
import { descendantsOf, isRunning, liveWork, ServerProcess } from './server-process.ts';
import { JOB_SCRIPT, JOB_SCRIPT_KEY, processingArguments, ROLE, seededRandom } from './workload.ts';

const WAITING = "print('running', flush=True)\nimport time\nwhile True: time.sleep(0.05)\n";
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);

const routerOf = (folder: string): number =>
  (JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { routerPid: number }).routerPid;

suite(`start and stop; CRASH_SEED=${seed}`, () => {
  const folders: string[] = [];
  const random = seededRandom(seed);
  const servers: ServerProcess[] = [];
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-start-'));
    folders.push(folder);
  });
  after(async () => {
    for (const server of servers) if (server.running) await server.end('SIGUSR2'); // of a test that failed
    for (const path of folders) rmSync(path, { recursive: true, force: true });
  });

  /** Starts until it listens. */
  const start = async (...args: string[]) => {
    const server = new ServerProcess(folder, args);
    servers.push(server);
    await server.url();
    return { server, aws: new AwsClient(connectionOf(folder)) };
  };

  test('killed anywhere in its first start, a folder still starts', async () => {
    for (let n = 0; n < 8; n += 1) {
      const killed = new ServerProcess(folder);
      await Promise.race([delay(random() * 1_200), killed.listening]);
      await killed.end('SIGKILL');
    }
    const { server, aws } = await start();
    await startScript(aws, 'first', "print('ran')");
    assert.equal((await endOfScript(aws, 'first')).ProcessingJobStatus, 'Completed');
    assert.equal((await slipway(['audit', 'verify', '--data', folder])).code, 0);
    assert.equal(await server.end('SIGUSR2'), 0);
  });

  test('told to stop anywhere in its start, it ends in order and leaves no router', async () => {
    const { server } = await start();
    await server.end('SIGTERM');
    for (let n = 0; n < 6; n += 1) {
      const told = new ServerProcess(folder);
      await Promise.race([delay(random() * 1_200), told.listening]);
      const code = await told.end('SIGTERM');
      // before Node.js runs our code at all, the signal ends it as it ends any program
      assert.ok(code === 0 || code === null, `exit ${code}:\n${told.log()}`);
      await until(
        'the end of the router',
        () => isRunning(routerOf(folder)),
        (running) => !running,
      );
    }
  });

  test('killed while it stops, the next start has everything again', async () => {
    const first = await start();
    await serveModel(first.aws, 'kept');
    await startScript(first.aws, 'long', WAITING);
    await lineOfScript(first.aws, 'long', 'running');
    let { server } = first;
    for (let n = 0; n < 5; n += 1) {
      process.kill(server.pid, 'SIGTERM');
      await delay(random() * 400);
      await server.end('SIGKILL');
      server = new ServerProcess(folder);
      await server.url();
    }
    await until(
      'a prediction',
      () => first.aws.invoke('kept', 'again').catch((error: Error) => error.message),
      (answer) => answer === 'kept again',
    );
    const job = await first.aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'long' });
    assert.equal(job.ProcessingJobStatus, 'InProgress');
    assert.equal(await server.end('SIGUSR2'), 0);
  });

  test('SIGTERM leaves jobs running and says how many; the next start adopts them', async () => {
    const { server, aws } = await start();
    await startScript(aws, 'left', WAITING);
    await lineOfScript(aws, 'left', 'running');
    await startScript(aws, 'also', WAITING);
    await lineOfScript(aws, 'also', 'running');
    const work = await until(
      'two jobs',
      () => liveWork(folder, 'job'),
      (live) => live.length === 2,
    );
    assert.equal(await server.end('SIGTERM'), 0);
    assert.match(server.log(), /"jobs":2,"msg":"Jobs that run on without the server\."/);
    assert.equal(isRunning(routerOf(folder)), false);
    assert.deepEqual(liveWork(folder, 'job'), work);
    const next = await start();
    assert.deepEqual(liveWork(folder, 'job'), work);
    await next.aws.call('sagemaker:StopProcessingJob', { ProcessingJobName: 'left' });
    assert.equal((await endOfScript(next.aws, 'left')).ProcessingJobStatus, 'Stopped');
    const down = await slipway(['down', '--data', folder]);
    assert.match(down.stdout, /1 unfinished job\(s\) stay: .*: also/);
    assert.equal(await next.server.ended(), 0);
    const last = await start('--stop-jobs');
    assert.equal(await last.server.end('SIGTERM'), 0);
    assert.deepEqual(liveWork(folder, 'job'), []);
    const after = await start();
    const { ProcessingJobStatus } = await after.aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'also' });
    assert.equal(ProcessingJobStatus, 'Stopped');
    await after.server.end('SIGTERM');
  });

  test('a job that waits for its turn is not counted as running', async () => {
    const { server, aws } = await start();
    for (let n = 0; n < 4; n += 1) await startScript(aws, `turn-${n}`, WAITING);
    const running = await until(
      'as many jobs as fit',
      () => liveWork(folder, 'job'),
      (live) => live.length >= 2,
    );
    await server.end('SIGTERM');
    const said = /"jobs":(\d+),"msg":"Jobs that run on/.exec(server.log())?.[1];
    assert.equal(Number(said), liveWork(folder, 'job').length, `${running.length} ran`);
    const { server: next } = await start();
    assert.equal(await next.end('SIGUSR2'), 0);
    assert.deepEqual(liveWork(folder, 'job'), []);
  });

  test('down --jobs ends running jobs as Stopped, those that wait too, and nothing starts in their place', async () => {
    const { server, aws } = await start();
    for (let n = 0; n < 4; n += 1) await startScript(aws, `ended-${n}`, WAITING);
    const work = await until(
      'jobs',
      () => liveWork(folder, 'job'),
      (live) => live.length >= 2,
    );
    const processes = work.flatMap(({ pid }) => descendantsOf(pid));
    const down = await slipway(['down', '--jobs', '--data', folder]);
    assert.equal(down.code, 0, down.stderr);
    assert.equal(await server.ended(), 0);
    assert.deepEqual(processes.filter(isRunning), []);
    assert.deepEqual(liveWork(folder, 'job'), []);
    const next = await start();
    for (let n = 0; n < 4; n += 1) {
      const job = await next.aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: `ended-${n}` });
      assert.equal(job.ProcessingJobStatus, 'Stopped', `ended-${n}`);
    }
    await next.server.end('SIGTERM');
  });

  test('down --jobs while a pipeline runs: its jobs end, and its further steps start nothing', async () => {
    const { server, aws } = await start();
    await aws.put(BUCKET, JOB_SCRIPT_KEY, JOB_SCRIPT);
    const steps = ['One', 'Two', 'Three', 'Four'].map((Name) => ({
      Name,
      Type: 'Processing',
      Arguments: processingArguments(['piped', 'Hold', '0']),
    }));
    await aws.call('sagemaker:CreatePipeline', {
      PipelineName: 'piped',
      RoleArn: ROLE,
      ClientRequestToken: 'piped'.repeat(8),
      PipelineDefinition: JSON.stringify({ Version: '2020-12-01', Metadata: {}, Parameters: [], Steps: steps }),
      ParallelismConfiguration: { MaxParallelExecutionSteps: 1 },
    });
    const { PipelineExecutionArn = '' } = await aws.call('sagemaker:StartPipelineExecution', {
      PipelineName: 'piped',
      ClientRequestToken: 'started'.repeat(6),
    });
    await until(
      'the first job',
      () => liveWork(folder, 'job'),
      (live) => live.length === 1,
    );
    const down = await slipway(['down', '--jobs', '--data', folder]);
    assert.equal(down.code, 0, down.stderr);
    assert.equal(await server.ended(), 0);
    assert.deepEqual(liveWork(folder, 'job'), []);
    const started = () => readdirSync(join(folder, 'runs/.records')).filter((name) => name.endsWith('.started'));
    assert.equal(started().length, 1, 'no further step was started');
    // the execution itself was not stopped: the next start goes on with it
    const next = await start();
    await until('the next step', started, (names) => names.length === 2);
    const { PipelineExecutionSteps = [] } = await next.aws.call('sagemaker:ListPipelineExecutionSteps', { PipelineExecutionArn });
    assert.match(PipelineExecutionSteps.find(({ StepName }) => StepName === 'One')?.FailureReason ?? '', /was stopped/);
    await next.aws.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn, ClientRequestToken: 'stopped'.repeat(6) });
    await until(
      'the end of the execution',
      () => next.aws.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn }),
      ({ PipelineExecutionStatus }) => PipelineExecutionStatus === 'Stopped',
    );
    assert.equal(await next.server.end('SIGUSR2'), 0);
  });

  test('of two servers started at once on a fresh folder one listens, the other exits 2 and says why', async () => {
    const both = [new ServerProcess(folder), new ServerProcess(folder)];
    const urls = await Promise.all(both.map((server) => server.listening));
    const winner = both[urls.findIndex((url) => url !== undefined)];
    const loser = both[urls.indexOf(undefined)];
    assert.ok(winner && loser, urls.join(' '));
    assert.equal(await loser.ended(), 2);
    assert.match(loser.log(), /is in use by another server/);
    assert.match(loser.log(), /slipway down --data/);
    assert.equal(await winner.end('SIGTERM'), 0);
  });

  test('a server whose log nobody reads any more goes on', async () => {
    const { server, aws } = await start();
    server.closeLog();
    for (let n = 0; n < 3; n += 1) {
      const killed = routerOf(folder);
      process.kill(killed, 'SIGKILL'); // of which the server writes to its log
      await until(
        'another router',
        () => routerOf(folder),
        (pid) => pid !== killed || !server.running,
      );
    }
    assert.ok(server.running);
    await aws.put(BUCKET, 'still', 'there');
    assert.equal(await server.end('SIGTERM'), 0);
  });
});
