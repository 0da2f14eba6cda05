import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { AwsClient, Unanswered } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { until } from '../harness/script-job.ts';
import { connectionOf } from './kill-rig.ts';
import { ServerProcess } from './server-process.ts';
import { BUCKET, modelArchive, ROLE, seededRandom, SERVING_IMAGE } from './workload.ts';

const JOBS = 8;
const FILES = 3;
const SEED = Number(process.env['CRASH_SEED'] ?? 11);

/** From the call that creates a transform job to its record: whenever the server is killed, it is done once and as a whole. */
test(`transform jobs over deaths of the server at any moment (seed ${SEED})`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-transform-'));
  const random = seededRandom(SEED);
  let server = new ServerProcess(folder);
  await server.url();
  const aws = () => new AwsClient(connectionOf(folder));
  await aws().put(BUCKET, 'models/crash.tar.gz', await modelArchive('crash'));
  const container = { Image: SERVING_IMAGE, ModelDataUrl: `s3://${BUCKET}/models/crash.tar.gz` };
  await aws().call('sagemaker:CreateModel', { ModelName: 'crash', ExecutionRoleArn: ROLE, PrimaryContainer: container });
  for (let n = 0; n < FILES; n += 1) await aws().put(BUCKET, `in/${n}.csv`, `row ${n}\n`);
  const killed: number[] = [];
  for (let job = 0; job < JOBS; job += 1) {
    const creating = create(aws(), `job-${job}`);
    // from within the call to well after its outputs are written
    const afterMs = Math.round(random() * 2_500);
    await delay(afterMs);
    killed.push(afterMs);
    await server.end('SIGKILL');
    const created = await creating;
    server = new ServerProcess(folder);
    await server.url();
    if (!created) await create(aws(), `job-${job}`);
  }
  for (let job = 0; job < JOBS; job += 1) {
    const TransformJobName = `job-${job}`;
    const ended = await until(
      `${TransformJobName} to end`,
      () => aws().call('sagemaker:DescribeTransformJob', { TransformJobName }),
      ({ TransformJobStatus }) => !['InProgress', 'Stopping'].includes(TransformJobStatus),
    );
    assert.equal(ended.TransformJobStatus, 'Completed', `${ended.FailureReason} (killed after ${killed[job]} ms)`);
    for (let n = 0; n < FILES; n += 1) {
      const { body } = await aws().s3('GET', `/${BUCKET}/out/${TransformJobName}/${n}.csv.out`);
      assert.equal(body.toString(), `crash row ${n}\n`);
    }
    assert.equal((await startsOf(aws(), TransformJobName)).length, 1, `${TransformJobName} was driven once`);
  }
  await server.end('SIGTERM');
  const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', folder]);
  assert.equal(code, 0, stdout + stderr);
  rmSync(folder, { recursive: true, force: true });
});

/** False when the answer was lost. A job that exists already was made by the call whose answer was lost. */
async function create(aws: AwsClient, name: string): Promise<boolean> {
  try {
    await aws.call('sagemaker:CreateTransformJob', {
      TransformJobName: name,
      ModelName: 'crash',
      TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
      TransformInput: {
        DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${BUCKET}/in/` } },
        ContentType: 'text/csv',
        SplitType: 'Line',
      },
      TransformOutput: { S3OutputPath: `s3://${BUCKET}/out/${name}`, AssembleWith: 'Line' },
    });
    return true;
  } catch (error) {
    if (error instanceof Unanswered) return false;
    if ((error as { code?: string }).code === 'ResourceInUse') return true;
    throw error;
  }
}

/** The lines by which a driver says that it begins. */
async function startsOf(aws: AwsClient, name: string): Promise<string[]> {
  const logGroupName = '/aws/sagemaker/TransformJobs';
  const { logStreams = [] } = await aws.call('logs:DescribeLogStreams', { logGroupName, logStreamNamePrefix: `${name}/` });
  const data = logStreams.find(({ logStreamName = '' }) => logStreamName.endsWith('/data-log'))?.logStreamName ?? '';
  const { events = [] } = await aws.call('logs:GetLogEvents', { logGroupName, logStreamName: data, startFromHead: true });
  return events.map(({ message = '' }) => message).filter((message) => message.includes('MaxConcurrentTransforms='));
}
