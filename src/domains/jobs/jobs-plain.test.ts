import assert from 'node:assert/strict';
import { accessSync, constants, lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUCKET, channel, JobsRig, trainingJob } from './jobs-rig.ts';

/** Without isolation the job's /opt/ml is this machine's. */
function absence(): string | false {
  try {
    accessSync('/opt', constants.W_OK);
  } catch {
    return 'this user may not make /opt/ml';
  }
  const found = lstatSync('/opt/ml', { throwIfNoEntry: false });
  return found && !found.isSymbolicLink() ? '/opt/ml belongs to something else' : false;
}

test('without isolation: pipes, checkpoints and continuous sync work; several hosts and network isolation are refused', {
  skip: absence(),
}, async () => {
  const rig = await JobsRig.start({ sandbox: 'plain' });
  try {
    for (let n = 0; n < 2; n += 1) await rig.put(`parts/${n}`, `${n}`);
    await rig.put('checkpoints/earlier', 'kept');
    await rig.train(
      'plain',
      `
import os, time
print(open('/opt/ml/input/data/train_0').read(), open('/opt/ml/input/data/train_1').read(), os.listdir('/opt/ml/checkpoints'))
open('/opt/ml/checkpoints/earlier', 'a').write(' and changed')
open('/opt/ml/checkpoints/new', 'w').write('new')
while not os.path.exists('/opt/ml/go'): time.sleep(0.02)`,
      {
        InputDataConfig: [{ ...channel('train', `s3://${BUCKET}/parts/`), InputMode: 'Pipe' }],
        CheckpointConfig: { S3Uri: `s3://${BUCKET}/checkpoints` },
      },
    );
    while (!(await rig.keys('checkpoints/')).includes('checkpoints/new')) await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(join(rig.folder, 'runs', rig.works('training-job-plain-', ''), 'ml/go'), '');
    const job = await rig.training('plain');
    assert.equal(job.TrainingJobStatus, 'Completed', job.FailureReason);
    assert.ok((await rig.log('TrainingJobs', 'plain')).includes("01 01 ['earlier']"));
    assert.equal(String(await rig.get('checkpoints/earlier')), 'kept and changed');
    const two = { ResourceConfig: { InstanceCount: 2, InstanceType: 'ml.m5.large' as const, VolumeSizeInGB: 1 } };
    for (const [more, message] of [
      [two, /InstanceCount 2 without isolation .* is not implemented yet/],
      [{ EnableNetworkIsolation: true }, /EnableNetworkIsolation cannot be kept here/],
    ] as const) {
      await assert.rejects(rig.call('sagemaker:CreateTrainingJob', trainingJob('refused', more)), { message });
    }
  } finally {
    await rig.close();
  }
});
