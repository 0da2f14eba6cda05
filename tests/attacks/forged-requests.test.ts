import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, ROLE, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { ask, builtOperations, inputWith, stringPaths } from './every-operation.ts';

/** Members that name a place. */
const PLACE = /ur[il]|location|endpoint|host|path|source|destination|image|repository|target|webhook|arn$/i;

/**
 * The server fetches nothing from where a request says: a place outside of its own S3, registry and queues is refused or kept as text, but
 * never asked. Here that place is a server of the test's, which counts who comes.
 */
suite('requests forged through what a call carries', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-forged-'));
  const asked: string[] = [];
  let canary: Server;
  let host = '';
  let server: TestServer;
  let aws: AwsClient;
  before(async () => {
    canary = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.host}`);
      response.end('{}');
    });
    await new Promise<void>((listening) => canary.listen(0, '127.0.0.1', listening));
    host = `127.0.0.1:${(canary.address() as AddressInfo).port}`;
    server = await startServer({ folder });
    aws = new AwsClient(optionsOf(server));
  });
  after(async () => {
    await server.stop();
    canary.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('no member of any operation that names a place makes the server ask there', async () => {
    const forms = [`http://${host}/x`, `s3://${host}/x`];
    let sent = 0;
    for (const built of builtOperations()) {
      const paths = stringPaths(built, (member) => PLACE.test(member)).filter((path) => path.length <= 4);
      for (const path of paths) {
        for (const form of forms) {
          const answer = await ask(aws, built, inputWith(built, path, form));
          const what = `${built.operation.key} ${path.join('.')} ${form}: ${answer?.status} ${answer?.body.toString('utf8').slice(0, 200)}`;
          assert.ok(!answer || answer.status < 500 || answer.status === 501, what);
          sent += 1;
        }
      }
    }
    assert.ok(sent > 500, `${sent} requests`);
    assert.deepEqual(asked, []);
  });

  test('no name of anything leads to a file: outside of the data folder, or of a place in it that is not its own', async () => {
    const escaped = `slipway-escaped-${process.pid}`;
    const nasty = [`../../../../../..${tmpdir()}/${escaped}`, `../${escaped}`, '..'];
    const before = readdirSync(folder).sort();
    for (const built of builtOperations().filter(({ effect }) => effect === 'change')) {
      const paths = stringPaths(built, (member) => /name|key|id$|prefix|path|tag|bucket|stream|group/i.test(member));
      // what is required names what is made; the rest goes into rows
      const required = paths.filter(
        ([first = '', ...more]) => more.length < 2 && built.operation.input?.required?.includes(String(first)),
      );
      for (const path of required) {
        for (const name of nasty) {
          const answer = await ask(aws, built, inputWith(built, path, name));
          const what = `${built.operation.key} ${path.join('.')} ${name}: ${answer?.status} ${answer?.body.toString('utf8').slice(0, 200)}`;
          assert.ok(!answer || answer.status < 500 || answer.status === 501, what);
          assert.ok(!answer?.body.includes(folder), what);
        }
      }
    }
    for (const name of ['..', '../x', `../../${escaped}`]) {
      await aws.call('logs:CreateLogGroup', { logGroupName: name }).catch(() => {});
      await aws.call('logs:CreateLogStream', { logGroupName: name, logStreamName: name }).catch(() => {});
      await aws
        .call('logs:PutLogEvents', {
          logGroupName: name,
          logStreamName: name,
          logEvents: [{ timestamp: Date.now(), message: 'x' }],
        })
        .catch(() => {});
      await aws.s3('PUT', `/${BUCKET}/${encodeURIComponent(name)}`, 'x').catch(() => {});
    }
    const ancestors = [...folder.split('/').keys()].map(
      (at) =>
        folder
          .split('/')
          .slice(0, at + 1)
          .join('/') || '/',
    );
    const found = [...ancestors.flatMap((each) => readdirSync(each).map((name) => join(each, name))), ...allBelow(folder)];
    assert.deepEqual(
      found.filter((path) => basename(path) === escaped),
      [],
    );
    assert.deepEqual(readdirSync(folder).sort(), before);
  });

  test('jobs, models and pipelines that name it as their data or image fail without asking', async () => {
    const PipelineDefinitionS3Location = { Bucket: host.replace(':', '-'), ObjectKey: 'x' };
    const pipeline = { PipelineName: 'forged', RoleArn: ROLE, ClientRequestToken: 'f'.repeat(32), PipelineDefinitionS3Location };
    await assert.rejects(aws.call('sagemaker:CreatePipeline', pipeline), { status: 400 });
    for (const Image of [`${host}/evil:latest`, `http://${host}/evil`]) {
      const PrimaryContainer = { Image, ModelDataUrl: `http://${host}/model.tar.gz` };
      await assert.rejects(aws.call('sagemaker:CreateModel', { ModelName: 'forged', ExecutionRoleArn: ROLE, PrimaryContainer }), {
        status: 400,
      });
    }
    const S3Uri = `s3://${BUCKET}@${host}/data`;
    const input = {
      InputName: 'data',
      S3Input: { S3Uri, LocalPath: '/opt/ml/processing/data', S3DataType: 'S3Prefix', S3InputMode: 'File' },
    } as const;
    const job = {
      ProcessingJobName: 'forged',
      RoleArn: ROLE,
      AppSpecification: { ImageUri: 'python:3.11', ContainerEntrypoint: ['true' as string] },
      ProcessingInputs: [input as never],
      ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large' as const, VolumeSizeInGB: 1 } },
    };
    const refused = await aws.call('sagemaker:CreateProcessingJob', job).then(
      () => false,
      () => true,
    );
    if (!refused) {
      const ended = await until(
        'the end of the job',
        () => aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'forged' }),
        ({ ProcessingJobStatus }) => ProcessingJobStatus !== 'InProgress',
      );
      assert.equal(ended.ProcessingJobStatus, 'Failed');
    }
    assert.deepEqual(asked, []);
  });

  test('headers that name another host change neither where the server goes nor what it says of itself', async () => {
    const forged = {
      'x-forwarded-host': host,
      'x-forwarded-for': '10.0.0.1',
      forwarded: `host=${host}`,
      'x-original-url': `http://${host}/`,
    };
    const target = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.CreateQueue' };
    const queue = await aws.send({
      method: 'POST',
      path: '/',
      service: 'sqs',
      headers: { ...target, ...forged },
      body: '{"QueueName":"forged"}',
    });
    assert.equal(JSON.parse(queue.body.toString('utf8')).QueueUrl, `${server.url}/123456789012/forged`);
    const page = await fetch(`${server.url}/`, { headers: forged, redirect: 'manual' });
    assert.equal(page.headers.get('location'), '/_slipway/ui');
    const password = await registryPassword();
    const upload = await fetch(`${server.url}/v2/forged/blobs/uploads/`, {
      method: 'POST',
      headers: { ...forged, authorization: `Basic ${btoa(`AWS:${password}`)}` },
    });
    assert.equal(upload.status, 202);
    assert.match(upload.headers.get('location') ?? '', /^\/v2\/forged\/blobs\/uploads\//);
    assert.deepEqual(asked, []);
  });

  async function registryPassword(): Promise<string> {
    await aws.call('ecr:CreateRepository', { repositoryName: 'forged' });
    const { authorizationData: [data] = [] } = await aws.call('ecr:GetAuthorizationToken', {});
    return atob(data?.authorizationToken ?? '').slice('AWS:'.length);
  }
});

const allBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
