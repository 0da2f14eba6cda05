import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { modelArchive, SERVING_IMAGE } from '../crash/workload.ts';
import { serveModel } from '../crash/model-endpoint.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, ROLE, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { newUser } from './principals.ts';

const GROUP = 'guarded';
const CONTAINER = { Image: SERVING_IMAGE, ModelDataUrl: `s3://${BUCKET}/guarded.tar.gz` };
const SPECIFICATION = { Containers: [CONTAINER], SupportedContentTypes: ['text/csv'], SupportedResponseMIMETypes: ['text/csv'] };
const REFUSED = /cannot be served: its ModelApprovalStatus is/;

/** Every way by which a version could come to serve that nobody approved. */
suite('what is not approved is not served', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-approval-'));
  let server: TestServer;
  let aws: AwsClient;
  /** May do everything but approve. */
  let engineer: AwsClient;
  before(async () => {
    server = await startServer({ folder });
    aws = new AwsClient(optionsOf(server));
    await aws.put(BUCKET, 'guarded.tar.gz', await modelArchive('guarded'));
    await aws.put(BUCKET, 'other.tar.gz', await modelArchive('other'));
    await aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: GROUP });
    const approving = { StringEquals: { 'sagemaker:ModelApprovalStatus': 'Approved' } };
    engineer = await newUser(aws, 'engineer', [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      {
        Effect: 'Deny',
        Action: ['sagemaker:UpdateModelPackage', 'sagemaker:CreateModelPackage'],
        Resource: '*',
        Condition: approving,
      },
      { Effect: 'Deny', Action: 'iam:*', NotResource: ROLE },
    ]);
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  type Status = 'Approved' | 'Rejected' | 'PendingManualApproval';
  const register = async (
    by: AwsClient,
    ModelApprovalStatus: Status = 'PendingManualApproval',
    group = GROUP,
  ): Promise<string> => {
    const input = { ModelPackageGroupName: group, ModelApprovalStatus, InferenceSpecification: SPECIFICATION };
    return (await by.call('sagemaker:CreateModelPackage', input)).ModelPackageArn ?? '';
  };
  const decide = (by: AwsClient, ModelPackageArn: string, ModelApprovalStatus: Status) =>
    by.call('sagemaker:UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus });
  const model = (name: string, container: object, more: object = {}) =>
    engineer.call('sagemaker:CreateModel', { ModelName: name, ExecutionRoleArn: ROLE, PrimaryContainer: container, ...more });
  const config = async (
    name: string,
    ModelName: string,
    variant: object = { InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
    more = {},
  ) => {
    const ProductionVariants = [{ VariantName: 'AllTraffic', ModelName, ...variant }];
    await engineer.call('sagemaker:CreateEndpointConfig', { EndpointConfigName: name, ProductionVariants, ...more } as never);
  };

  test('whoever may not approve does so by no member, spelling or way of registering', async () => {
    const version = await register(engineer);
    const denied = { code: 'AccessDeniedException' };
    await assert.rejects(decide(engineer, version, 'Approved'), denied);
    await assert.rejects(decide(engineer, version.replace(GROUP, 'GUARDED'), 'Approved'), denied);
    await assert.rejects(register(engineer, 'Approved'), denied);
    await assert.rejects(
      register(engineer, 'Approved', version.replace(/model-package\/(\w+)\/\d+$/, 'model-package-group/$1')),
      denied,
    );
    const { ModelApprovalStatus } = await aws.call('sagemaker:DescribeModelPackage', { ModelPackageName: version });
    assert.equal(ModelApprovalStatus, 'PendingManualApproval');
  });

  test('a version that waits or was rejected becomes no model, however it is named', async () => {
    const waiting = await register(engineer);
    const rejected = await register(engineer);
    await decide(aws, rejected, 'Rejected');
    for (const ModelPackageName of [waiting, rejected, waiting.replace(GROUP, 'Guarded')]) {
      for (const container of [
        { ModelPackageName },
        { ModelPackageName, Environment: { A: 'b' } },
        { ModelPackageName, ContainerHostname: 'x' },
      ])
        await assert.rejects(model('unapproved', container), REFUSED);
      const Containers = [{ Image: SERVING_IMAGE, ModelDataUrl: CONTAINER.ModelDataUrl }, { ModelPackageName }];
      await assert.rejects(model('unapproved', {}, { PrimaryContainer: undefined, Containers }), REFUSED);
      await assert.rejects(model('unapproved', { ModelPackageName, Mode: 'MultiModel' }), /cannot come from a model package/);
      await assert.rejects(model('unapproved', { ModelPackageName, Image: SERVING_IMAGE }), /leave Image/);
    }
  });

  test('a model of before the withdrawal comes to serve in no way: endpoints of every kind, their update, batch transform', async () => {
    await serveModel(aws, 'serving');
    const version = await register(engineer);
    await decide(aws, version, 'Approved');
    await model('once-approved', { ModelPackageName: version });
    await config('plain', 'once-approved');
    await config('serverless', 'once-approved', { ServerlessConfig: { MemorySizeInMB: 1024, MaxConcurrency: 1 } });
    const AsyncInferenceConfig = { OutputConfig: { S3OutputPath: `s3://${BUCKET}/async` } };
    await config('asynchronous', 'once-approved', undefined, { AsyncInferenceConfig });
    for (const status of ['Rejected', 'PendingManualApproval'] as const) {
      await decide(aws, version, status);
      for (const EndpointConfigName of ['plain', 'serverless', 'asynchronous']) {
        await assert.rejects(engineer.call('sagemaker:CreateEndpoint', { EndpointName: 'new', EndpointConfigName }), REFUSED);
        await assert.rejects(engineer.call('sagemaker:UpdateEndpoint', { EndpointName: 'serving', EndpointConfigName }), REFUSED);
      }
      await assert.rejects(engineer.call('sagemaker:CreateTransformJob', transformOf('once-approved')), REFUSED);
    }
    await assert.rejects(engineer.call('sagemaker:DescribeEndpoint', { EndpointName: 'new' }), { status: 400 });
    assert.equal(await aws.invoke('serving', 'row'), 'serving row');
  });

  test('what an approved version serves is not exchanged behind its approval', async () => {
    const version = await register(engineer);
    await decide(aws, version, 'Approved');
    const InferenceSpecification = {
      ...SPECIFICATION,
      Containers: [{ ...CONTAINER, ModelDataUrl: `s3://${BUCKET}/other.tar.gz` }],
    };
    const update = (more: object) => engineer.call('sagemaker:UpdateModelPackage', { ModelPackageArn: version, ...more });
    const AdditionalInferenceSpecificationsToAdd = [{ ...InferenceSpecification, Name: 'other' }];
    await assert.rejects(update({ InferenceSpecification }), /is Approved, so what it serves cannot be changed/);
    await assert.rejects(update({ AdditionalInferenceSpecificationsToAdd }), /is Approved, so what it serves cannot be changed/);
    await assert.rejects(update({ InferenceSpecification, ModelApprovalStatus: 'Approved' }), { code: 'AccessDeniedException' });
    // with the approval taken back it can be, and is then not served
    await update({ InferenceSpecification, ModelApprovalStatus: 'PendingManualApproval' });
    await assert.rejects(model('exchanged', { ModelPackageName: version }), REFUSED);
    await aws.put(BUCKET, 'guarded.tar.gz', await modelArchive('overwritten'));
    const next = await register(engineer);
    await aws.put(BUCKET, 'guarded.tar.gz', await modelArchive('guarded'));
    await decide(aws, next, 'Approved');
    await model('as-registered', { ModelPackageName: next });
  });

  test('a number is given out once; a group made anew approves nothing of its predecessor', async () => {
    await aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'renewed' });
    const first = await register(engineer, undefined, 'renewed');
    await decide(aws, first, 'Approved');
    await model('of-renewed', { ModelPackageName: first });
    await config('of-renewed', 'of-renewed');
    await engineer.call('sagemaker:DeleteModelPackage', { ModelPackageName: first });
    assert.match(await register(engineer, undefined, 'renewed'), /\/2$/);
    const deploy = () => engineer.call('sagemaker:CreateEndpoint', { EndpointName: 'renewed', EndpointConfigName: 'of-renewed' });
    await assert.rejects(deploy(), /does not exist/);
    await engineer.call('sagemaker:DeleteModelPackage', { ModelPackageName: first.replace(/1$/, '2') });
    await engineer.call('sagemaker:DeleteModelPackageGroup', { ModelPackageGroupName: 'renewed' });
    await engineer.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'renewed' });
    assert.equal(await register(engineer, undefined, 'renewed'), first);
    await assert.rejects(deploy(), REFUSED);
  });

  test('a pipeline lends nobody its right: neither who starts it, nor who retries or updates what another started', async () => {
    const RegisterModel = (ModelPackageGroupName: string) => ({
      Name: 'Register',
      Type: 'RegisterModel',
      Arguments: {
        ModelPackageGroupName,
        ModelApprovalStatus: { Get: 'Parameters.Status' },
        InferenceSpecification: SPECIFICATION,
      },
    });
    const ofGroup =
      (await aws.call('sagemaker:DescribeModelPackageGroup', { ModelPackageGroupName: GROUP })).ModelPackageGroupArn ?? '';
    for (const [name, group] of Object.entries({ byName: GROUP, byCase: 'GUARDED', byArn: ofGroup, absent: 'not-there-yet' })) {
      const PipelineDefinition = JSON.stringify({
        Version: '2020-12-01',
        Metadata: {},
        Parameters: [{ Name: 'Status', Type: 'String', DefaultValue: 'Approved' }],
        Steps: [RegisterModel(group)],
      });
      const token = name.padEnd(32, '0');
      await aws.call('sagemaker:CreatePipeline', {
        PipelineName: name,
        RoleArn: ROLE,
        PipelineDefinition,
        ClientRequestToken: token,
      });
      const { PipelineExecutionArn = '' } = await engineer.call('sagemaker:StartPipelineExecution', {
        PipelineName: name,
        ClientRequestToken: token,
      });
      assert.match(
        await endOf(PipelineExecutionArn),
        /Failed .*RegisterModel step may register a model as Approved only if/,
        name,
      );
      await engineer.call('sagemaker:RetryPipelineExecution', { PipelineExecutionArn, ClientRequestToken: `${token}1` });
      assert.match(await endOf(PipelineExecutionArn), /Failed .*only if whoever started/, name);
    }
    const { ModelPackageSummaryList = [] } = await aws.call('sagemaker:ListModelPackages', {
      ModelApprovalStatus: 'Approved',
      ModelPackageGroupName: GROUP,
    });
    const approvers = await Promise.all(
      ModelPackageSummaryList.map(async ({ ModelPackageArn = '' }) => {
        const described = await aws.call('sagemaker:DescribeModelPackage', { ModelPackageName: ModelPackageArn });
        return described.LastModifiedBy?.IamIdentity?.Arn;
      }),
    );
    assert.deepEqual([...new Set(approvers)], ['arn:aws:iam::123456789012:user/admin']);
  });

  /** `<status> <reason of its only step>`. */
  async function endOf(PipelineExecutionArn: string): Promise<string> {
    const ended = await until(
      'the execution',
      () => aws.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn }),
      ({ PipelineExecutionStatus }) => PipelineExecutionStatus !== 'Executing',
    );
    const { PipelineExecutionSteps: [step] = [] } = await aws.call('sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn,
    });
    return `${ended.PipelineExecutionStatus} ${step?.FailureReason ?? ''}`;
  }
});

const transformOf = (ModelName: string) => ({
  TransformJobName: 'unapproved',
  ModelName,
  TransformInput: { DataSource: { S3DataSource: { S3DataType: 'S3Prefix' as const, S3Uri: `s3://${BUCKET}/in` } } },
  TransformOutput: { S3OutputPath: `s3://${BUCKET}/out` },
  TransformResources: { InstanceType: 'ml.m5.large' as const, InstanceCount: 1 },
});
