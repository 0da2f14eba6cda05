import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUCKET, channel, JobsRig, s3Input } from './jobs-rig.ts';

let rig: JobsRig;
before(async () => {
  rig = await JobsRig.start();
  for (let n = 0; n < 4; n += 1) await rig.put(`parts/part-${n}.csv`, `${n}\n`);
});
after(() => rig.close());

test('a channel in Pipe mode: an epoch after the other, beside one with files', async () => {
  await rig.train(
    'piped',
    `
import json, os
print(json.load(open('/opt/ml/input/config/inputdataconfig.json'))['train']['TrainingInputMode'])
for epoch in range(3): print(open('/opt/ml/input/data/train_%d' % epoch).read().split())
print(os.path.exists('/opt/ml/input/data/train'))`,
    { InputDataConfig: [{ ...channel('train', `s3://${BUCKET}/parts/`), InputMode: 'Pipe' }] },
  );
  const job = await rig.training('piped');
  assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  const parts = "['0', '1', '2', '3']";
  assert.deepEqual((await rig.log('TrainingJobs', 'piped')).slice(-5), ['Pipe', parts, parts, parts, 'False']);
});

test('lines of an augmented manifest are shared by the hosts: objects and labels as records', async () => {
  await rig.put('images/0', 'zero');
  await rig.put('images/1', 'one');
  const lines = [0, 1, 0].map((n, line) => JSON.stringify({ 'image-ref': `s3://${BUCKET}/images/${n}`, label: { line } }));
  await rig.put('manifest', lines.join('\n'));
  await rig.train(
    'augmented',
    `
import socket, struct
data = open('/opt/ml/input/data/images_0', 'rb').read()
records = []
while data:
    magic, length = struct.unpack('<II', data[:8])
    records.append(data[8:8 + length].decode()); data = data[8 + length + -length % 4:]
open('/opt/ml/model/' + socket.gethostname(), 'w').write(repr(records))`,
    {
      ResourceConfig: { InstanceCount: 2, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
      OutputDataConfig: { S3OutputPath: `s3://${BUCKET}/models`, CompressionType: 'NONE' },
      InputDataConfig: [
        {
          ChannelName: 'images',
          InputMode: 'Pipe',
          RecordWrapperType: 'RecordIO',
          DataSource: {
            S3DataSource: {
              S3DataType: 'AugmentedManifestFile',
              S3Uri: `s3://${BUCKET}/manifest`,
              S3DataDistributionType: 'ShardedByS3Key',
              AttributeNames: ['image-ref', 'label'],
            },
          },
        },
      ],
    },
  );
  const job = await rig.training('augmented');
  assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  assert.equal(String(await rig.get('models/augmented/output/model/algo-1')), `['zero', '{"line":0}', 'zero', '{"line":2}']`);
  assert.equal(String(await rig.get('models/augmented/output/model/algo-2')), `['one', '{"line":1}']`);
});

test('an input of a processing job in Pipe mode, and an object that is no gzip file', async () => {
  const input = s3Input('parts', `s3://${BUCKET}/parts/`, '/opt/ml/processing/parts');
  const script = `print(open('/opt/ml/processing/parts_0').read().split())`;
  await rig.process('pipe', script, { ProcessingInputs: [{ ...input, S3Input: { ...input.S3Input, S3InputMode: 'Pipe' } }] });
  assert.equal((await rig.processing('pipe')).ProcessingJobStatus, 'Completed');
  assert.ok((await rig.log('ProcessingJobs', 'pipe')).includes("['0', '1', '2', '3']"));
  await rig.process('not-gzip', script, {
    ProcessingInputs: [{ ...input, S3Input: { ...input.S3Input, S3InputMode: 'Pipe', S3CompressionType: 'Gzip' } }],
  });
  const job = await rig.processing('not-gzip');
  assert.equal(job.ProcessingJobStatus, 'Failed');
  assert.match(job.FailureReason ?? '', /^AlgorithmError: Channel parts cannot be streamed: an object is no readable gzip file/);
});

test('manifests that name nothing fail the job and say where', async () => {
  await rig.put('bad-manifest', '{"image-ref": "s3://data/images/9"}');
  const uri = `s3://${BUCKET}/bad-manifest`;
  const source = { S3DataType: 'AugmentedManifestFile' as const, S3Uri: uri, AttributeNames: ['image-ref'] };
  await rig.train('absent', 'pass', {
    InputDataConfig: [{ ChannelName: 'train', InputMode: 'Pipe', DataSource: { S3DataSource: source } }],
  });
  assert.match(
    (await rig.training('absent')).FailureReason ?? '',
    /s3:\/\/data\/images\/9 matched no files .*bad-manifest names it/,
  );
});

test('whatever a job puts in the place of its pipes, nothing of this machine is written to', async () => {
  const victim = join(rig.folder, 'victim');
  writeFileSync(victim, 'as it was');
  const acts: [act: string, feederEnds: boolean][] = [
    [`os.unlink(folder + '/train_1'); os.symlink('${victim}', folder + '/train_1')`, true],
    [`os.unlink(folder + '/train_1'); open(folder + '/train_1', 'w').close()`, true],
    [`os.rename(folder, '/opt/ml/moved'); os.symlink('${rig.folder}', folder)`, false],
  ];
  for (const [number, [act, feederEnds]] of acts.entries()) {
    const name = `hostile-${number}`;
    const script = `
import os, time
folder = '/opt/ml/input/data'
${act}
# only now: until somebody reads the first pipe, its feeder does not come to the second
first = open(next(path for path in (folder + '/train_0', '/opt/ml/moved/train_0') if os.path.exists(path)))
print(first.read().split(), flush=True)
while not os.path.exists('/opt/ml/go'): time.sleep(0.02)`;
    await rig.train(name, script, { InputDataConfig: [{ ...channel('train', `s3://${BUCKET}/parts/`), InputMode: 'Pipe' }] });
    await rig.training(name, ({ TrainingStartTime }) => TrainingStartTime !== undefined);
    const work = rig.works(`training-job-${name}-`, '');
    const supervisor = rig.claim(work).split(' ')[0];
    // a feeder that finds no pipe ends; the sandbox is the supervisor's other child
    const children = () => readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8').trim().split(' ').length;
    while (children() !== (feederEnds ? 1 : 2) && readFileSync(victim, 'utf8') === 'as it was')
      await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(join(rig.folder, 'runs', work, 'ml/go'), '');
    const job = await rig.training(name);
    assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  }
  assert.equal(readFileSync(victim, 'utf8'), 'as it was');
  assert.deepEqual(
    readdirSync(rig.folder).filter((name) => name.startsWith('train_')),
    [],
  );
});
