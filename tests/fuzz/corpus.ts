import { presignUrl } from '../../src/gateway/signature/sign.ts';
import { serveModel } from '../crash/model-endpoint.ts';
import { AwsClient, type AwsOptions, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, ROLE } from '../harness/script-job.ts';
import type { TestServer } from '../harness/server.ts';
import { serviceOf } from './check-answer.ts';
import { awaitDeliveries, DELIVERY_CALLS } from './delivery-corpus.ts';
import { CONTENTS, digestOf, MANIFEST, PLAIN_PIPELINE, WAITING_PIPELINE } from './documents.ts';
import { encodeInput } from './encode-input.ts';
import { bytesOf, type Target } from './fuzz-request.ts';
import { LIKELY_INPUTS } from './likely-inputs.ts';
import { KnownValues } from './known-values.ts';
import { WireConnection } from './wire-connection.ts';

/** What lies on the server before the first request, and what it takes to ask as somebody. */
export interface Corpus {
  readonly target: Target;
  readonly known: KnownValues;
  /** Names without which no further request would be let in. */
  readonly spared: ReadonlySet<string>;
  /** Of a browser that signed in. */
  readonly cookie: string;
  /** Of a client of the image registry. */
  readonly registryPassword: string;
}

const ACCOUNT = '123456789012';
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});
const POLICY = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] });
const IMAGE = `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3`;
const MODEL_DATA = `s3://${BUCKET}/models/target.tar.gz`;

/** In this order: an operation's key and its input, in the form of its protocol. */
const CALLS: readonly (readonly [operation: string, input: Record<string, unknown>])[] = [
  ['iam:CreateRole', { RoleName: 'fuzz-role', AssumeRolePolicyDocument: TRUST, Tags: [{ Key: 'a', Value: 'b' }] }],
  ['iam:PutRolePolicy', { RoleName: 'fuzz-role', PolicyName: 'inline', PolicyDocument: POLICY }],
  ['iam:CreatePolicy', { PolicyName: 'fuzz-policy', PolicyDocument: POLICY }],
  ['iam:CreateUser', { UserName: 'fuzz-user' }],
  ['iam:PutUserPolicy', { UserName: 'fuzz-user', PolicyName: 'inline', PolicyDocument: POLICY }],
  ['iam:CreateGroup', { GroupName: 'fuzz-group' }],
  ['iam:PutGroupPolicy', { GroupName: 'fuzz-group', PolicyName: 'inline', PolicyDocument: POLICY }],
  ['iam:CreateServiceSpecificCredential', { UserName: 'fuzz-user', ServiceName: 'codecommit.amazonaws.com' }],
  ['iam:CreateAccessKey', { UserName: 'fuzz-user' }],
  ['iam:AttachRolePolicy', { RoleName: 'fuzz-role', PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/fuzz-policy` }],
  ['s3:CreateBucket', { Bucket: 'fuzz-bucket' }],
  ['s3:PutBucketVersioning', { Bucket: 'fuzz-bucket', VersioningConfiguration: { Status: 'Enabled' } }],
  ['s3:PutObject', { Bucket: 'fuzz-bucket', Key: 'a/b c/ü.txt', Body: Buffer.from('content'), Metadata: { one: '1' } }],
  ['s3:PutObject', { Bucket: 'fuzz-bucket', Key: 'a/b c/ü.txt', Body: Buffer.from('newer content') }],
  ['s3:PutObject', { Bucket: BUCKET, Key: 'kept', Body: Buffer.from('x'.repeat(100_000)) }],
  ['s3:CreateMultipartUpload', { Bucket: 'fuzz-bucket', Key: 'parts' }],
  ['sqs:CreateQueue', { QueueName: 'fuzz-dead' }],
  ['sqs:CreateQueue', { QueueName: 'fuzz-queue', Attributes: { VisibilityTimeout: '1' } }],
  ['sqs:SendMessage', { QueueUrl: 'fuzz-queue', MessageBody: 'one' }],
  ['sqs:ReceiveMessage', { QueueUrl: 'fuzz-queue', WaitTimeSeconds: 0 }],
  ['ssm:PutParameter', { Name: '/fuzz/one', Value: 'v', Type: 'String' }],
  ['secretsmanager:CreateSecret', { Name: 'fuzz-secret', SecretString: 's', ClientRequestToken: 'a'.repeat(36) }],
  ['logs:CreateLogGroup', { logGroupName: '/fuzz/group' }],
  ['logs:CreateLogStream', { logGroupName: '/fuzz/group', logStreamName: 'stream' }],
  ['ecr:CreateRepository', { repositoryName: 'fuzz/images' }],
  ['lambda:CreateFunction', { FunctionName: 'fuzz-function' }],
  ['lambda:PublishVersion', { FunctionName: 'fuzz-function' }],
  ['lambda:CreateAlias', { FunctionName: 'fuzz-function', Name: 'live', FunctionVersion: '1' }],
  [
    'sagemaker:CreatePipeline',
    {
      PipelineName: 'fuzz-pipeline',
      PipelineDefinition: JSON.stringify(PLAIN_PIPELINE),
      RoleArn: ROLE,
      ClientRequestToken: 'b'.repeat(36),
    },
  ],
  [
    'sagemaker:CreatePipeline',
    {
      PipelineName: 'fuzz-waiting',
      PipelineDefinition: JSON.stringify(WAITING_PIPELINE),
      RoleArn: ROLE,
      ClientRequestToken: 'f'.repeat(36),
    },
  ],
  ['sagemaker:StartPipelineExecution', { PipelineName: 'fuzz-pipeline', ClientRequestToken: 'c'.repeat(36) }],
  ['sagemaker:ListPipelineExecutions', { PipelineName: 'fuzz-pipeline' }],
  [
    'sagemaker:CreateEndpointConfig',
    {
      EndpointConfigName: 'later',
      ProductionVariants: [{ VariantName: 'All', ModelName: 'target', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
      AsyncInferenceConfig: { OutputConfig: { S3OutputPath: 's3://fuzz-bucket/later' } },
    },
  ],
  ['sagemaker:CreateEndpoint', { EndpointName: 'later', EndpointConfigName: 'later' }],
  ['sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'fuzz-group' }],
  [
    'sagemaker:CreateModelPackage',
    {
      ModelPackageGroupName: 'fuzz-group',
      ModelApprovalStatus: 'Approved',
      ClientToken: 'd'.repeat(36),
      InferenceSpecification: {
        Containers: [{ Image: IMAGE, ModelDataUrl: MODEL_DATA }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    },
  ],
];

/** Fills a fresh server and signs in at its other doors. */
export async function createCorpus(server: TestServer): Promise<Corpus> {
  const options = optionsOf(server);
  const { region, credentials } = options;
  const urls = { main: server.url, runtime: server.runtimeUrl };
  const target: Target = { ...urls, region, credentials, session: await openSession(options) };
  const aws = new AwsClient(options);
  await serveModel(aws, 'target');
  const spared = new Set(['admin', options.credentials.accessKeyId, 'SageMakerPipelineExecutionRole', 'root']);
  const known = new KnownValues(spared);
  const connection = new WireConnection(server.url);
  for (const [operation, input] of [...CALLS, ...DELIVERY_CALLS]) {
    const newest = (member: string): string | undefined => known.pick(operation.split(':')[0] ?? '', member, () => 0.999);
    const likely = operation === 'lambda:CreateFunction' ? LIKELY_INPUTS[operation]?.(newest) : undefined;
    await performCall(connection, target, known, operation, {
      ...likely,
      ...(typeof input === 'function' ? input(newest) : input),
    });
  }
  await awaitDeliveries(aws, known);
  for (const Name of ['target']) known.harvest('sagemaker', { EndpointName: Name, ModelName: Name, EndpointConfigName: Name });
  known.harvest('sagemaker', { RoleArn: `arn:aws:iam::${ACCOUNT}:role/fuzz-role`, Image: IMAGE, ModelDataUrl: MODEL_DATA });
  known.harvest('sqs', { QueueUrl: `${server.url}/${ACCOUNT}/fuzz-queue` });
  known.harvest('s3', { Bucket: 'fuzz-bucket', Key: 'kept' });
  connection.close();
  known.harvest('iam', { RoleName: 'fuzz-reader', RoleArn: `arn:aws:iam::${ACCOUNT}:role/fuzz-reader` });
  const { authorizationData: [data] = [] } = await aws.call('ecr:GetAuthorizationToken', {});
  const registryPassword = atob(data?.authorizationToken ?? '').slice('AWS:'.length);
  await pushImage(server.url, registryPassword);
  known.harvest('ecr', { imageTag: 'one', layerDigest: digestOf(CONTENTS.layer) });
  return { target, known, spared, cookie: await signIn(target), registryPassword };
}

/** Of a role that may read S3 and nothing else. */
async function openSession(options: AwsOptions): Promise<Target['session']> {
  const aws = new AwsClient(options);
  const trust = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
  await aws.query('iam', { Action: 'CreateRole', RoleName: 'fuzz-reader', AssumeRolePolicyDocument: document });
  await aws.query('iam', { Action: 'PutRolePolicy', RoleName: 'fuzz-reader', PolicyName: 'read', PolicyDocument: POLICY });
  const RoleArn = `arn:aws:iam::${ACCOUNT}:role/fuzz-reader`;
  const answer = await aws.query('sts', { Action: 'AssumeRole', RoleArn, RoleSessionName: 'fuzz' });
  const read = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(answer)?.[1] ?? '';
  return {
    accessKeyId: read('AccessKeyId'),
    secretAccessKey: read('SecretAccessKey'),
    sessionToken: read('SessionToken'),
  };
}

async function performCall(
  connection: WireConnection,
  target: Target,
  known: KnownValues,
  key: string,
  input: Record<string, unknown>,
): Promise<void> {
  const service = serviceOf(key);
  const operation = service?.operations.get(key.split(':')[1] ?? '');
  const encoded = service && operation && encodeInput(service, operation, input);
  if (!service || !encoded) throw new Error(`${key} cannot be sent.`);
  const bytes = bytesOf({ ...encoded, kind: 'corpus', expect: { kind: 'valid' } }, target);
  const { answers } = await connection.exchange(bytes, { method: encoded.method });
  const text = answers[0]?.body.toString('utf8') ?? '';
  if (answers[0] === undefined || answers[0].status >= 300) throw new Error(`${key}: ${answers[0]?.status} ${text}`);
  known.harvest(service.prefix, input);
  if (text.startsWith('{')) known.harvest(service.prefix, JSON.parse(text));
  else known.harvestXml(service.prefix, text);
}

async function pushImage(url: string, password: string): Promise<void> {
  const push = async (method: string, path: string, body: string | Buffer, type = 'application/octet-stream'): Promise<void> => {
    const headers = { authorization: `Basic ${btoa(`AWS:${password}`)}`, 'content-type': type };
    const answer = await fetch(`${url}/v2/fuzz/images/${path}`, {
      method,
      headers,
      body: new Uint8Array(Buffer.from(body as string)),
    });
    const text = await answer.text();
    if (answer.status !== 201) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  };
  for (const content of Object.values(CONTENTS)) await push('POST', `blobs/uploads/?digest=${digestOf(content)}`, content);
  await push('PUT', 'manifests/one', JSON.stringify(MANIFEST), MANIFEST.mediaType);
}

async function signIn({ main, region, credentials }: Target): Promise<string> {
  const url = new URL('/_slipway/ui/session', main);
  const link = presignUrl({
    method: 'GET',
    url,
    service: 'slipway',
    credentials,
    region,
    nowMs: Date.now(),
    expiresSeconds: 300,
  });
  const answer = await fetch(link, { redirect: 'manual' });
  await answer.arrayBuffer();
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}
