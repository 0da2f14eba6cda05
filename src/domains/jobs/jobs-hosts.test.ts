import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { absence } from '../../backends/sandbox/testing/sandbox-trial.ts';
import { BackendError } from '../../platform/errors/families.ts';
import { BUCKET, channel, JobsRig, s3Input, s3Output, trainingJob } from './jobs-rig.ts';

let rig: JobsRig;
before(async () => {
  rig = await JobsRig.start();
  for (let n = 0; n < 5; n += 1) await rig.put(`parts/part-${n}.csv`, `${n}\n`);
});
after(() => rig.close());

const hosts = (count: number) => ({
  ResourceConfig: { InstanceCount: count, InstanceType: 'ml.m5.large' as const, VolumeSizeInGB: 1 },
});
const cluster = (count: number) => ({
  ProcessingResources: { ClusterConfig: { InstanceCount: count, InstanceType: 'ml.m5.large' as const, VolumeSizeInGB: 1 } },
});
const sharded = (name: string) => {
  const whole = channel(name, `s3://${BUCKET}/parts/`);
  return {
    ...whole,
    DataSource: { S3DataSource: { ...whole.DataSource.S3DataSource, S3DataDistributionType: 'ShardedByS3Key' as const } },
  };
};

test('hosts of a training job find each other by name, share sharded data, and leave one model', async () => {
  await rig.train(
    'pair',
    `
import json, os, socket
config = json.load(open('/opt/ml/input/config/resourceconfig.json'))
me, hosts = config['current_host'], config['hosts']
assert socket.gethostname() == me and config['instance_groups'][0]['hosts'] == hosts == ['algo-1', 'algo-2', 'algo-3'], config
data = sorted(os.listdir('/opt/ml/input/data/train'))
print(me, data, len(os.listdir('/opt/ml/input/data/all')), config['network_interface_name'], flush=True)
# every host listens on the same port under its own name, and hears from all others
server = socket.create_server((me, 7070))
others = [host for host in hosts if host != me]
for host in others:
    while True:
        try:
            client = socket.create_connection((host, 7070))
            break
        except ConnectionRefusedError:
            pass
    client.sendall(me.encode()); client.close()
heard = sorted(server.accept()[0].recv(100).decode() for _ in others)
assert heard == others, heard
open('/opt/ml/model/' + me, 'w').write(','.join(data))
open('/opt/ml/model/common', 'w').write(me)
print('loss=%s' % me[-1])`,
    {
      ...hosts(3),
      AlgorithmSpecification: { TrainingInputMode: 'File', MetricDefinitions: [{ Name: 'loss', Regex: 'loss=([0-9.]+)' }] },
      InputDataConfig: [sharded('train'), channel('all', `s3://${BUCKET}/parts/`)],
    },
  );
  const job = await rig.training('pair');
  assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  assert.equal(job.FinalMetricDataList?.length, 1);
  const archive = gunzipSync(await rig.get('models/pair/output/model.tar.gz')).toString('latin1');
  for (const text of ['part-0.csv,part-3.csv', 'part-1.csv,part-4.csv', 'part-2.csv']) assert.ok(archive.includes(text), text);
  const { logStreams = [] } = await rig.call('logs:DescribeLogStreams', {
    logGroupName: '/aws/sagemaker/TrainingJobs',
    logStreamNamePrefix: 'pair/',
  });
  assert.deepEqual(
    logStreams.map(({ logStreamName }) => logStreamName?.replace(/-\d+$/, '')),
    ['pair/algo-1', 'pair/algo-2', 'pair/algo-3'],
  );
  assert.ok((await rig.log('TrainingJobs', 'pair')).includes("algo-1 ['part-0.csv', 'part-3.csv'] 5 lo"));
});

test('hosts of a processing job: shards, merged outputs, messages one after the other', async () => {
  const parts = s3Input('parts', `s3://${BUCKET}/parts`, '/opt/ml/processing/parts');
  await rig.process(
    'split',
    `
import json, os
me = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']
for name in os.listdir('/opt/ml/processing/parts'): open('/opt/ml/processing/out/' + name, 'w').write(me)
open('/opt/ml/output/message', 'w').write(me + ' ')`,
    {
      ...cluster(2),
      ProcessingInputs: [{ ...parts, S3Input: { ...parts.S3Input, S3DataDistributionType: 'ShardedByS3Key' } }],
      ProcessingOutputConfig: { Outputs: [s3Output('out', `s3://${BUCKET}/split`, '/opt/ml/processing/out')] },
    },
  );
  const job = await rig.processing('split');
  assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
  assert.equal(job.ExitMessage, 'algo-1 algo-2 ');
  assert.equal((await rig.keys('split/')).length, 5);
  assert.deepEqual([String(await rig.get('split/part-0.csv')), String(await rig.get('split/part-1.csv'))], ['algo-1', 'algo-2']);
});

const DIES_ON_2 = `
import os, socket, sys, time
if socket.gethostname() == 'algo-2':
    sys.exit('the disk of my GPU melted')
time.sleep(600)`;

test('a host that dies in the middle fails the job by name and ends the others', async () => {
  await rig.train('dies', DIES_ON_2, hosts(3));
  const job = await rig.training('dies');
  assert.equal(job.TrainingJobStatus, 'Failed');
  assert.equal(job.FailureReason, 'AlgorithmError: algo-2: the disk of my GPU melted, exit code: 1');
});

test('a host whose supervisor is killed ends the others; the job is begun anew where it asks for that', async () => {
  const once = `
import os, socket, time
print('attempt', flush=True)
if not os.path.exists('/opt/ml/checkpoints/second'): time.sleep(600)`;
  await rig.train('lost', once, {
    ...hosts(2),
    RetryStrategy: { MaximumRetryAttempts: 1 },
  });
  const first = await rig.training('lost', ({ TrainingStartTime }) => TrainingStartTime !== undefined);
  assert.equal(first.TrainingJobStatus, 'InProgress');
  const kill = async (suffix: string) => {
    const [pid = ''] = rig.claim(rig.works('training-job-lost-', suffix)).split(' ');
    process.kill(Number(pid), 'SIGKILL');
  };
  await kill('-2');
  await rig.training('lost', () => rig.works('training-job-lost-', '-r1-2') !== '');
  await rig.training('lost', ({ TrainingStartTime }) => TrainingStartTime !== undefined);
  await kill('-r1-1');
  const job = await rig.training('lost');
  assert.equal(job.TrainingJobStatus, 'Failed');
  const restart = job.SecondaryStatusTransitions?.find(({ Status }) => Status === 'Restarting');
  assert.match(restart?.StatusMessage ?? '', /^Begun anew after: InternalServerError: algo-2: /);
  assert.match(job.FailureReason ?? '', /^InternalServerError: algo-1: The process that minded the work vanished/);
});

test('a stop ends all hosts', async () => {
  await rig.train('halt', 'import time; print("on", flush=True); time.sleep(600)', hosts(2));
  await rig.training('halt', ({ TrainingStartTime }) => TrainingStartTime !== undefined);
  await rig.call('sagemaker:StopTrainingJob', { TrainingJobName: 'halt' });
  assert.equal((await rig.training('halt')).TrainingJobStatus, 'Stopped');
  for (const suffix of ['-1', '-2'])
    assert.ok(existsSync(join(rig.folder, 'runs/.records', `${rig.works('training-job-halt-', suffix)}.ended`)));
});

const REFUSED: [object, RegExp][] = [
  [hosts(0), /./],
  [hosts(21), /InstanceCount 21.*not implemented yet/],
];
for (const [more, message] of REFUSED) {
  test(`refused: ${JSON.stringify(more)}`, async () => {
    await assert.rejects(
      rig.call('sagemaker:CreateTrainingJob', trainingJob('refused', more)),
      (error: { code?: string; message?: string }) => error.code === 'ValidationException' && message.test(error.message ?? ''),
    );
  });
}

for (const sandbox of ['bubblewrap', 'unshare'] as const) {
  test(`${sandbox}: hosts without network reach each other and nothing else`, { skip: absence(sandbox) }, async () => {
    const own = await JobsRig.start({ sandbox });
    const { port } = new URL(own.url);
    await own.train(
      'alone-together',
      `
import os, socket, time
me = socket.gethostname()
try:
    socket.create_connection(('127.0.0.1', ${port}), 2)
    raise SystemExit('the server of this machine was reached')
except OSError: pass
if me == 'algo-1':
    server = socket.create_server(('algo-1', 7171))
    print(server.accept()[0].recv(100).decode())
else:
    while True:
        try:
            client = socket.create_connection(('algo-1', 7171)); break
        except OSError: time.sleep(0.05)
    client.sendall(('from ' + me).encode())`,
      { ...hosts(2), EnableNetworkIsolation: true },
    );
    const job = await own.training('alone-together');
    assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
    assert.ok((await own.log('TrainingJobs', 'alone-together')).includes('from algo-2'));
    const networks = () => readdirSync(join(own.folder, 'runs/.networks')).filter((name) => !name.startsWith('.'));
    while (networks().length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await own.close();
  });
}

/** A server that dies when it has started one host of two. */
async function diesBetweenHosts(name: string): Promise<JobsRig> {
  const first = await JobsRig.start();
  for (let n = 0; n < 3; n += 1) await first.put(`parts/part-${n}.csv`, `${n}\n`);
  const start = first.backend.start.bind(first.backend);
  let seen = () => {};
  const between = new Promise<void>((resolve) => {
    seen = resolve;
  });
  first.backend.start = async (spec) => {
    if (spec.hostname === 'algo-1') return start(spec);
    seen();
    throw new BackendError('runtime', 'the server dies here', { retryable: true });
  };
  await first.train(name, 'import socket; socket.create_connection(("algo-2", 1)) if False else print("here")', {
    ...hosts(2),
    InputDataConfig: [sharded('train')],
  });
  await between;
  return JobsRig.start({ folder: await first.abandon() });
}

test('a server killed while it starts the hosts: the next one starts those that are missing', async () => {
  const second = await diesBetweenHosts('between');
  const job = await second.training('between');
  assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
  await second.close();
});

test('hosts never start on different inputs: when they changed meanwhile the job fails and says so', async () => {
  const first = await JobsRig.start();
  for (let n = 0; n < 3; n += 1) await first.put(`parts/part-${n}.csv`, `${n}\n`);
  const start = first.backend.start.bind(first.backend);
  first.backend.start = async (spec) => {
    if (spec.hostname === 'algo-1') return start(spec);
    first.backend.start = start;
    await first.put('parts/part-9.csv', 'late');
    throw new BackendError('runtime', 'once more', { retryable: true });
  };
  await first.train('changed', 'import time; time.sleep(600)', { ...hosts(2), InputDataConfig: [sharded('train')] });
  const job = await first.training('changed');
  assert.equal(job.TrainingJobStatus, 'Failed');
  assert.match(job.FailureReason ?? '', /inputs changed in S3 while the hosts were started/);
  await first.close();
});

test('a host that dies while no server lives takes the others along; the next server tells which it was', async () => {
  const first = await JobsRig.start();
  await first.train(
    'orphans',
    `
import os, socket, sys, time
while not os.path.exists('/opt/ml/go'): time.sleep(0.02)
sys.exit('gave up on ' + socket.gethostname())`,
    hosts(2),
  );
  await first.training('orphans', ({ TrainingStartTime }) => TrainingStartTime !== undefined);
  const works = ['-1', '-2'].map((suffix) => first.works('training-job-orphans-', suffix));
  const folder = await first.abandon();
  writeFileSync(join(folder, 'runs', works[1] ?? '', 'ml/go'), '');
  for (const work of works) {
    while (!existsSync(join(folder, 'runs/.records', `${work}.ended`))) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const second = await JobsRig.start({ folder });
  const job = await second.training('orphans');
  assert.equal(job.FailureReason, 'AlgorithmError: algo-2: gave up on algo-2, exit code: 1');
  await second.close();
});
