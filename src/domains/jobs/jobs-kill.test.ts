import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { BackendError } from '../../platform/errors/families.ts';
import { BUCKET, channel, JobsRig, trainingJob } from './jobs-rig.ts';

/** A server that is dead from one of its effects on: each commit and each start of a host is counted. */
interface Doom {
  /** How many effects there were. */
  count: number;
  readonly struck: Promise<void>;
}

function doom(rig: JobsRig, at: number, when: 'before' | 'after'): Doom {
  const { promise, resolve } = Promise.withResolvers<void>();
  const found: Doom = { count: 0, struck: promise };
  let dead = false;
  const strike = () => {
    dead = true;
    resolve();
    return new BackendError('runtime', 'the server is dead', { retryable: true });
  };
  const guard = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (dead) throw strike();
      const number = found.count;
      found.count += 1;
      if (number === at && when === 'before') throw strike();
      const result = await act(...args);
      if (number === at) throw strike();
      return result;
    };
  };
  rig.store.commit = guard(rig.store.commit.bind(rig.store));
  rig.backend.start = guard(rig.backend.start.bind(rig.backend));
  return found;
}

const SCRIPT = `
import os, socket
print('started', flush=True)
me = socket.gethostname()
open('/opt/ml/checkpoints/' + me, 'w').write('kept')
open('/opt/ml/model/' + me, 'w').write(','.join(sorted(os.listdir('/opt/ml/input/data/train'))))`;

const JOB = trainingJob('doomed', {
  ResourceConfig: { InstanceCount: 2, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
  CheckpointConfig: { S3Uri: `s3://${BUCKET}/checkpoints` },
  InputDataConfig: [
    channel('code', `s3://${BUCKET}/code/train.py`),
    {
      ChannelName: 'train',
      DataSource: {
        S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${BUCKET}/parts/`, S3DataDistributionType: 'ShardedByS3Key' },
      },
    },
  ],
});

/** Lets a server die at one of its effects; whether it came to that. */
async function killAt(at: number, when: 'before' | 'after'): Promise<boolean> {
  const first = await JobsRig.start();
  for (let n = 0; n < 3; n += 1) await first.put(`parts/${n}`, `${n}`);
  await first.put('code/train.py', SCRIPT);
  await first.call('sagemaker:CreateTrainingJob', JOB);
  const { struck } = doom(first, at, when);
  const ended = first.training('doomed').then(() => undefined);
  const isStruck = await Promise.race([struck.then(() => true), ended.then(() => false)]);
  const last = isStruck ? await JobsRig.start({ folder: await first.abandon() }) : first;
  ended.catch(() => undefined); // its server is gone
  const job = await last.training('doomed');
  assert.equal(job.TrainingJobStatus, 'Completed', `${when} effect ${at}: ${job.FailureReason}`);
  const { logStreams = [] } = await last.call('logs:DescribeLogStreams', { logGroupName: '/aws/sagemaker/TrainingJobs' });
  assert.equal(logStreams.length, 2);
  for (const { logStreamName = '' } of logStreams) {
    const { events = [] } = await last.call('logs:GetLogEvents', { logGroupName: '/aws/sagemaker/TrainingJobs', logStreamName });
    assert.equal(events.filter(({ message }) => message === 'started').length, 1, `${when} effect ${at}: ${logStreamName}`);
  }
  assert.deepEqual(await last.keys('checkpoints/'), ['checkpoints/algo-1', 'checkpoints/algo-2']);
  const archive = gunzipSync(await last.get('models/doomed/output/model.tar.gz')).toString('latin1');
  assert.ok(archive.includes('0,2') && archive.includes('algo-2'));
  await last.close();
  return isStruck;
}

for (const when of ['before', 'after'] as const) {
  test(`a server that dies ${when} any of its effects: every host runs once, and the job ends as if nothing had been`, async () => {
    let at = 0;
    while (await killAt(at, when)) at += 1;
    assert.ok(at >= 5, `only ${at} effects were seen`);
  });
}
