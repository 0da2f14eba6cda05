import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/platform/clock.ts';
import type { LedgerInput } from '../../src/platform/ledger/entry.ts';
import { createSqliteStore } from '../../src/platform/store/sqlite/sqlite-store.ts';
import { modelArchive, SERVING_IMAGE } from '../crash/workload.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { ACCOUNT, BUCKET, endOfScript, logOfScript, startScript, until } from '../harness/script-job.ts';
import { startServer } from '../harness/server.ts';

const MIGHTY = `arn:aws:iam::${ACCOUNT}:role/mighty`;
const ALLOW_ALL = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] });
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' },
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' },
  ],
});

const TRUST_OF_SERVICE = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

/** Attempts that IAM refuses: each leaves a denial, in this order. */
const DENIED = [
  ...Array<string>(3).fill('sagemaker:UpdateModelPackage'),
  'sagemaker:CreateModelPackage',
  'iam:CreateRole',
  'iam:PutRolePolicy',
  'iam:DeleteRolePolicy',
  'iam:UpdateAssumeRolePolicy',
  'iam:DeleteRole',
  'iam:TagRole',
  'iam:UntagRole',
  'iam:AttachRolePolicy',
  'iam:CreateUser',
  'iam:CreateAccessKey',
  ...['sagemaker:UpdateModelPackage', 'sagemaker:CreateModelPackage', 'iam:CreateRole', 'sagemaker:UpdateModelPackage'],
  ...['sagemaker:UpdateModelPackage', 'sagemaker:CreateModelPackage', 'iam:CreateRole', 'sagemaker:UpdateModelPackage'],
  'sts:AssumeRole',
  'sagemaker:UpdateModelPackage', // of whoever started the pipeline
];

test('a job whose role allows everything still cannot approve, change identities or shed its bounds; the ledger has each denial', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-session-'));
  const server = await startServer({ folder });
  try {
    const aws = new AwsClient(optionsOf(server));
    await aws.query('iam', { Action: 'CreateRole', RoleName: 'mighty', AssumeRolePolicyDocument: TRUST });
    await aws.query('iam', { Action: 'CreateRole', RoleName: 'closed', AssumeRolePolicyDocument: TRUST_OF_SERVICE });
    await aws.query('iam', { Action: 'PutRolePolicy', RoleName: 'mighty', PolicyName: 'all', PolicyDocument: ALLOW_ALL });
    await aws.put(BUCKET, 'model.tar.gz', await modelArchive('the registered model'));
    await aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'guarded' });
    const { ModelPackageArn: version = '' } = await aws.call('sagemaker:CreateModelPackage', {
      ModelPackageGroupName: 'guarded',
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [{ Image: SERVING_IMAGE, ModelDataUrl: `s3://${BUCKET}/model.tar.gz` }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    });
    const script = readFileSync(join(import.meta.dirname, 'session.py'), 'utf8');
    await startScript(aws, 'session', script, { args: [MIGHTY, version, BUCKET], roleArn: MIGHTY });
    const job = await endOfScript(aws, 'session');
    const lines = await logOfScript(aws, 'session');
    assert.equal(job.ProcessingJobStatus, 'Completed', `${job.FailureReason}\n${lines.join('\n')}`);
    assert.deepEqual(
      lines.filter((line) => !line.includes(': refused (')),
      [lines[0], `registered ${version.replace(/1$/, '2')}`, 'done'],
    );
    assert.match(lines[0] ?? '', /^acts as arn:aws:sts::\d+:assumed-role\/mighty\/processing-job-session-/);
    assert.equal(lines.filter((line) => line.includes(': refused (')).length, 32);
    await assertNothingChanged(aws, version);
    await assertServedAsRegistered(aws, version);
  } finally {
    await server.stop();
  }
  const denied = (await ledgerOf(folder)).filter(({ outcome }) => outcome === 'denied');
  assert.deepEqual(
    denied.map(({ action }) => action),
    DENIED,
  );
  assert.ok(denied.every(({ actor }) => actor.includes(':assumed-role/mighty/')));
  assert.ok(
    denied.every(({ origin }) => String(origin?.onBehalfOf).endsWith(':processing-job/session')),
    'and for which job it was',
  );
  rmSync(folder, { recursive: true, force: true });
});

async function assertNothingChanged(aws: AwsClient, version: string): Promise<void> {
  const described = await aws.call('sagemaker:DescribeModelPackage', { ModelPackageName: version });
  assert.deepEqual([described.ModelApprovalStatus, described.ApprovalDescription], ['PendingManualApproval', undefined]);
  const { ModelPackageSummaryList = [] } = await aws.call('sagemaker:ListModelPackages', { ModelPackageGroupName: 'guarded' });
  assert.deepEqual(
    [...new Set(ModelPackageSummaryList.map(({ ModelApprovalStatus }) => ModelApprovalStatus))],
    ['PendingManualApproval'],
  );
  const roles = await aws.query('iam', { Action: 'ListRoles' });
  assert.deepEqual([...roles.matchAll(/<RoleName>(.*?)<\/RoleName>/g)].map(([, name]) => name).sort(), [
    'SageMakerPipelineExecutionRole',
    'closed',
    'mighty',
  ]);
  const policies = await aws.query('iam', { Action: 'ListRolePolicies', RoleName: 'mighty' });
  assert.deepEqual(
    [...policies.matchAll(/<member>(.*?)<\/member>/g)].map(([, name]) => name),
    ['all'],
  );
}

/** The job has overwritten the object that the version names: what was registered is served, not what lies there now. */
async function assertServedAsRegistered(aws: AwsClient, version: string): Promise<void> {
  await aws.call('sagemaker:UpdateModelPackage', { ModelPackageArn: version, ModelApprovalStatus: 'Approved' });
  await aws.call('sagemaker:CreateModel', {
    ModelName: 'approved',
    ExecutionRoleArn: MIGHTY,
    PrimaryContainer: { ModelPackageName: version },
  });
  await aws.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName: 'approved',
    ProductionVariants: [
      { VariantName: 'AllTraffic', ModelName: 'approved', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
    ],
  });
  await aws.call('sagemaker:CreateEndpoint', { EndpointName: 'approved', EndpointConfigName: 'approved' });
  const { EndpointStatus, FailureReason } = await until(
    'the endpoint',
    () => aws.call('sagemaker:DescribeEndpoint', { EndpointName: 'approved' }),
    ({ EndpointStatus }) => EndpointStatus !== 'Creating',
  );
  assert.equal(EndpointStatus, 'InService', FailureReason);
  assert.equal(await aws.invoke('approved', 'row'), 'the registered model row');
}

async function ledgerOf(folder: string): Promise<LedgerInput[]> {
  const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock });
  const entries = await store.ledger({ afterSequence: 0, limit: 1000 });
  await store.close();
  return entries.map(({ entry }) => entry);
}
