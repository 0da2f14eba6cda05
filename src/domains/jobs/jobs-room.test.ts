import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUCKET, channel, JobsRig, processingJob, REGION, s3Input, s3Output, trainingJob } from './jobs-rig.ts';

let rig: JobsRig;
before(async () => {
  rig = await JobsRig.start();
  await rig.put('input/abalone.csv', '1,2,3\n');
  await rig.put('input/sub/more.csv', '4,5,6\n');
});
after(() => rig.close());

const refused = (code: string, message: RegExp) => (error: { code?: string; message?: string }) =>
  error.code === code && message.test(error.message ?? '');

test('a processing job reads its inputs, writes its outputs and tells what happened', async () => {
  const ProcessingJobArn = await rig.process(
    'preprocess',
    `
import json, os, sys
config = json.load(open('/opt/ml/config/processingjobconfig.json'))
resources = json.load(open('/opt/ml/config/resourceconfig.json'))
print('arguments', sys.argv[1:], config['ProcessingJobName'], resources['hosts'], os.environ['COLOUR'])
print(sorted(os.path.join(top, name) for top, _, names in os.walk('/opt/ml/processing/input') for name in names))
os.makedirs('/opt/ml/processing/train/deep', exist_ok=True)
open('/opt/ml/processing/train/deep/part.csv', 'w').write(open('/opt/ml/processing/input/data/abalone.csv').read() * 2)
os.symlink('/etc/passwd', '/opt/ml/processing/train/passwd')
open('/opt/ml/output/message', 'w').write('all rows kept')`,
    {
      AppSpecification: {
        ImageUri: 'python:3.9',
        ContainerEntrypoint: ['python3', '/opt/ml/processing/input/code/process.py'],
        ContainerArguments: ['--rows', '7'],
      },
      Environment: { COLOUR: 'blue' },
      ProcessingInputs: [s3Input('data', `s3://${BUCKET}/input`, '/opt/ml/processing/input/data')],
      ProcessingOutputConfig: { Outputs: [s3Output('train', `s3://${BUCKET}/out/train`, '/opt/ml/processing/train')] },
      Tags: [{ Key: 'team', Value: 'shellfish' }],
    },
  );
  const job = await rig.processing('preprocess');
  const log = await rig.log('ProcessingJobs', 'preprocess');
  assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
  assert.equal(job.ProcessingJobArn, ProcessingJobArn);
  assert.equal(job.ExitMessage, 'all rows kept');
  assert.ok(job.CreationTime <= (job.ProcessingStartTime ?? 0) && (job.ProcessingStartTime ?? 0) <= (job.ProcessingEndTime ?? 0));
  assert.deepEqual(await rig.keys('out/'), ['out/train/deep/part.csv']);
  assert.equal(String(await rig.get('out/train/deep/part.csv')), '1,2,3\n1,2,3\n');
  assert.deepEqual(log.slice(0, 2), [
    'slipway: image python:3.9 is emulated by python 3.11.2',
    'slipway: instance type ml.m5.xlarge is clipped',
  ]);
  assert.match(log[2] ?? '', /^slipway: isolated by/);
  assert.equal(log[3], "arguments ['--rows', '7'] preprocess ['algo-1'] blue");
  assert.match(log[4] ?? '', /code\/process\.py.*data\/abalone\.csv.*data\/sub\/more\.csv/);
  const actions = (await rig.ledger())
    .filter(({ resources }) => resources.includes(ProcessingJobArn))
    .map(({ action }) => action);
  assert.deepEqual(actions, ['sagemaker:CreateProcessingJob', 'slipway:ProcessingJob.Completed']);
  const events = (await rig.store.events({ afterSequence: 0, limit: 100 })).filter(({ resources }) =>
    resources.includes(ProcessingJobArn),
  );
  assert.deepEqual(
    events.map(({ detailType, detail }) => [detailType, detail.ProcessingJobStatus]),
    [
      ['SageMaker Processing Job State Change', 'InProgress'],
      ['SageMaker Processing Job State Change', 'Completed'],
    ],
  );
});

test('a training job: files of the contract, metrics, model archive, transitions', async () => {
  await rig.train(
    'train',
    `
import json, os, time
folder = '/opt/ml/input/config/'
print(json.load(open(folder + 'hyperparameters.json')), json.load(open(folder + 'inputdataconfig.json')))
print(json.load(open(folder + 'resourceconfig.json'))['current_instance_type'], os.environ['TRAINING_JOB_NAME'], os.environ['SAGEMAKER_REGION'])
print(os.listdir('/opt/ml/input/data/train'))
for epoch in range(3): print('epoch %d loss=%.2f' % (epoch, 1 / (epoch + 1)))
print('tab\\tscore:0.5')
os.makedirs('/opt/ml/model/code'); open('/opt/ml/model/b', 'w').write('b' * 10); open('/opt/ml/model/code/a.py', 'w').write('a')
open('/opt/ml/output/data/report.txt', 'w').write('fine')`,
    {
      AlgorithmSpecification: {
        TrainingInputMode: 'File',
        MetricDefinitions: [
          { Name: 'loss', Regex: 'loss=([0-9.]+)' },
          { Name: 'score', Regex: 'tab#011score:(\\S+)' },
          { Name: 'never', Regex: 'never=(.*)' },
        ],
      },
      HyperParameters: { epochs: '3' },
      InputDataConfig: [{ ...channel('train', `s3://${BUCKET}/input/abalone.csv`), ContentType: 'text/csv' }],
    },
  );
  const job = await rig.training('train');
  assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  assert.equal(job.SecondaryStatus, 'Completed');
  assert.deepEqual(
    job.SecondaryStatusTransitions?.map(({ Status }) => Status),
    ['Starting', 'Downloading', 'Training', 'Uploading', 'Completed'],
  );
  assert.ok(job.SecondaryStatusTransitions?.every(({ StartTime, EndTime }) => EndTime !== undefined && EndTime >= StartTime));
  assert.match(job.SecondaryStatusTransitions?.[2]?.StatusMessage ?? '', /emulated by python 3\.11\.2/);
  assert.deepEqual(
    job.FinalMetricDataList?.map(({ MetricName, Value }) => [MetricName, Value]),
    [
      ['loss', 0.33],
      ['score', 0.5],
    ],
  );
  assert.equal(job.ModelArtifacts.S3ModelArtifacts, `s3://${BUCKET}/models/train/output/model.tar.gz`);
  assert.ok((job.BillableTimeInSeconds ?? 0) >= 1 && (job.TrainingTimeInSeconds ?? 0) >= 1);
  const log = await rig.log('TrainingJobs', 'train');
  assert.match(
    log[2] ?? '',
    /^\{'epochs': '3'\} \{'train': \{'ContentType': 'text\/csv', 'TrainingInputMode': 'File', 'S3DistributionType': 'FullyReplicated'/,
  );
  assert.ok(log.includes(`ml.m5.large train ${REGION}`));
  assert.ok(log.includes("['abalone.csv']"));
  assert.deepEqual(listArchive(await rig.get('models/train/output/model.tar.gz')), ['b', 'code/a.py']);
  assert.deepEqual(listArchive(await rig.get('models/train/output/output.tar.gz')), ['report.txt']);
});

test('the same model files give the same archive bytes', async () => {
  const script = 'open("/opt/ml/model/m", "w").write("weights")';
  for (const name of ['same-1', 'same-2']) await rig.train(name, script);
  const archives = [];
  for (const name of ['same-1', 'same-2']) {
    assert.equal((await rig.training(name)).TrainingJobStatus, 'Completed');
    archives.push(await rig.get(`models/${name}/output/model.tar.gz`));
  }
  assert.deepEqual(archives[0], archives[1]);
});

test('built-in XGBoost reports its own metrics', async () => {
  await rig.put(
    'xgb/train.py',
    'print("[0]\\ttrain-rmse:2.5\\tvalidation-rmse:3.5\\n[1]\\ttrain-rmse:1.5\\tvalidation-rmse:2.5")',
  );
  const job = trainingJob('xgboost', { InputDataConfig: [channel('code', `s3://${BUCKET}/xgb/train.py`)] });
  await rig.call('sagemaker:CreateTrainingJob', {
    ...job,
    AlgorithmSpecification: { TrainingImage: 'sagemaker-xgboost:1.7-1', TrainingInputMode: 'File' },
  });
  const done = await rig.training('xgboost');
  assert.equal(done.TrainingJobStatus, 'Completed', done.FailureReason);
  assert.deepEqual(
    done.FinalMetricDataList?.map(({ MetricName, Value }) => [MetricName, Value]),
    [
      ['train:rmse', 1.5],
      ['validation:rmse', 2.5],
    ],
  );
});

test('a processing job starts in the root folder: what a script unpacks beside or above itself is where it looks', async () => {
  const script = "import os; open('../above', 'w').write('x'); print(os.getcwd(), os.path.exists('above'))";
  await rig.process('rooted', script);
  assert.equal((await rig.processing('rooted')).ProcessingJobStatus, 'Completed');
  assert.ok((await rig.log('ProcessingJobs', 'rooted')).includes('/ True'));
});

test('reasons of failure: the failure file, else the last log lines, within 1024 characters', async () => {
  await rig.train(
    'failing',
    `
import sys
open('/opt/ml/output/failure', 'w').write('bad column: rings ' + 'x' * 3000)
sys.exit(7)`,
  );
  const training = await rig.training('failing');
  assert.equal(training.TrainingJobStatus, 'Failed');
  assert.match(training.FailureReason ?? '', /^AlgorithmError: bad column: rings x+…, exit code: 7$/);
  assert.ok((training.FailureReason?.length ?? 0) <= 1024);
  assert.deepEqual(await rig.keys('models/failing/'), []);
  await rig.process('raising', 'raise ValueError("no such column: rings")');
  const processing = await rig.processing('raising');
  assert.equal(processing.ProcessingJobStatus, 'Failed');
  assert.match(
    processing.FailureReason ?? '',
    /^AlgorithmError: Traceback[\s\S]*ValueError: no such column: rings, exit code: 1$/,
  );
  assert.doesNotMatch(processing.FailureReason ?? '', /slipway:/);
});

test('memory beyond the limit fails the job with 137', async () => {
  await rig.process('greedy', 'held = []\nwhile True: held.append(bytearray(1 << 24))');
  const job = await rig.processing('greedy');
  assert.equal(job.ProcessingJobStatus, 'Failed');
  assert.match(job.FailureReason ?? '', /more than 256 MiB of memory.*exit code: 137$/);
});

test('absent data, images and programs fail the job and name what is wrong', async () => {
  const cases: [string, Parameters<typeof processingJob>[1], RegExp][] = [
    [
      'absent-key',
      { ProcessingInputs: [s3Input('data', `s3://${BUCKET}/nowhere/x`, '/opt/ml/processing/in')] },
      /^ClientError: Data download failed: S3 key: s3:\/\/data\/nowhere\/x matched no files/,
    ],
    [
      'absent-bucket',
      { ProcessingInputs: [s3Input('data', 's3://no-such-bucket/x/', '/opt/ml/processing/in')] },
      /ClientError: .*s3:\/\/no-such-bucket\/x\/.*bucket does not exist/,
    ],
    [
      'no-image',
      { AppSpecification: { ImageUri: 'unknown:1', ContainerEntrypoint: ['true'] } },
      /ClientError: Image unknown:1 is not known here/,
    ],
    ['no-command', { AppSpecification: { ImageUri: 'python:3.9' } }, /ContainerEntrypoint/],
    [
      'no-program',
      { AppSpecification: { ImageUri: 'python:3.9', ContainerEntrypoint: ['no-such-program'] } },
      /could not be started: .*no-such-program/,
    ],
    [
      'no-output-bucket',
      {
        ProcessingOutputConfig: { Outputs: [s3Output('out', 's3://no-such-bucket/x', '/opt/ml/processing/out')] },
        AppSpecification: { ImageUri: 'python:3.9', ContainerEntrypoint: ['/bin/sh', '-c', 'echo x > /opt/ml/processing/out/x'] },
      },
      /Failed to upload outputs to s3:\/\/no-such-bucket\/x: NoSuchBucket/,
    ],
  ];
  for (const [name, more] of cases) await rig.process(name, 'pass', more);
  for (const [name, , expected] of cases) {
    const job = await rig.processing(name);
    assert.equal(job.ProcessingJobStatus, 'Failed', name);
    assert.match(job.FailureReason ?? '', expected);
  }
});

test('stop: Stopping, SIGTERM, the model so far is kept', async () => {
  await rig.train(
    'stopped',
    `
import signal, sys, time
def save(*_):
    open('/opt/ml/model/so-far', 'w').write('x'); sys.exit(0)
signal.signal(signal.SIGTERM, save)
print('ready', flush=True)
time.sleep(600)`,
  );
  await rig.training('stopped', ({ SecondaryStatus }) => SecondaryStatus === 'Training');
  while (!(await rig.log('TrainingJobs', 'stopped')).includes('ready')) await new Promise(setImmediate);
  await rig.call('sagemaker:StopTrainingJob', { TrainingJobName: 'stopped' });
  const job = await rig.training('stopped');
  assert.deepEqual([job.TrainingJobStatus, job.SecondaryStatus], ['Stopped', 'Stopped']);
  assert.deepEqual(
    job.SecondaryStatusTransitions?.map(({ Status }) => Status),
    ['Starting', 'Downloading', 'Training', 'Stopping', 'Uploading', 'Stopped'],
  );
  assert.deepEqual(listArchive(await rig.get('models/stopped/output/model.tar.gz')), ['so-far']);
  await assert.rejects(
    rig.call('sagemaker:StopTrainingJob', { TrainingJobName: 'stopped' }),
    refused('ValidationException', /is in status Stopped/),
  );
});

test('a job beyond its run time is stopped and says so', async () => {
  await rig.train('slow', 'import time; time.sleep(600)', { StoppingCondition: { MaxRuntimeInSeconds: 1 } });
  await rig.process('slow', 'import time; time.sleep(600)', { StoppingCondition: { MaxRuntimeInSeconds: 1 } });
  const training = await rig.training('slow');
  assert.deepEqual([training.TrainingJobStatus, training.SecondaryStatus], ['Stopped', 'MaxRuntimeExceeded']);
  const processing = await rig.processing('slow');
  assert.equal(processing.ProcessingJobStatus, 'Stopped');
  assert.match(processing.FailureReason ?? '', /MaxRuntimeInSeconds/);
});

test("code in a job acts by the job's own role, less approval; credentials end with the job", async () => {
  await rig.process(
    'signed',
    `
import json, os, urllib.request, urllib.error
url, token = os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']
def ask(url, token):
    try:
        return json.load(urllib.request.urlopen(urllib.request.Request(url, headers={'Authorization': token})))
    except urllib.error.HTTPError as error: return error.code
print(sorted(ask(url, token)), ask(url, token + 'x'), ask(url + '2', token), ask(url, ''))
print(url, token)`,
  );
  assert.equal((await rig.processing('signed')).ProcessingJobStatus, 'Completed');
  const log = await rig.log('ProcessingJobs', 'signed');
  assert.equal(log[3], "['AccessKeyId', 'Expiration', 'RoleArn', 'SecretAccessKey', 'Token'] 403 403 403");
  const [url = '', token = ''] = log[4]?.split(' ') ?? [];
  assert.equal((await fetch(url, { headers: { authorization: token } })).status, 403);
});

test('network isolation: no network and no credentials', async () => {
  await rig.process(
    'alone',
    `
import os
print([name for name in os.environ if 'CREDENTIALS' in name or 'ENDPOINT' in name], os.listdir('/proc/sys/net/ipv4/conf'))`,
    {
      NetworkConfig: { EnableNetworkIsolation: true },
    },
  );
  assert.equal((await rig.processing('alone')).ProcessingJobStatus, 'Completed');
  assert.equal((await rig.log('ProcessingJobs', 'alone')).at(-1), "[] ['all', 'default', 'lo']");
});

test("names are unique, absent jobs are said in AWS's words, lists page and filter", async () => {
  await rig.process('unique', 'pass');
  await assert.rejects(
    rig.call('sagemaker:CreateProcessingJob', processingJob('unique')),
    refused('ResourceInUse', /must be unique within an AWS account and region/),
  );
  await assert.rejects(
    rig.call('sagemaker:DescribeTrainingJob', { TrainingJobName: 'absent' }),
    refused('ValidationException', /Could not find/),
  );
  await rig.processing('unique');
  const first = await rig.call('sagemaker:ListProcessingJobs', { MaxResults: 2 });
  assert.equal(first.ProcessingJobSummaries.length, 2);
  const second = await rig.call('sagemaker:ListProcessingJobs', { MaxResults: 2, NextToken: first.NextToken });
  assert.ok(
    second.ProcessingJobSummaries.every(
      ({ ProcessingJobName }) => !first.ProcessingJobSummaries.some((one) => one.ProcessingJobName === ProcessingJobName),
    ),
  );
  const found = await rig.call('sagemaker:ListProcessingJobs', { NameContains: 'NIQU', StatusEquals: 'Completed' });
  assert.deepEqual(
    found.ProcessingJobSummaries.map(({ ProcessingJobName }) => ProcessingJobName),
    ['unique'],
  );
  await rig.call('sagemaker:DeleteProcessingJob', { ProcessingJobName: 'unique' });
  await assert.rejects(
    rig.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'unique' }),
    refused('ValidationException', /Could not find/),
  );
});

test('combinations that cannot work are refused before anything is made', async () => {
  const input = s3Input('in', `s3://${BUCKET}/input`, '/opt/ml/processing/in');
  const cases: [Parameters<typeof processingJob>[1], RegExp][] = [
    [
      { ProcessingInputs: [input, { ...input, S3Input: { ...input.S3Input, LocalPath: '/opt/ml/processing/b' } }] },
      /input "in" more than once/,
    ],
    [{ ProcessingInputs: [input, { ...input, InputName: 'b' }] }, /LocalPath \/opt\/ml\/processing\/in/],
    [{ ProcessingInputs: [s3Input('in', `s3://${BUCKET}/input`, '/etc')] }, /under \/opt\/ml\/processing\//],
    [
      { ProcessingInputs: [s3Input('in', `s3://${BUCKET}/input`, '/opt/ml/processing/../../../etc')] },
      /under \/opt\/ml\/processing\//,
    ],
    [
      { ProcessingInputs: [{ ...input, S3Input: { ...input.S3Input, S3CompressionType: 'Gzip' } }] },
      /Gzip is for S3InputMode Pipe/,
    ],
    [
      { ProcessingResources: { ClusterConfig: { InstanceCount: 21, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } } },
      /InstanceCount 21.* not implemented yet/,
    ],
  ];
  for (const [more, expected] of cases) {
    await assert.rejects(
      rig.call('sagemaker:CreateProcessingJob', processingJob('refused', more)),
      refused('ValidationException', expected),
    );
  }
  const twice = [channel('train', `s3://${BUCKET}/a`), channel('train', `s3://${BUCKET}/b`)];
  await assert.rejects(
    rig.call('sagemaker:CreateTrainingJob', trainingJob('refused', { InputDataConfig: twice })),
    refused('ValidationException', /"train" more than once/),
  );
  const metrics = { TrainingInputMode: 'File' as const, MetricDefinitions: [{ Name: 'loss', Regex: '(?<=loss)(.*)' }] };
  await assert.rejects(
    rig.call('sagemaker:CreateTrainingJob', trainingJob('refused', { AlgorithmSpecification: metrics })),
    refused('ValidationException', /metric "loss"/),
  );
  await assert.rejects(rig.call('sagemaker:DescribeTrainingJob', { TrainingJobName: 'refused' }));
});

function listArchive(content: Buffer): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-archive-'));
  writeFileSync(join(folder, 'a.tar.gz'), content);
  const names = execFileSync('tar', ['-tzf', join(folder, 'a.tar.gz')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  rmSync(folder, { recursive: true });
  return names;
}
