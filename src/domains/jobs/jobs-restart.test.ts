import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ACCOUNT, BUCKET, JobsRig, REGION, s3Output } from './jobs-rig.ts';

const workFolders = (rig: JobsRig): string[] => readdirSync(join(rig.folder, 'runs')).filter((name) => !name.startsWith('.'));

/** Runs until the test puts a file named `go` into its tree. */
const PATIENT = `
import os, time
print('started', flush=True)
while not os.path.exists('/opt/ml/go'): time.sleep(0.02)
open('/opt/ml/processing/out/result', 'w').write('done')`;

const OUTPUT = { ProcessingOutputConfig: { Outputs: [s3Output('out', `s3://${BUCKET}/patient`, '/opt/ml/processing/out')] } };

test('a job outlives its server: the next one adopts it, writes its outputs and starts nothing twice', async () => {
  const first = await JobsRig.start();
  await first.process('patient', PATIENT, OUTPUT);
  await first.processing('patient', ({ ProcessingStartTime }) => ProcessingStartTime !== undefined);
  const [workId = ''] = workFolders(first);
  const claim = first.claim(workId);
  const second = await JobsRig.start({ folder: await first.abandon() });
  assert.equal(
    (await second.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'patient' })).ProcessingJobStatus,
    'InProgress',
  );
  writeFileSync(join(second.folder, 'runs', workId, 'ml/go'), '');
  assert.equal((await second.processing('patient')).ProcessingJobStatus, 'Completed');
  assert.equal(second.claim(workId), claim);
  assert.deepEqual(
    (await second.log('ProcessingJobs', 'patient')).filter((line) => line === 'started'),
    ['started'],
  );
  assert.deepEqual(await second.keys('patient'), ['patient/result']);
  await second.close();
});

test('a job that ended while no server lived is finished by the next', async () => {
  const first = await JobsRig.start();
  await first.process('meanwhile', PATIENT, OUTPUT);
  await first.processing('meanwhile', ({ ProcessingStartTime }) => ProcessingStartTime !== undefined);
  const [workId = ''] = workFolders(first);
  const folder = await first.abandon();
  writeFileSync(join(folder, 'runs', workId, 'ml/go'), '');
  while (!existsSync(join(folder, 'runs/.records', `${workId}.ended`))) await new Promise(setImmediate);
  const second = await JobsRig.start({ folder });
  const job = await second.processing('meanwhile');
  assert.equal(job.ProcessingJobStatus, 'Completed');
  assert.deepEqual(await second.keys('patient'), ['patient/result']);
  await second.close();
});

test('a stop that was acknowledged just before the end of the server is done by the next', async () => {
  const first = await JobsRig.start();
  await first.process('halted', 'import time; time.sleep(600)');
  await first.processing('halted', ({ ProcessingStartTime }) => ProcessingStartTime !== undefined);
  await first.loop.stop(); // nothing reconciles any more: only the row says it
  await first.call('sagemaker:StopProcessingJob', { ProcessingJobName: 'halted' });
  const second = await JobsRig.start({ folder: await first.abandon() });
  assert.equal((await second.processing('halted')).ProcessingJobStatus, 'Stopped');
  await second.close();
});

test("jobs beyond the host's capacity wait, say why, and go on in order; a waiting one can be stopped", async () => {
  const rig = await JobsRig.start({ capacity: { cpus: 1, memoryMiB: 1024 } });
  await rig.process('holder', PATIENT, OUTPUT);
  await rig.processing('holder', ({ ProcessingStartTime }) => ProcessingStartTime !== undefined);
  const [workId = ''] = workFolders(rig);
  await rig.train('waiting', 'print("my turn")');
  const waiting = await rig.training('waiting', ({ SecondaryStatus }) => SecondaryStatus === 'Pending');
  assert.ok((waiting.SecondaryStatusTransitions?.at(-1)?.StatusMessage?.length ?? 0) > 10);
  await rig.process('next', 'open("/opt/ml/output/message", "w").write("done")');
  const next = await rig.processing('next', ({ ExitMessage }) => ExitMessage !== undefined);
  assert.match(next.ExitMessage ?? '', /wait/i);
  assert.equal(next.ProcessingStartTime, undefined);
  await rig.process('unwanted', 'print("never")');
  await rig.processing('unwanted', ({ ExitMessage }) => ExitMessage !== undefined);
  await rig.call('sagemaker:StopProcessingJob', { ProcessingJobName: 'unwanted' });
  const unwanted = await rig.processing('unwanted');
  const { ProcessingJobStatus, ProcessingStartTime, ExitMessage } = unwanted;
  assert.deepEqual([ProcessingJobStatus, ProcessingStartTime, ExitMessage], ['Stopped', undefined, undefined]);
  writeFileSync(join(rig.folder, 'runs', workId, 'ml/go'), '');
  assert.equal((await rig.training('waiting')).TrainingJobStatus, 'Completed');
  assert.equal((await rig.processing('holder')).ProcessingJobStatus, 'Completed');
  const ran = await rig.processing('next');
  assert.deepEqual([ran.ProcessingJobStatus, ran.ExitMessage], ['Completed', 'done']);
  await rig.close();
});

test('after a restart running work counts before anything waiting is admitted', async () => {
  const first = await JobsRig.start({ capacity: { cpus: 1, memoryMiB: 1024 } });
  await first.process('holder', PATIENT, OUTPUT);
  await first.processing('holder', ({ ProcessingStartTime }) => ProcessingStartTime !== undefined);
  const [workId = ''] = workFolders(first);
  await first.train('waiting', 'print("my turn")');
  await first.training('waiting', ({ SecondaryStatus }) => SecondaryStatus === 'Pending');
  const second = await JobsRig.start({ folder: await first.abandon(), capacity: { cpus: 1, memoryMiB: 1024 } });
  await second.loop.idle();
  assert.deepEqual(workFolders(second), [workId]);
  writeFileSync(join(second.folder, 'runs', workId, 'ml/go'), '');
  assert.equal((await second.training('waiting')).TrainingJobStatus, 'Completed');
  await second.close();
});

test('a job made under a name just deleted keeps its timer, and so survives a death of the server', async () => {
  const rig = await JobsRig.start();
  try {
    await rig.loop.stop();
    const key = { account: ACCOUNT, region: REGION, kind: 'ProcessingJob', name: 'again' };
    const { get } = rig.store;
    let seen = false;
    rig.store.get = async (asked) => {
      const row = await get.call(rig.store, asked);
      if (seen || asked.kind !== key.kind) return row as never;
      seen = true;
      await rig.process('again', 'pass');
      return row as never; // what the reconciler saw: nothing yet
    };
    const reconciler = rig.room.reconcilers?.find(({ name }) => name === 'processing-job');
    await reconciler?.reconcile(key);
    const timers = await rig.store.timers({ limit: 100 });
    assert.ok(timers.some((timer) => timer.reconciler === 'processing-job' && timer.key.name === 'again'));
  } finally {
    await rig.close();
  }
});

test('a run handed over just before the server died is told to stop before its job is called Stopped', async () => {
  const rig = await JobsRig.start();
  try {
    await rig.loop.stop();
    await rig.process('handed-over', 'pass');
    const key = { account: ACCOUNT, region: REGION, kind: 'ProcessingJob', name: 'handed-over' };
    const { workId } = (await rig.store.get<{ workId: string }>(key))?.document ?? { workId: '' };
    // staged and submitted; the spawner of the dead server may still fork a supervisor for it
    mkdirSync(join(rig.folder, 'runs', workId));
    writeFileSync(join(rig.folder, 'runs', workId, 'plan.json'), '{}');
    await rig.call('sagemaker:StopProcessingJob', { ProcessingJobName: 'handed-over' });
    await rig.room.reconcilers?.find(({ name }) => name === 'processing-job')?.reconcile(key);
    const { ProcessingJobStatus } = await rig.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'handed-over' });
    assert.equal(ProcessingJobStatus, 'Stopped');
    assert.ok(existsSync(join(rig.folder, 'runs', workId, 'stop')));
  } finally {
    await rig.close();
  }
});

test('ending all jobs with the server settles every one of them', async () => {
  const rig = await JobsRig.start();
  await rig.process('one', 'import time; time.sleep(600)');
  await rig.train('two', 'import time; time.sleep(600)');
  await rig.processing('one', ({ ProcessingStartTime }) => ProcessingStartTime !== undefined);
  await rig.training('two', ({ SecondaryStatus }) => SecondaryStatus === 'Training');
  assert.equal(await rig.room.running(), 2);
  await rig.room.endAll(60_000);
  assert.equal(await rig.room.running(), 0);
  assert.equal((await rig.processing('one')).ProcessingJobStatus, 'Stopped');
  assert.equal((await rig.training('two')).TrainingJobStatus, 'Stopped');
  await rig.close();
});
