import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { chainDefinition } from '../../bench/definitions.ts';
import { serveModel } from '../crash/model-endpoint.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, ROLE } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { inWords, ownMemoryMb, type Sample, trendOf } from './memory-trend.ts';

/**
 * Mixed load for SOAK_MINUTES (12 unless set; the warm-up is a third of it and should have four): objects, versions, pipelines with real jobs, an endpoint, logs, lists, roles and tags, each by a client
 * of its own that goes on at its own pace. After a warm-up neither server nor router may grow: it fails when the trend is beyond the
 * bound with a confidence of 95 %.
 */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 12);
const WARM_UP_SHARE = 1 / 3;
const SAMPLE_EVERY_MS = 1_000;
const GROWTH_PER_HOUR_MAX_MB = 8;

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

type Load = (aws: AwsClient, n: number) => Promise<unknown>;

/** Each takes its turns for ever; what it makes it removes, but for what is history. */
const LOADS: Readonly<Record<string, { readonly load: Load; readonly everyMs: number }>> = {
  objects: {
    everyMs: 20,
    async load(aws, n) {
      await aws.put(BUCKET, `soak/${n % 200}`, `object ${n} `.repeat(100));
      await aws.get(BUCKET, `soak/${n % 200}`);
      if (n % 50 === 0) await aws.s3('DELETE', `/${BUCKET}/soak/${n % 200}`);
    },
  },
  versions: {
    everyMs: 100,
    async load(aws, n) {
      const { ModelPackageArn = '' } = await aws.call('sagemaker:CreateModelPackage', {
        ModelPackageGroupName: 'soak',
        ModelApprovalStatus: 'PendingManualApproval',
        InferenceSpecification: {
          Containers: [{ Image: 'python:3.11', ModelDataUrl: `s3://${BUCKET}/soak-model.tar.gz` }],
          SupportedContentTypes: ['text/csv'],
          SupportedResponseMIMETypes: ['text/csv'],
        },
        ClientToken: `soak-${process.pid}-${n}`,
      });
      await aws.call('sagemaker:DescribeModelPackage', { ModelPackageName: ModelPackageArn });
      await aws.call('sagemaker:ListModelPackages', { ModelPackageGroupName: 'soak' });
      await aws.call('sagemaker:AddTags', { ResourceArn: ModelPackageArn, Tags: [{ Key: 'n', Value: String(n) }] });
    },
  },
  pipelines: {
    everyMs: 500,
    async load(aws) {
      const { PipelineExecutionArn } = await aws.call('sagemaker:StartPipelineExecution', {
        PipelineName: 'soak',
        PipelineParameters: [{ Name: 'Role', Value: ROLE }],
      });
      for (let status: string | undefined = 'Executing'; status === 'Executing'; ) {
        await pause(200);
        const found = await aws.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: PipelineExecutionArn ?? '' });
        status = found.PipelineExecutionStatus;
        if (status === 'Failed') throw new Error(`An execution failed: ${found.FailureReason}`);
      }
      await aws.call('sagemaker:ListPipelineExecutionSteps', { PipelineExecutionArn });
      const { ProcessingJobSummaries: [job] = [] } = await aws.call('sagemaker:ListProcessingJobs', { MaxResults: 1 });
      await aws.call('logs:FilterLogEvents', {
        logGroupName: '/aws/sagemaker/ProcessingJobs',
        logStreamNamePrefix: job?.ProcessingJobName,
      });
    },
  },
  endpoint: { everyMs: 25, load: (aws, n) => aws.invoke('soak', `${n}`, n % 2 === 0 ? 'runtime' : 'main') },
  refused: {
    everyMs: 100,
    load: (aws, n) =>
      aws.call('sagemaker:DescribeTrainingJob', { TrainingJobName: `nowhere-${n}` }).then(
        () => assert.fail('a job that never was is described'),
        () => undefined,
      ),
  },
  roles: {
    everyMs: 300,
    async load(aws, n) {
      const RoleName = `soak-${n}`;
      await aws.query('iam', { Action: 'CreateRole', RoleName, AssumeRolePolicyDocument: TRUST });
      await aws.query('sts', { Action: 'AssumeRole', RoleArn: ROLE, RoleSessionName: `soak-${n}` });
      await aws.query('iam', { Action: 'DeleteRole', RoleName });
    },
  },
};

suite('a long run of mixed load', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
    const aws = new AwsClient(optionsOf(server));
    await aws.put(BUCKET, 'soak-model.tar.gz', 'a model');
    await aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'soak' });
    await aws.call('sagemaker:CreatePipeline', { PipelineName: 'soak', PipelineDefinition: chainDefinition(3), RoleArn: ROLE });
    await serveModel(aws, 'soak');
  });
  after(() => server.stop());

  test(`neither server nor router grows in ${MINUTES} minutes`, async () => {
    const untilMs = Date.now() + MINUTES * 60_000;
    const aws = new AwsClient(optionsOf(server));
    const done = new Map<string, number>();
    const loads = Object.entries(LOADS).map(async ([name, { load, everyMs }]) => {
      for (let n = 0; Date.now() < untilMs; n += 1) {
        await load(aws, n);
        done.set(name, n + 1);
        await pause(everyMs);
      }
    });
    const { routerPid } = JSON.parse(readFileSync(join(server.folder, 'server.json'), 'utf8')) as { routerPid: number };
    const samples = { server: [] as Sample[], router: [] as Sample[] };
    const watching = (async () => {
      while (Date.now() < untilMs) {
        samples.server.push({ atMs: Date.now(), value: ownMemoryMb(server.pid) });
        samples.router.push({ atMs: Date.now(), value: ownMemoryMb(routerPid) });
        await pause(SAMPLE_EVERY_MS);
      }
    })();
    await Promise.all([...loads, watching]);
    process.stdout.write(`soak: ${[...done].map(([name, count]) => `${count} × ${name}`).join(', ')}\n`);
    for (const [name, taken] of Object.entries(samples)) {
      const trend = trendOf(taken.slice(Math.floor(taken.length * WARM_UP_SHARE)));
      const [first, last] = [taken[0]?.value.toFixed(0), taken.at(-1)?.value.toFixed(0)];
      process.stdout.write(`soak: ${name} ${inWords(trend, 'MB')}; ${first} MB at first, ${last} MB at last\n`);
      assert.ok(trend.low <= GROWTH_PER_HOUR_MAX_MB, `The ${name} grows by ${inWords(trend, 'MB')}.`);
    }
  });
});
