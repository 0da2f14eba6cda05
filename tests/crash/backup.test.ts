import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, suite, test } from 'node:test';
import { AwsClient } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { BUCKET, endOfScript, lineOfScript, ROLE, startScript, until } from '../harness/script-job.ts';
import { CLI } from '../harness/server.ts';
import { connectionOf } from './kill-rig.ts';
import { serveModel } from './model-endpoint.ts';
import { isRunning, liveWork, ServerProcess } from './server-process.ts';

const WAITING = "print('running', flush=True)\nimport time\nwhile True: time.sleep(0.05)\n";
const GROUP = 'versions';

/** A data folder is backed up while its server works, and made anew elsewhere. */
suite('backup and restore', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-backup-'));
  const inScratch = (name: string) => join(scratch, name);
  const folder = inScratch('data');
  let server: ServerProcess;
  let aws: AwsClient;

  before(async () => {
    server = new ServerProcess(folder);
    await server.url();
    aws = new AwsClient(connectionOf(folder));
    await serveModel(aws, 'kept');
    await aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: GROUP });
  });
  after(async () => {
    await server.end('SIGUSR2');
    rmSync(scratch, { recursive: true, force: true });
  });

  /** A client that writes until it is told to stop; `acknowledged` grows with every answer. */
  function writing() {
    const acknowledged: { key: string; text: string; version: string; approval: string }[] = [];
    let going = true;
    const done = (async () => {
      for (let n = 0; going; n += 1) {
        const [key, text] = [`load/${n}`, `content ${n} ${'x'.repeat(n * 100)}`];
        await aws.put(BUCKET, key, text);
        const { ModelPackageArn: version = '' } = await aws.call('sagemaker:CreateModelPackage', {
          ModelPackageGroupName: GROUP,
        });
        const approval = n % 2 === 0 ? 'Approved' : 'Rejected';
        await aws.call('sagemaker:UpdateModelPackage', { ModelPackageArn: version, ModelApprovalStatus: approval });
        acknowledged.push({ key, text, version, approval });
      }
    })();
    const stop = () => {
      going = false;
      return done;
    };
    return { acknowledged, stop };
  }

  /** A command of ours once `trace` is there: it is under way, and not done. */
  async function begun(words: readonly string[], trace: string) {
    const child = spawn(process.execPath, [CLI, ...words], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (child.exitCode === null && !existsSync(trace)) await turn();
    return { child, ended: async () => (await ended)[0] as number | null };
  }

  /** What a restore that is killed leaves is no data folder, and the next one is not in its way. */
  async function aRestoreKilled(backup: string): Promise<void> {
    let place = '';
    // one that is killed too late is whole
    for (let tries = 0; place === '' || (tries < 20 && existsSync(place)); tries += 1) {
      place = inScratch(`place-${tries}`);
      const { child, ended } = await begun(['restore', backup, '--data', place], `${place}.restoring`);
      child.kill('SIGKILL');
      await ended();
    }
    assert.deepEqual([existsSync(place), existsSync(`${place}.restoring`)], [false, true]);
    const again = await slipway(['restore', backup, '--data', place]);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(existsSync(`${place}.restoring`), false);
    assert.equal((await slipway(['audit', 'verify', '--data', place])).code, 0);
  }

  const begunBackup = (target: string) => begun(['backup', target, '--data', folder], join(target, 'backup.unfinished'));

  test('under load: all that was acknowledged before is there, jobs of then are lost, the endpoint answers, the ledger holds', async () => {
    await startScript(aws, 'ran-then', WAITING);
    await lineOfScript(aws, 'ran-then', 'running');
    await aws.call('sagemaker:CreateTrainingJob', {
      TrainingJobName: 'retried',
      RoleArn: ROLE,
      AlgorithmSpecification: {
        TrainingImage: 'python:3.11',
        TrainingInputMode: 'File',
        ContainerEntrypoint: ['python3', '-c', 'import time; time.sleep(600)'],
      },
      OutputDataConfig: { S3OutputPath: `s3://${BUCKET}/trained` },
      ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 },
      StoppingCondition: { MaxRuntimeInSeconds: 600 },
      RetryStrategy: { MaximumRetryAttempts: 1 },
    });
    const live = (name: string) => liveWork(folder, 'job').find(({ id }) => id.includes(name));
    await until('the process of the training job', () => live('retried'), Boolean);
    const load = writing();
    await until(
      'a client at work',
      () => load.acknowledged.length,
      (count) => count >= 20,
    );
    const before = [...load.acknowledged];
    const made = await slipway(['backup', inScratch('loaded'), '--data', folder]);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /ledger verified: \d+ entries/);
    await load.stop();
    assert.ok(load.acknowledged.length > before.length, 'the client was served meanwhile');

    const elsewhere = inScratch('elsewhere');
    const restored = await slipway(['restore', inScratch('loaded'), '--data', elsewhere]);
    assert.equal(restored.code, 0, restored.stderr);
    const other = new ServerProcess(elsewhere);
    try {
      await other.url();
      const there = new AwsClient(connectionOf(elsewhere));
      for (const { key, text, version, approval } of before) {
        assert.equal((await there.get(BUCKET, key)).toString(), text);
        const { ModelApprovalStatus } = await there.call('sagemaker:DescribeModelPackage', { ModelPackageName: version });
        assert.equal(ModelApprovalStatus, approval);
      }
      const { ProcessingJobStatus, FailureReason } = await endOfScript(there, 'ran-then');
      assert.equal(ProcessingJobStatus, 'Failed');
      assert.match(FailureReason ?? '', /^InternalServerError: The server was restored from a backup of 20/);
      await until(
        'the second attempt of the job that may have one',
        () => there.call('sagemaker:DescribeTrainingJob', { TrainingJobName: 'retried' }),
        ({ SecondaryStatusTransitions = [] }) =>
          SecondaryStatusTransitions.some(({ StatusMessage }) => /restored from a backup/.test(StatusMessage ?? '')),
      );
      const answer = await until('a prediction', () => there.invoke('kept', 'there').catch(() => undefined), Boolean);
      assert.equal(answer, 'kept there');
      const { EndpointStatus } = await there.call('sagemaker:DescribeEndpoint', { EndpointName: 'kept' });
      assert.equal(EndpointStatus, 'InService');
      assert.equal((await slipway(['audit', 'verify', '--data', elsewhere])).code, 0);
    } finally {
      await other.end('SIGUSR2');
    }
    const first = live('ran-then');
    assert.ok(first && isRunning(first.pid), 'the job of the first server runs on');
    assert.equal(await aws.invoke('kept', 'here'), 'kept here');
    assert.deepEqual(
      other
        .log()
        .split('\n')
        .filter((line) => /"level":50/.test(line)),
      [],
    );
  });

  test('killed on the way: what is left says that it is no backup, and the server knows nothing of it', async () => {
    let target = '';
    // one that is killed too late is whole
    for (let tries = 0; target === '' || (tries < 20 && existsSync(join(target, 'backup.json'))); tries += 1) {
      target = inScratch(`killed-${tries}`);
      const { child, ended } = await begunBackup(target);
      child.kill('SIGKILL');
      await ended();
    }
    const restored = await slipway(['restore', target, '--data', inScratch('none')]);
    assert.equal(restored.code, 1);
    assert.match(restored.stderr, /it is no whole backup/);
    assert.equal(existsSync(inScratch('none')), false);
    const again = await slipway(['backup', target, '--data', folder]);
    assert.deepEqual([again.code, /not finished: remove it first/.test(again.stderr)], [2, true]);
    await aws.put(BUCKET, 'after', 'after');
    assert.equal((await aws.get(BUCKET, 'after')).toString(), 'after');
  });

  test('the server is killed while it is backed up: the backup is whole, and so is the folder', async () => {
    const target = inScratch('outlived');
    await aws.put(BUCKET, 'last', 'acknowledged before');
    const { ended } = await begunBackup(target);
    await server.end('SIGKILL');
    assert.equal(await ended(), 0);
    const checked = await slipway(['restore', target, '--check']);
    assert.equal(checked.code, 0, checked.stderr);
    await aRestoreKilled(target);
    // nothing runs for the folder now: a backup needs no server
    const idle = await slipway(['backup', inScratch('idle'), '--data', folder]);
    assert.equal(idle.code, 0, idle.stderr);
    server = new ServerProcess(folder);
    await server.url();
    aws = new AwsClient(connectionOf(folder));
    assert.equal((await aws.get(BUCKET, 'last')).toString(), 'acknowledged before');
  });
});
