import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JobsRig, processingJob, s3Input } from './jobs-rig.ts';

const WAITS = `
import os, time
while not os.path.exists('/opt/ml/go'): time.sleep(0.02)`;

test('executions take turns at a full machine, and a job on several hosts gets in whole', async () => {
  const rig = await JobsRig.start({ capacity: { cpus: 2, memoryMiB: 4096 } });
  const code = s3Input('code', await rig.put('process.py', 'print("done")'), '/opt/ml/processing/input/code');
  const waits = s3Input('code', await rig.put('waits.py', WAITS), '/opt/ml/processing/input/code');
  const make = (execution: string, name: string, hosts = 1, input = code, program = 'process.py') =>
    rig.callFor(
      `arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/${execution}`,
      'sagemaker:CreateProcessingJob',
      processingJob(name, {
        AppSpecification: {
          ImageUri: 'python:3.9',
          ContainerEntrypoint: ['python3', `/opt/ml/processing/input/code/${program}`],
        },
        ProcessingResources: { ClusterConfig: { InstanceCount: hosts, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } },
        ProcessingInputs: [input],
      }),
    );
  await make('big', 'holder', 2, waits, 'waits.py');
  await rig.processing('holder', ({ ProcessingStartTime }) => ProcessingStartTime !== undefined);
  const queued: [string, string, number?][] = [
    ['one', 'one-a'],
    ['one', 'one-b'],
    ['one', 'one-c'],
    ['two', 'two-a'],
    ['three', 'three-pair', 2],
  ];
  for (const [execution, name, hosts] of queued) {
    await make(execution, name, hosts);
    await rig.processing(name, ({ ExitMessage }) => ExitMessage !== undefined);
  }
  const waiting = await rig.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'three-pair' });
  assert.match(waiting.ExitMessage ?? '', /^waiting for 2 cores: 2 of 2 reserved by processing-job-holder-[0-9a-f]+; 2 ahead$/);
  for (const suffix of ['-1', '-2'])
    writeFileSync(join(rig.folder, 'runs', rig.works('processing-job-holder-', suffix), 'ml/go'), '');
  const starts = await Promise.all(
    queued.map(async ([, name]) => {
      const job = await rig.processing(name);
      assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
      return { name, startMs: job.ProcessingStartTime ?? 0 };
    }),
  );
  const order = starts.toSorted((a, b) => a.startMs - b.startMs).map(({ name }) => name);
  assert.deepEqual(order.slice(0, 2).toSorted(), ['one-a', 'two-a'], order.join());
  assert.equal(order[2], 'three-pair', order.join());
  await rig.close();
});
