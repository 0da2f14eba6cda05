import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
 * of its own that goes on at its own pace. After the warm-up what the server holds in memory may not grow, nor what the router has
 * resident: it fails when a trend is beyond its bound with a confidence of 95 %.
 */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 12);
const WARM_UP_SHARE = 1 / 3;
const SAMPLE_EVERY_MS = 1_000;
const GROWTH_PER_HOUR_MAX_MB = { 'held by the server': 4, 'resident in the router': 8 };

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
  const folder = mkdtempSync(join(tmpdir(), 'slipway-soak-'));
  const notes = join(folder, 'notes');
  before(async () => {
    server = await startServer({ entry: resolve(import.meta.dirname, 'soaked-server.ts'), args: [notes] });
    const aws = new AwsClient(optionsOf(server));
    await aws.put(BUCKET, 'soak-model.tar.gz', 'a model');
    await aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'soak' });
    await aws.call('sagemaker:CreatePipeline', { PipelineName: 'soak', PipelineDefinition: chainDefinition(3), RoleArn: ROLE });
    await serveModel(aws, 'soak');
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  test(`${MINUTES} minutes: memory stays`, async () => {
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
    const router: Sample[] = [];
    const watching = (async () => {
      while (Date.now() < untilMs) {
        router.push({ atMs: Date.now(), value: ownMemoryMb(routerPid) });
        await pause(SAMPLE_EVERY_MS);
      }
    })();
    const beganMs = Date.now();
    await Promise.all([...loads, watching]);
    process.stdout.write(`soak: ${[...done].map(([name, count]) => `${count} × ${name}`).join(', ')}\n`);
    const noted = notesOf(notes).filter(({ atMs }) => atMs >= beganMs);
    const warm = <S extends Sample>(samples: S[]) => samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
    const trends = {
      'held by the server': trendOf(warm(noted)),
      'resident in the router': trendOf(warm(router)),
    };
    for (const [what, trend] of Object.entries(trends)) process.stdout.write(`soak: ${what}: ${inWords(trend, 'MB')}\n`);
    const shown = noted.filter((_, at) => at % Math.ceil(noted.length / 10) === 0);
    const told = shown.map(({ value, residentMb }) => `${value.toFixed(1)} (${residentMb.toFixed(0)})`).join(', ');
    process.stdout.write(
      `soak: MB held by the server, and resident: ${told}; resident in the router at last: ${router.at(-1)?.value.toFixed(0)}\n`,
    );
    for (const [what, trend] of Object.entries(trends)) {
      const most = GROWTH_PER_HOUR_MAX_MB[what as keyof typeof trends];
      assert.ok(trend.low <= most, `What is ${what} grows by ${inWords(trend, 'MB')}.`);
    }
  });
});

const MB = 1024 * 1024;

function notesOf(path: string): (Sample & { readonly residentMb: number })[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [atMs = 0, heap = 0, external = 0, resident = 0] = line.split(' ').map(Number);
    return { atMs, value: (heap + external) / MB, residentMb: resident / MB };
  });
}
