import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { systemClock } from '../../src/platform/clock.ts';
import { createSqliteStore } from '../../src/platform/store/sqlite/sqlite-store.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, ROLE, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { ask, type Built, builtOperations, inputWith, leastInput, stringPaths } from './every-operation.ts';
import { credentialsOf, newUser } from './principals.ts';

const MIGHTY = ROLE.replace(/[^/]*$/, 'mighty');
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { Service: ['sagemaker.amazonaws.com', 'lambda.amazonaws.com'] }, Action: 'sts:AssumeRole' },
  ],
});
/** Operations whose role is asked for, not handed to a service: they have rules of their own. */
const ASK_FOR_ROLES = ['sts:AssumeRole', 'iam:SimulatePrincipalPolicy'];
/** Roles that are handed over with what is not built: the operation says so. */
const NOT_BUILT = /not implemented/i;
/** What an operation looks at first. */
const BESIDE: Readonly<Record<string, object>> = {
  'sagemaker:CreateModelPackage': { ModelPackageName: 'unversioned' },
  'sagemaker:StartPipelineExecution': { PipelineName: 'none' },
  'lambda:CreateFunction': { FunctionName: 'none' },
  'lambda:UpdateFunctionConfiguration': { FunctionName: 'none' },
  'sagemaker:CreateProcessingJob': {
    ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } },
  },
};

suite('roles are lent only by those who may pass them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-roles-'));
  let server: TestServer;
  let aws: AwsClient;
  /** May do everything but pass the mighty role. */
  let limited: AwsClient;
  before(async () => {
    server = await startServer({ folder });
    aws = new AwsClient(optionsOf(server));
    await aws.query('iam', { Action: 'CreateRole', RoleName: 'mighty', AssumeRolePolicyDocument: TRUST });
    limited = await newUser(aws, 'limited', [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', Action: 'iam:PassRole', Resource: MIGHTY },
    ]);
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('every operation that takes a role refuses it to whoever may not pass it, wherever in the input it stands', async () => {
    const places = builtOperations()
      .filter(({ operation, effect }) => effect === 'change' && !ASK_FOR_ROLES.includes(operation.key))
      .flatMap((built) =>
        stringPaths(built, (_member, { shape }) => /^RoleArn$|RoleArn$/.test(shape)).map((path) => ({ built, path })),
      );
    const named = new Set(places.map(({ built }) => built.operation.name));
    for (const known of [
      'CreateTrainingJob',
      'CreateProcessingJob',
      'CreateModel',
      'CreatePipeline',
      'UpdatePipeline',
      'CreateFunction',
    ])
      assert.ok(named.has(known), `${known} takes a role`);
    for (const { built, path } of places) {
      const what = `${built.operation.key} ${path.join('.')}`;
      const answer = await ask(limited, built, { ...inputWith(built, path, MIGHTY), ...BESIDE[built.operation.key] });
      const text = answer?.body.toString('utf8') ?? '';
      if ((answer?.status === 400 || answer?.status === 501) && NOT_BUILT.test(text)) continue;
      assert.match(text, /not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role\/mighty/, what);
      assert.ok(answer && answer.status >= 400 && answer.status < 500, what);
    }
  });

  test('under lenient roles a name that is none is the role it stands for: that one has to be passed', async () => {
    const may = await newUser(aws, 'may-pass-mighty', [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', Action: 'iam:PassRole', NotResource: MIGHTY },
    ]);
    const model = (name: string, ExecutionRoleArn: string) => ({
      ModelName: name,
      ExecutionRoleArn,
      PrimaryContainer: { Image: 'python:3.11', ModelDataUrl: `s3://${BUCKET}/none.tar.gz` },
    });
    for (const other of ['absent', 'mighty/', 'path/mighty', 'MIGHTY']) {
      const arn = ROLE.replace(/[^/]*$/, other);
      await assert.rejects(
        may.call('sagemaker:CreateModel', model('m', arn)),
        /iam:PassRole|ValidationException|regular expression/,
        other,
      );
    }
    const elsewhere = MIGHTY.replace('123456789012', '210987654321');
    await assert.rejects(may.call('sagemaker:CreateModel', model('m', elsewhere)), /iam:PassRole/);
  });

  test('a role is passed to the service that its policy names, and to no other', async () => {
    const to = (service: string) => ({ StringEquals: { 'iam:PassedToService': service } });
    const may = await newUser(aws, 'to-lambda', [
      { Effect: 'Allow', NotAction: 'iam:PassRole', Resource: '*' },
      { Effect: 'Allow', Action: 'iam:PassRole', Resource: '*', Condition: to('lambda.amazonaws.com') },
    ]);
    const job = {
      ProcessingJobName: 'passed',
      RoleArn: MIGHTY,
      AppSpecification: { ImageUri: 'python:3.11' },
      ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } },
    } as const;
    await assert.rejects(may.call('sagemaker:CreateProcessingJob', job), /iam:PassRole/);
  });

  test('what a role trusts it trusts: sessions, services and accounts that it does not name get nothing', async () => {
    const trust = (Principal: object): string =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }] });
    const trusting: Record<string, object> = {
      'of-service': { Service: 'sagemaker.amazonaws.com' },
      'of-other-user': { AWS: 'arn:aws:iam::123456789012:user/somebody' },
      'of-other-account': { AWS: 'arn:aws:iam::210987654321:root' },
      'of-similar': { AWS: 'arn:aws:iam::123456789012:user/admi' },
    };
    for (const [RoleName, principal] of Object.entries(trusting)) {
      await aws.query('iam', { Action: 'CreateRole', RoleName, AssumeRolePolicyDocument: trust(principal) });
      const assume = { Action: 'AssumeRole', RoleArn: ROLE.replace(/[^/]*$/, RoleName), RoleSessionName: 'mine' };
      await assert.rejects(aws.query('sts', assume), { code: 'AccessDenied' }, RoleName);
    }
  });

  test('keys that are inactive or deleted, and sessions of roles that went, end at once; a role made anew is another', async () => {
    const create = { Action: 'CreateRole', RoleName: 'passing', AssumeRolePolicyDocument: trustOf('123456789012') };
    const all = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
    const give = { Action: 'PutRolePolicy', RoleName: 'passing', PolicyName: 'all', PolicyDocument: JSON.stringify(all) };
    await aws.query('iam', create);
    await aws.query('iam', give);
    const RoleArn = ROLE.replace(/[^/]*$/, 'passing');
    const session = credentialsOf(await aws.query('sts', { Action: 'AssumeRole', RoleArn, RoleSessionName: 'mine' }));
    const acting = new AwsClient({ ...aws.options, credentials: session });
    await acting.call('sagemaker:ListPipelines', {});
    await aws.query('iam', { Action: 'DeleteRolePolicy', RoleName: 'passing', PolicyName: 'all' });
    await assert.rejects(acting.call('sagemaker:ListPipelines', {}), { code: 'AccessDeniedException' });
    await assert.rejects(acting.invoke('none', 'x'), { status: 403 });
    await aws.query('iam', { Action: 'DeleteRole', RoleName: 'passing' });
    await aws.query('iam', create);
    await aws.query('iam', give);
    for (const call of [
      () => acting.call('sagemaker:ListPipelines', {}),
      () => acting.s3('GET', '/'),
      () => acting.invoke('none', 'x'),
    ])
      await assert.rejects(call, (error: { status?: number }) => error.status === 403 || error.status === 400, String(call));

    const user = await newUser(aws, 'leaving', [{ Effect: 'Allow', Action: '*', Resource: '*' }]);
    const key = { UserName: 'leaving', AccessKeyId: user.options.credentials.accessKeyId };
    await user.call('sagemaker:ListPipelines', {});
    await aws.query('iam', { Action: 'UpdateAccessKey', ...key, Status: 'Inactive' });
    await assert.rejects(user.call('sagemaker:ListPipelines', {}), { code: 'UnrecognizedClientException' });
    await assert.rejects(user.invoke('none', 'x'), { status: 403 });
    await aws.query('iam', { Action: 'UpdateAccessKey', ...key, Status: 'Active' });
    await user.call('sagemaker:ListPipelines', {});
    await aws.query('iam', { Action: 'DeleteAccessKey', ...key });
    await assert.rejects(user.s3('GET', '/'), { code: 'InvalidAccessKeyId' });
    await assert.rejects(user.invoke('none', 'x'), { status: 403 });
  });

  test('a bucket sends to a queue only with the rights of whoever set that up, whoever writes into it', async () => {
    const notifier = await newUser(aws, 'notifier', [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }]);
    const sqs = async (target: string, input: object) => {
      const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${target}` };
      const { body } = await aws.send({ method: 'POST', path: '/', service: 'sqs', headers, body: JSON.stringify(input) });
      return JSON.parse(body.toString('utf8')) as { QueueUrl?: string; Messages?: { Body: string }[] };
    };
    const { QueueUrl } = await sqs('CreateQueue', { QueueName: 'deputy' });
    const configuration =
      '<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><QueueConfiguration><Event>s3:ObjectCreated:*</Event>' +
      '<Queue>arn:aws:sqs:us-east-1:123456789012:deputy</Queue></QueueConfiguration></NotificationConfiguration>';
    for (const [bucket, by] of Object.entries({ 'deputy-without': notifier, 'deputy-with': aws })) {
      await aws.s3('PUT', `/${bucket}`);
      await by.s3('PUT', `/${bucket}?notification`, configuration);
      await aws.put(bucket, 'object', 'written by one who may send');
    }
    const { Messages: [message] = [] } = await until(
      'a notification',
      () => sqs('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 5, MaxNumberOfMessages: 10 }),
      ({ Messages = [] }) => Messages.length > 0,
    );
    assert.equal(JSON.parse(message?.Body ?? '{}').Records[0].s3.bucket.name, 'deputy-with');
    assert.equal((await sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })).Messages?.length ?? 0, 0);
  });

  test('whoever has no rights can call no operation, and the ledger has every denial, by whom and of what', async () => {
    const nobody = await newUser(aws, 'nobody', [{ Effect: 'Deny', Action: 'none:None', Resource: '*' }]);
    const denials = new Map<string, number>();
    const allowed: string[] = [];
    const unasked: string[] = [];
    for (const built of builtOperations()) {
      const { key } = built.operation;
      const answer = await ask(nobody, built, { ...leastInput(built), ...ownNames(built) });
      const text = `${answer?.headers['x-amzn-errortype'] ?? ''} ${answer?.body.toString('utf8')}`;
      if (answer && answer.status < 300) allowed.push(key);
      else if (/AccessDenied|not authorized/.test(text) || answer?.status === 403) denials.set(key, (denials.get(key) ?? 0) + 1);
      else unasked.push(`${key}: ${answer?.status} ${text.slice(0, 200)}`);
    }
    assert.deepEqual(allowed, ['sts:GetCallerIdentity']);
    assert.deepEqual(unasked, []);
    await assert.rejects(nobody.invoke('none', 'x'), { status: 403 });
    await server.stop();
    const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock });
    const entries = await store.ledger({ afterSequence: 0, limit: 5_000 });
    await store.close();
    const sent = entries.filter(({ entry }) => entry.actor.endsWith(':user/notifier') && entry.action === 'sqs:SendMessage');
    assert.ok(sent.length > 0 && sent.every(({ entry }) => entry.outcome === 'denied'), 'and the ledger says so');
    const recorded = entries.filter(({ entry }) => entry.outcome === 'denied' && entry.actor.endsWith(':user/nobody'));
    assert.equal(
      recorded.length,
      [...denials.values()].reduce((sum, count) => sum + count, 0),
    );
    for (const { entry } of recorded)
      assert.match(`${entry.action} ${entry.resources.join(' ')} ${entry.reason}`, /^\w+:\w+ \S.*not authorized/);
  });
});

/** Names of the account's own: what is named of others is told to be absent before anything is asked. */
function ownNames({ operation }: Built): Record<string, unknown> {
  const arn = (resource: string): string => `arn:aws:sagemaker:us-east-1:123456789012:${resource}`;
  const names: Record<string, unknown> = {
    FunctionName: 'none',
    PipelineName: 'none',
    PipelineExecutionArn: arn('pipeline/none/execution/abcdefghijkl'),
    ModelPackageName: 'none',
    ModelPackageGroupName: 'none',
    ModelPackageArn: arn('model-package/none/1'),
    ModelPackageArnList: [arn('model-package/none/1')],
  };
  const given = Object.entries(names).filter(([member]) => operation.input?.required?.includes(member));
  const logs = /^logs:(DescribeLogStreams|FilterLogEvents|GetLogEvents)$/.test(operation.key) && { logGroupName: 'none' };
  return { ...Object.fromEntries(given), ...logs };
}

const trustOf = (account: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' }],
  });
