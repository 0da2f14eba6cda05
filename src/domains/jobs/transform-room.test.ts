import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operation } from '../../platform/calls/operation.ts';
import { BUCKET, JobsRig } from './jobs-rig.ts';
import { models, putModel, transformed, transformJob } from './transform-rig.ts';

async function withRig(run: (rig: JobsRig) => Promise<void>): Promise<void> {
  const rig = await JobsRig.start({ operations: models() });
  try {
    await putModel(rig);
    await run(rig);
  } finally {
    await rig.close();
  }
}

const start = (rig: JobsRig, ...job: Parameters<typeof transformJob>) =>
  rig.call('sagemaker:CreateTransformJob', transformJob(...job));

const text = async (rig: JobsRig, key: string) => (await rig.get(key)).toString();

test('a transform job sends its inputs to the model and writes an output for each', () =>
  withRig(async (rig) => {
    await rig.put('in/a.csv', '1\n2\n');
    await rig.put('in/deep//odd name.csv', '3,x');
    const { TransformJobArn } = await start(rig, 'plain', { Tags: [{ Key: 'team', Value: 'a' }] });
    assert.equal(TransformJobArn, 'arn:aws:sagemaker:us-east-1:123456789012:transform-job/plain');
    const job = await transformed(rig, 'plain');
    assert.equal(job.FailureReason, undefined);
    assert.equal(job.TransformJobStatus, 'Completed');
    assert.ok(job.TransformStartTime! <= job.TransformEndTime! && job.CreationTime <= job.TransformStartTime!);
    assert.deepEqual(job.DataProcessing, { InputFilter: '$', OutputFilter: '$', JoinSource: 'None' });
    assert.deepEqual(await rig.keys('out/'), ['out/a.csv.out', 'out/deep//odd name.csv.out']);
    assert.equal(await text(rig, 'out/a.csv.out'), '2.0\n4.0\n');
    assert.equal(await text(rig, 'out/deep//odd name.csv.out'), '6.0\n');
    const { logStreams = [] } = await rig.call('logs:DescribeLogStreams', { logGroupName: '/aws/sagemaker/TransformJobs' });
    const names = logStreams.map(({ logStreamName }) => logStreamName ?? '');
    assert.match(names[0] ?? '', /^plain\/i-[0-9a-f]{17}-\d{10}$/);
    assert.equal(names[1], `${names[0]}/data-log`);
    assert.ok((await rig.log('TransformJobs', 'plain')).includes('model loaded'));
    const listed = await rig.call('sagemaker:ListTransformJobs', { StatusEquals: 'Completed' });
    assert.deepEqual(
      listed.TransformJobSummaries!.map(({ TransformJobName }) => TransformJobName),
      ['plain'],
    );
    const events = await rig.store.events({ afterSequence: 0, limit: 1000 });
    const statuses = events.filter(({ detailType }) => detailType === 'SageMaker Transform Job State Change');
    assert.equal(statuses.at(-1)?.detail['TransformJobStatus'], 'Completed');
    assert.ok((await rig.ledger()).some(({ action }) => action === 'slipway:TransformJob.Completed'));
  }));

test('the container learns that it is a batch and what the user set; the job has the last word on the environment', () =>
  withRig(async (rig) => {
    const uri = await rig.put('in/a.csv', 'environment');
    await start(rig, 'told', {
      MaxPayloadInMB: 2,
      MaxConcurrentTransforms: 3,
      BatchStrategy: 'SingleRecord',
      Environment: { OWN: 'of the job' },
      TransformInput: { DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: uri } } },
    });
    assert.equal((await transformed(rig, 'told')).TransformJobStatus, 'Completed');
    const told = await text(rig, 'out/a.csv.out');
    for (const part of [
      "BATCH': 'true'",
      "PAYLOAD_IN_MB': '2'",
      "TRANSFORMS': '3'",
      "'SINGLE_RECORD'",
      "OWN': 'of the job'",
      "OWN_TOO': 'kept'",
    ])
      assert.ok(told.includes(part), `${part} in ${told}`);
  }));

test('a bad record fails the job by name, and the other inputs keep their outputs', () =>
  withRig(async (rig) => {
    await rig.put('in/a.csv', '1\n');
    await rig.put('in/b.csv', '1\n2\nbad\n4\n');
    await start(rig, 'bad-record');
    const job = await transformed(rig, 'bad-record');
    assert.equal(job.TransformJobStatus, 'Failed');
    assert.equal(
      job.FailureReason,
      `ClientError: 1 of 2 input files could not be transformed and have no output. s3://${BUCKET}/in/b.csv: line 3: the model answered with HTTP status 415: bad is no number`,
    );
    assert.deepEqual(await rig.keys('out/'), ['out/a.csv.out']);
  }));

test('a model server that ends, or never comes up, fails the job with its last words', () =>
  withRig(async (rig) => {
    await rig.put('in/a.csv', 'die\n');
    await start(rig, 'dies');
    const died = await transformed(rig, 'dies');
    assert.equal(died.TransformJobStatus, 'Failed');
    assert.equal(
      died.FailureReason,
      'AlgorithmError: The model server ended (exit code 3). model loaded\nthe model has no more memory, exit code: 3',
    );
    await putModel(rig, 'raise SystemExit("no such layer")');
    await start(rig, 'unborn');
    assert.match(
      (await transformed(rig, 'unborn')).FailureReason ?? '',
      /^AlgorithmError: The model server ended \(exit code 1\)\. no such layer/,
    );
  }));

test('inputs that are absent, and a manifest', () =>
  withRig(async (rig) => {
    await start(rig, 'nothing');
    const nothing = await transformed(rig, 'nothing');
    assert.equal(nothing.TransformJobStatus, 'Failed');
    assert.match(nothing.FailureReason ?? '', /^ClientError: Data download failed: No S3 objects found under s3:\/\/data\/in\//);
    await rig.put('in/x/1.csv', '5\n');
    const manifest = await rig.put('manifest.json', JSON.stringify([{ prefix: `s3://${BUCKET}/in/` }, 'x/1.csv']));
    const TransformInput = { DataSource: { S3DataSource: { S3DataType: 'ManifestFile' as const, S3Uri: manifest } } };
    await start(rig, 'listed', { TransformInput });
    assert.equal((await transformed(rig, 'listed')).TransformJobStatus, 'Completed');
    assert.equal(await text(rig, 'out/x/1.csv.out'), '10.0\n');
    await rig.put('manifest.json', JSON.stringify([{ prefix: `s3://${BUCKET}/in/` }, 'x/2.csv']));
    await start(rig, 'listed-wrong', { TransformInput });
    assert.match(
      (await transformed(rig, 'listed-wrong')).FailureReason ?? '',
      /names s3:\/\/data\/in\/x\/2\.csv, which does not exist/,
    );
  }));

test('several instances share the inputs, and each has its own model server', () =>
  withRig(async (rig) => {
    for (const n of [1, 2, 3]) await rig.put(`in/${n}.csv`, `${n}\n`);
    await start(rig, 'shared', { TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 2 } });
    assert.equal((await transformed(rig, 'shared')).TransformJobStatus, 'Completed');
    assert.deepEqual(await rig.keys('out/'), ['out/1.csv.out', 'out/2.csv.out', 'out/3.csv.out']);
    const { logStreams = [] } = await rig.call('logs:DescribeLogStreams', { logGroupName: '/aws/sagemaker/TransformJobs' });
    assert.equal(logStreams.length, 4);
  }));

test('a stopped job stores nothing', () =>
  withRig(async (rig) => {
    await rig.put('in/a.csv', '1\n');
    await rig.put('in/b.csv', 'wait\n');
    await start(rig, 'stopped');
    while (!(await rig.log('TransformJobs', 'stopped').catch((): string[] => [])).includes('waiting'))
      await new Promise(setImmediate);
    await rig.call('sagemaker:StopTransformJob', { TransformJobName: 'stopped' });
    const job = await transformed(rig, 'stopped');
    assert.equal(job.TransformJobStatus, 'Stopped');
    assert.equal(job.FailureReason, undefined);
    assert.deepEqual(await rig.keys('out/'), []);
    await assert.rejects(rig.call('sagemaker:StopTransformJob', { TransformJobName: 'stopped' }), {
      message: 'The request was rejected because the transform job is in status Stopped.',
    });
  }));

test('capture leaves manifests of input and output, and ids in the output', () =>
  withRig(async (rig) => {
    await rig.put('in/p/a.csv', '1\n');
    await rig.put('in/p/q/b.csv', '2\n');
    await start(rig, 'captured', {
      DataCaptureConfig: { DestinationS3Uri: `s3://${BUCKET}/capture`, GenerateInferenceId: true },
      TransformOutput: { S3OutputPath: `s3://${BUCKET}/out`, Accept: 'text/csv' },
    });
    const job = await transformed(rig, 'captured');
    assert.equal(job.FailureReason, undefined);
    const at = new Date(job.CreationTime).toISOString();
    const hour = at.slice(0, 13).replaceAll(/[-T]/g, '/');
    assert.deepEqual(await rig.keys('capture/'), [`capture/input/${hour}/captured.json`, `capture/output/${hour}/captured.json`]);
    assert.deepEqual(JSON.parse(await text(rig, `capture/input/${hour}/captured.json`)), [
      { prefix: 's3://data/in/p/' },
      'a.csv',
      'q/b.csv',
    ]);
    const output = [{ prefix: 's3://data/out/' }, 'p/a.csv.out', 'p/q/b.csv.out'];
    assert.deepEqual(JSON.parse(await text(rig, `capture/output/${hour}/captured.json`)), output);
    assert.match(await text(rig, 'out/p/a.csv.out'), new RegExp(`^2\\.0,[0-9a-f-]{36},${at.slice(0, 19)}Z\n$`));
  }));

test('the model is the one of the moment of the call', () =>
  withRig(async (rig) => {
    await rig.put('in/a.csv', '1\n');
    const created = start(rig, 'pinned');
    await created;
    await putModel(rig, 'raise SystemExit("another model")');
    assert.equal((await transformed(rig, 'pinned')).TransformJobStatus, 'Completed');
  }));

test('a model whose package is not approved any more transforms nothing', async () => {
  const arn = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/doubling/1';
  let status: 'Approved' | 'Rejected' | 'PendingManualApproval' = 'Approved';
  const describe = operation('sagemaker:DescribeModelPackage', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:DescribeModelPackage', resources: [arn] }],
    handle: async () => ({
      ModelPackageArn: arn,
      ModelPackageName: 'doubling',
      ModelPackageStatus: 'Completed',
      ModelPackageStatusDetails: { ValidationStatuses: [] },
      CreationTime: 0,
      ModelApprovalStatus: status,
      InferenceSpecification: { Containers: [{ Image: 'model:1', ModelDataUrl: `s3://${BUCKET}/model.tar.gz` }] },
    }),
  });
  const container = { PrimaryContainer: { ModelPackageName: arn } };
  const rig = await JobsRig.start({ operations: [...models(container), describe] });
  try {
    await rig.put('in/a.csv', '1\n');
    await rig.put('model.tar.gz', 'the bytes of a model');
    await start(rig, 'approved');
    for (status of ['Rejected', 'PendingManualApproval'] as const)
      await assert.rejects(start(rig, status), {
        code: 'ValidationException',
        message: new RegExp(`cannot be served.*${status}`),
      });
    await rig.call('sagemaker:StopTransformJob', { TransformJobName: 'approved' });
    await transformed(rig, 'approved');
  } finally {
    await rig.close();
  }
});
