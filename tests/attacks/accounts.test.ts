import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { keyOf } from '../../src/platform/resources/declaration.ts';
import { seedIdentity } from '../../src/domains/identity/seed.ts';
import { DEFAULT_ROLE, ROLE as ROLE_KIND, type RoleDocument } from '../../src/domains/identity/resources.ts';
import { rolePrincipal } from '../../src/domains/identity/sessions.ts';
import { sealSession } from '../../src/platform/authorization/session-token.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemIds } from '../../src/platform/ids.ts';
import { GLOBAL } from '../../src/platform/resource-key.ts';
import { createSqliteStore } from '../../src/platform/store/sqlite/sqlite-store.ts';
import { serveModel } from '../crash/model-endpoint.ts';
import { pipelineDefinition } from '../crash/workload.ts';
import { AwsClient, optionsOf, Refused } from '../harness/aws-client.ts';
import { BUCKET, endOfScript, ROLE, startScript, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { ask, builtOperations, inputsOf } from './every-operation.ts';
import { HIDDEN, makePrivateThings } from './private-things.ts';

const OTHER_ACCOUNT = '210987654321';

/**
 * A second account in the same store: its own user, key and role, all with rights to everything of their account. What the
 * first account has must not be there for it.
 */
suite('another account', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-accounts-'));
  let server: TestServer;
  let own: AwsClient;
  /** A session of the other account's role. */
  let other: AwsClient;
  /** The other account's user. */
  let otherUser: AwsClient;
  let execution = '';
  let version = '';

  before(async () => {
    await (await startServer({ folder })).stop();
    const { session, key } = await seedAccount(folder);
    server = await startServer({ folder });
    own = new AwsClient(optionsOf(server));
    other = new AwsClient({ ...optionsOf(server), credentials: session });
    otherUser = new AwsClient({ ...optionsOf(server), credentials: key });
    await serveModel(own, 'private');
    await startScript(own, 'private', "print('secret log line')");
    await endOfScript(own, 'private');
    await own.call('sagemaker:CreatePipeline', {
      PipelineName: 'private',
      RoleArn: ROLE,
      PipelineDefinition: pipelineDefinition(),
      ClientRequestToken: 'private'.repeat(6),
      Tags: [{ Key: 'secret', Value: 'tag' }],
    });
    const parameters = ['Label', 'BusyMs', 'Quality', 'ExitCode'].map((Name) => ({ Name, Value: '0' }));
    const started = await own.call('sagemaker:StartPipelineExecution', {
      PipelineName: 'private',
      PipelineParameters: parameters,
      ClientRequestToken: 'execution'.repeat(4),
    });
    execution = started.PipelineExecutionArn ?? '';
    await own.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'private' });
    const created = await own.call('sagemaker:CreateModelPackage', {
      ModelPackageGroupName: 'private',
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [{ Image: 'python:3.11', ModelDataUrl: `s3://${BUCKET}/models/private.tar.gz` }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    });
    version = created.ModelPackageArn ?? '';
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('its session is one of its own account; its user signs in nowhere here', async () => {
    assert.match(await other.query('sts', { Action: 'GetCallerIdentity' }), new RegExp(`<Account>${OTHER_ACCOUNT}</Account>`));
    await assert.rejects(otherUser.query('sts', { Action: 'GetCallerIdentity' }), { code: 'InvalidClientTokenId', status: 403 });
    await assert.rejects(otherUser.call('sagemaker:ListPipelines', {}), { status: 400 });
    await assert.rejects(otherUser.s3('GET', `/${BUCKET}`), { code: 'InvalidAccessKeyId' });
    await assert.rejects(otherUser.invoke('private', 'x'), { status: 403 });
  });

  test('every list is empty', async () => {
    const lists: [string, () => Promise<object>][] = [
      ['ListPipelines', () => other.call('sagemaker:ListPipelines', {})],
      ['ListProcessingJobs', () => other.call('sagemaker:ListProcessingJobs', {})],
      ['ListTrainingJobs', () => other.call('sagemaker:ListTrainingJobs', {})],
      ['ListModels', () => other.call('sagemaker:ListModels', {})],
      ['ListModelPackageGroups', () => other.call('sagemaker:ListModelPackageGroups', {})],
      ['ListModelPackages', () => other.call('sagemaker:ListModelPackages', {})],
      ['ListEndpointConfigs', () => other.call('sagemaker:ListEndpointConfigs', {})],
      ['ListEndpoints', () => other.call('sagemaker:ListEndpoints', {})],
      ['DescribeLogGroups', () => other.call('logs:DescribeLogGroups', {})],
    ];
    for (const [name, list] of lists) {
      const found = Object.values(await list()).filter((value) => Array.isArray(value) && value.length > 0);
      assert.deepEqual(found, [], name);
    }
    assert.doesNotMatch((await other.s3('GET', '/')).body.toString('utf8'), /<Name>/);
  });

  test('nothing is described by name or by ARN', async () => {
    const arnOf = (resource: string) => `arn:aws:sagemaker:us-east-1:123456789012:${resource}`;
    const reads: (() => Promise<object>)[] = [
      ...['private', arnOf('pipeline/private')].flatMap((PipelineName) => [
        () => other.call('sagemaker:DescribePipeline', { PipelineName }),
        () => other.call('sagemaker:ListPipelineExecutions', { PipelineName }),
        () => other.call('sagemaker:ListPipelineVersions', { PipelineName }),
      ]),
      () => other.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: execution }),
      () => other.call('sagemaker:DescribePipelineDefinitionForExecution', { PipelineExecutionArn: execution }),
      () => other.call('sagemaker:ListPipelineExecutionSteps', { PipelineExecutionArn: execution }),
      () => other.call('sagemaker:ListPipelineParametersForExecution', { PipelineExecutionArn: execution }),
      () => other.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'private' }),
      () => other.call('sagemaker:DescribeModel', { ModelName: 'private' }),
      () => other.call('sagemaker:DescribeEndpoint', { EndpointName: 'private' }),
      () => other.call('sagemaker:DescribeEndpointConfig', { EndpointConfigName: 'private' }),
      ...['private', arnOf('model-package-group/private')].flatMap((ModelPackageGroupName) => [
        () => other.call('sagemaker:DescribeModelPackageGroup', { ModelPackageGroupName }),
        () => other.call('sagemaker:ListModelPackages', { ModelPackageGroupName }),
      ]),
      ...['pipeline/private', 'model/private', 'endpoint/private', 'model-package-group/private', 'processing-job/private'].map(
        (resource) => () => other.call('sagemaker:ListTags', { ResourceArn: arnOf(resource) }),
      ),
      () => other.call('sagemaker:DescribeModelPackage', { ModelPackageName: version }),
      () => other.call('sagemaker:BatchDescribeModelPackage', { ModelPackageArnList: [version] }),
      () => other.call('logs:DescribeLogStreams', { logGroupName: '/aws/sagemaker/ProcessingJobs' }),
      () => other.call('logs:GetLogEvents', { logGroupName: '/aws/sagemaker/ProcessingJobs', logStreamName: 'private/algo-1' }),
      () => other.get(BUCKET, 'models/private.tar.gz'),
      () => other.s3('HEAD', `/${BUCKET}/models/private.tar.gz`),
      () => other.s3('GET', `/${BUCKET}?list-type=2`),
      () => other.s3('GET', `/${BUCKET}?uploads`),
      () => other.s3('HEAD', `/${BUCKET}`),
    ];
    for (const [n, read] of reads.entries()) {
      const outcome = await read().catch((error: unknown) => error);
      if (outcome instanceof Refused) assert.ok(outcome.status >= 400 && outcome.status < 500, `read ${n}: ${outcome.status}`);
      // a list by a name it does not have may be empty instead of refused
      else
        assert.deepEqual(
          Object.values(outcome as object).filter((value) => Array.isArray(value) && value.length > 0),
          [],
          String(reads[n]),
        );
    }
  });

  test('nothing is changed, started, served or lent', async () => {
    const changes: (() => Promise<unknown>)[] = [
      () => other.call('sagemaker:UpdateModelPackage', { ModelPackageArn: version, ModelApprovalStatus: 'Approved' }),
      () => other.call('sagemaker:DeleteModelPackage', { ModelPackageName: version }),
      () =>
        other.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: execution, ClientRequestToken: 'x'.repeat(36) }),
      () =>
        other.call('sagemaker:StartPipelineExecution', {
          PipelineName: 'arn:aws:sagemaker:us-east-1:123456789012:pipeline/private',
          ClientRequestToken: 'x'.repeat(36),
        }),
      () => other.call('sagemaker:DeleteEndpoint', { EndpointName: 'private' }),
      () => other.call('sagemaker:AddTags', { ResourceArn: version, Tags: [{ Key: 'a', Value: 'b' }] }),
      () => other.put(BUCKET, 'models/private.tar.gz', 'other'),
      () => other.s3('DELETE', `/${BUCKET}/models/private.tar.gz`),
      () => other.invoke('private', 'x'),
      () => other.invoke('private', 'x', 'main'),
      () => other.query('sts', { Action: 'AssumeRole', RoleArn: ROLE, RoleSessionName: 'other' }),
      () => startScript(other, 'lent', 'pass'), // by a role of the first account, and with code in its bucket
      () =>
        other
          .call('sagemaker:CreatePipeline', {
            PipelineName: 'lent',
            RoleArn: ROLE,
            PipelineDefinition: pipelineDefinition(),
            ClientRequestToken: 'y'.repeat(36),
          })
          .then(() =>
            other.call('sagemaker:StartPipelineExecution', { PipelineName: 'lent', ClientRequestToken: 'z'.repeat(36) }),
          ),
      () =>
        other.call('sagemaker:CreateModel', {
          ModelName: 'lent',
          ExecutionRoleArn: ROLE.replace('123456789012', OTHER_ACCOUNT),
          PrimaryContainer: { ModelPackageName: version },
        }),
    ];
    for (const change of changes)
      await assert.rejects(change, (error) => error instanceof Refused && error.status < 500, String(change));
    assert.equal(await own.invoke('private', 'row'), 'private row');
    const described = await own.call('sagemaker:DescribeModelPackage', { ModelPackageName: version });
    assert.equal(described.ModelApprovalStatus, 'PendingManualApproval');
    assert.notEqual((await own.get(BUCKET, 'models/private.tar.gz')).toString('utf8'), 'other');
  });

  let things: Record<string, unknown[]>;
  test('what is private of the first account is made', async () => {
    things = { ...(await makePrivateThings(own)), PipelineExecutionArn: [execution] };
    await until(
      'the function',
      () => own.send({ method: 'GET', path: '/2015-03-31/functions/private/configuration', service: 'lambda' }),
      ({ body }) => !body.includes('Pending'),
    );
    await until(
      'the execution',
      () => own.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: execution }),
      ({ PipelineExecutionStatus }) => PipelineExecutionStatus !== 'Executing',
    );
  });

  test('every operation that reads: by every name and ARN of the first account there is nothing, and lists are empty', async () => {
    const known = /hidden-7f3a91|hidden7f3a91|:123456789012:[^"<]*private/;
    const seen = new Set<string>();
    const reads = builtOperations().filter(({ effect }) => effect === 'read');
    for (const built of reads) {
      for (const input of inputsOf(built, things)) {
        const answer = await ask(other, built, input);
        if (!answer) continue;
        const what = `${built.operation.key} ${JSON.stringify(input)}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`;
        assert.ok(answer.status < 500 || answer.status === 501, what);
        assert.ok(!answer.body.includes(HIDDEN) && !JSON.stringify(answer.headers).includes(HIDDEN), what);
        // what was asked for may be named again, as absent; what was not must not appear
        const told = answer.status < 300 ? known.exec(answer.body.toString('utf8'))?.[0] : undefined;
        assert.ok(told === undefined || JSON.stringify(input).includes(told), what);
        const names = (built.operation.input?.required ?? []).some((member) => member in things || /name$|arn$/i.test(member));
        const control = seen.has(built.operation.key) && answer.status >= 300 ? undefined : await ask(own, built, input);
        const text = `${control?.body.toString('utf8')} ${JSON.stringify(control?.headers)}`;
        const found = control !== undefined && control.status < 300 && (known.test(text) || text.includes('private'));
        // what is there for the first account must not even look the same
        const open = ANYONES.includes(built.operation.key) || (!found && OF_ANY_ARN.includes(built.operation.key));
        const same = names && control && answer.status < 300 && !open;
        assert.ok(!same || plain(control.body) !== plain(answer.body), what);
        if (found) seen.add(built.operation.key);
      }
    }
    const unseen = reads.map(({ operation }) => operation.key).filter((key) => !seen.has(key));
    assert.ok(seen.size > reads.length * 0.65, `its own account finds too little to compare: ${unseen.join(' ')}`);
  });

  test('every operation that changes: called with every name and ARN of the first account, it leaves what is there as it was', async () => {
    const state = async (): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const built of builtOperations().filter(({ effect }) => effect === 'read')) {
        const [input = {}] = inputsOf(built, things);
        const answer = await ask(own, built, input);
        const text = answer ? plain(answer.body) : '';
        // tokens and passwords are new each time
        if (!/Random|AuthorizationToken|DownloadUrl/.test(built.operation.key))
          found[built.operation.key] = `${answer?.status} ${text}`;
      }
      return found;
    };
    const before = await state();
    for (const built of builtOperations().filter(({ effect }) => effect === 'change')) {
      if (/:Create(ProcessingJob|TrainingJob|TransformJob)$/.test(built.operation.key)) continue; // they would run: see above
      for (const input of inputsOf(built, things)) {
        const answer = await ask(other, built, input);
        const what = `${built.operation.key} ${JSON.stringify(input)}: ${answer?.status} ${answer?.body.toString('utf8').slice(0, 300)}`;
        assert.ok(!answer || answer.status < 500 || answer.status === 501, what);
        assert.ok(!answer?.body.includes(HIDDEN), what);
      }
    }
    const after = await state();
    for (const [name, text] of Object.entries(before)) assert.equal(after[name], text, name);
    assert.equal(await own.invoke('private', 'row'), 'private row');
  });

  test('the same names are free for it, and stay apart', async () => {
    await other.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'private' });
    const group = await other.call('sagemaker:DescribeModelPackageGroup', { ModelPackageGroupName: 'private' });
    assert.match(group.ModelPackageGroupArn ?? '', new RegExp(`:${OTHER_ACCOUNT}:`));
    await other.call('sagemaker:DeleteModelPackageGroup', { ModelPackageGroupName: 'private' });
    await own.call('sagemaker:DescribeModelPackageGroup', { ModelPackageGroupName: 'private' });
  });
});

/** They say something of what is given with the call, not of what anyone has. */
const ANYONES = ['iam:SimulateCustomPolicy'];
/** They list what is one's own by an ARN of whosever: none for both where the first account has none either. */
const OF_ANY_ARN = ['events:ListRuleNamesByTarget'];
/** Without what differs from answer to answer. */
const plain = (body: Buffer): string =>
  body.toString('utf8').replaceAll(/<RequestId>.*?<\/RequestId>|\/functions\/code\/[^"]*/g, '');

/** Written through the store, as a server of that account would at its first start. */
async function seedAccount(folder: string) {
  const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock });
  const sealingKey = readFileSync(join(folder, 'keys/sealing.key'), 'utf8').trim();
  const key = await seedIdentity({ store, clock: systemClock, ids: systemIds, account: OTHER_ACCOUNT, sealingKey });
  const row = await store.get<RoleDocument>(keyOf(ROLE_KIND, { account: OTHER_ACCOUNT, region: GLOBAL }, DEFAULT_ROLE));
  assert.ok(row);
  await store.close();
  const principal = rolePrincipal(OTHER_ACCOUNT, row.document, 'visitor');
  return { key, session: sealSession(sealingKey, principal, Date.now() + 3_600_000, systemIds) };
}
