import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUCKET, JobsRig, s3Output, trainingJob } from './jobs-rig.ts';

let rig: JobsRig;
before(async () => {
  rig = await JobsRig.start();
  await rig.put('unrelated', '');
});
after(() => rig.close());

const checkpoints = (name: string) => ({ CheckpointConfig: { S3Uri: `s3://${BUCKET}/checkpoints/${name}` } });

/** Says what checkpoints it found, writes one more, and goes on until the test lets it end. */
const SAVER = `
import json, os, time
config = json.load(open('/opt/ml/input/config/checkpointconfig.json'))
found = sorted(os.listdir('/opt/ml/checkpoints'))
print(config['LocalPath'], found, flush=True)
open('/opt/ml/checkpoints/round-%d' % len(found), 'w').write('weights %d' % len(found))
while not os.path.exists('/opt/ml/go'): time.sleep(0.02)
open('/opt/ml/checkpoints/last', 'w').write('written at the end')`;

/** Waits for a state; looking is not for free. */
const until = async <T>(look: () => Promise<T>, is: (found: T) => boolean): Promise<T> => {
  for (;;) {
    const found = await look();
    if (is(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const letEnd = (server: JobsRig, work: string) => writeFileSync(join(server.folder, 'runs', work, 'ml/go'), '');
const modified = async (server: JobsRig, key: string) =>
  (await server.call('s3:HeadObject', { Bucket: BUCKET, Key: key })).LastModified;

test('checkpoints are in S3 while the job runs, and the next job begins with them', async () => {
  await rig.train('saves', SAVER, checkpoints('a'));
  await until(
    () => rig.keys('checkpoints/a/'),
    (keys) => keys.includes('checkpoints/a/round-0'),
  );
  const running = await rig.call('sagemaker:DescribeTrainingJob', { TrainingJobName: 'saves' });
  assert.equal(running.TrainingJobStatus, 'InProgress');
  letEnd(rig, rig.works('training-job-saves-', ''));
  const job = await rig.training('saves');
  assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  assert.deepEqual(await rig.keys('checkpoints/a/'), ['checkpoints/a/last', 'checkpoints/a/round-0']);
  const before = await modified(rig, 'checkpoints/a/round-0');
  await rig.train('goes-on', SAVER, checkpoints('a'));
  await until(
    () => rig.keys('checkpoints/a/'),
    (keys) => keys.includes('checkpoints/a/round-2'),
  );
  letEnd(rig, rig.works('training-job-goes-on-', ''));
  assert.equal((await rig.training('goes-on')).TrainingJobStatus, 'Completed');
  assert.ok((await rig.log('TrainingJobs', 'goes-on')).includes("/opt/ml/checkpoints ['last', 'round-0']"));
  assert.equal(String(await rig.get('checkpoints/a/round-2')), 'weights 2');
  assert.equal(await modified(rig, 'checkpoints/a/round-0'), before, 'what S3 has already is not written again');
});

test('after a kill of the server the next one goes on: nothing is lost, nothing is written twice', async () => {
  const first = await JobsRig.start();
  await first.put('unrelated', '');
  await first.train('outlives', SAVER, checkpoints('b'));
  await until(
    () => first.keys('checkpoints/b/'),
    (keys) => keys.length === 1,
  );
  const before = await modified(first, 'checkpoints/b/round-0');
  const work = first.works('training-job-outlives-', '');
  const folder = await first.abandon();
  writeFileSync(join(folder, 'runs', work, 'ml/checkpoints/while-dead'), 'kept');
  const second = await JobsRig.start({ folder });
  await until(
    () => second.keys('checkpoints/b/'),
    (keys) => keys.includes('checkpoints/b/while-dead'),
  );
  assert.equal(await modified(second, 'checkpoints/b/round-0'), before);
  letEnd(second, work);
  assert.equal((await second.training('outlives')).TrainingJobStatus, 'Completed');
  assert.deepEqual(
    (await second.keys('checkpoints/b/')).map((key) => key.slice('checkpoints/b/'.length)),
    ['last', 'round-0', 'while-dead'],
  );
  await second.close();
});

test('a job that is begun anew goes on from the checkpoints of the attempt that was lost', async () => {
  await rig.train('anew', SAVER, { ...checkpoints('c'), RetryStrategy: { MaximumRetryAttempts: 3 } });
  await rig.training('anew', ({ TrainingStartTime }) => TrainingStartTime !== undefined);
  const work = rig.works('training-job-anew-', '');
  const file = join(rig.folder, 'runs', work, 'ml/checkpoints/round-0');
  await until(
    async () => existsSync(file),
    (found) => found,
  );
  process.kill(Number(rig.claim(work).split(' ')[0]), 'SIGKILL');
  const again = await rig.training('anew', () => rig.works('training-job-anew-', '-r1') !== '');
  assert.equal(again.TrainingJobStatus, 'InProgress');
  await until(
    () => rig.log('TrainingJobs', 'anew'),
    (lines) => lines.includes("/opt/ml/checkpoints ['round-0']"),
  );
  letEnd(rig, rig.works('training-job-anew-', '-r1'));
  assert.equal((await rig.training('anew')).TrainingJobStatus, 'Completed');
});

test('continuous outputs of a processing job are in S3 while it runs, and as they were left when it fails', async () => {
  const out = s3Output('out', `s3://${BUCKET}/continuous`, '/opt/ml/processing/out');
  await rig.process(
    'continuous',
    `
import os, sys, time
open('/opt/ml/processing/out/first', 'w').write('early')
while not os.path.exists('/opt/ml/go'): time.sleep(0.02)
open('/opt/ml/processing/out/first', 'a').write(' and late')
sys.exit(1)`,
    { ProcessingOutputConfig: { Outputs: [{ ...out, S3Output: { ...out.S3Output, S3UploadMode: 'Continuous' } }] } },
  );
  await until(
    () => rig.keys('continuous/'),
    (keys) => keys.length === 1,
  );
  assert.equal(String(await rig.get('continuous/first')), 'early');
  letEnd(rig, rig.works('processing-job-continuous-', ''));
  assert.equal((await rig.processing('continuous')).ProcessingJobStatus, 'Failed');
  assert.equal(String(await rig.get('continuous/first')), 'early and late');
});

test('checkpoints in a bucket that does not exist fail the job; places that belong to others are refused at once', async () => {
  await rig.train('refused', 'open("/opt/ml/checkpoints/x", "w").write("x")', {
    CheckpointConfig: { S3Uri: 's3://no-such-bucket/x' },
  });
  const job = await rig.training('refused');
  assert.equal(job.TrainingJobStatus, 'Failed');
  assert.match(job.FailureReason ?? '', /^ClientError: .*s3:\/\/no-such-bucket\/x .*bucket does not exist/);
  for (const LocalPath of ['/opt/ml/model/deep', '/opt/ml/input', '/tmp/checkpoints', '/opt/ml']) {
    await assert.rejects(
      rig.call(
        'sagemaker:CreateTrainingJob',
        trainingJob('place', { CheckpointConfig: { S3Uri: `s3://${BUCKET}/x`, LocalPath } }),
      ),
      { code: 'ValidationException' },
    );
  }
});

test('a job that keeps changing its files is followed all the same', async () => {
  await rig.train(
    'restless',
    `
import os, shutil, time
os.chdir('/opt/ml/checkpoints')
open('steady', 'w').write('x')
number = 0
while not os.path.exists('/opt/ml/go'):
    number += 1
    os.makedirs('deep/%d' % number); open('deep/%d/part' % number, 'w').write('x')
    open('growing', 'a').write('x')
    if number % 50 == 0: shutil.rmtree('deep')`,
    checkpoints('restless'),
  );
  await until(
    () => rig.keys('checkpoints/restless/'),
    (keys) => keys.includes('checkpoints/restless/steady'),
  );
  letEnd(rig, rig.works('training-job-restless-', ''));
  const job = await rig.training('restless');
  assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  assert.ok((await rig.keys('checkpoints/restless/')).includes('checkpoints/restless/growing'));
});
