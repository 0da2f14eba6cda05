import { createHash } from 'node:crypto';
import { loadService, type ServiceId } from '../../models/load.ts';
import { zipOf } from '../../src/domains/functions/functions-rig.ts';
import type { AwsClient } from '../harness/aws-client.ts';
import { ACCOUNT, BUCKET, ROLE } from '../harness/script-job.ts';
import { ask, type Built } from './every-operation.ts';
import { makePrivateDeliveries } from './private-deliveries.ts';

/** Stands in whatever the first account wrote into its resources, and nowhere else. */
export const HIDDEN = 'hidden-7f3a91';
/** What most of them are called. */
export const PRIVATE = 'private';

const LOG_GROUP = '/private';

/** An operation by any client, and its answer's text; throws for what is no success. */
async function make(client: AwsClient, id: ServiceId, name: string, input: Record<string, unknown>): Promise<string> {
  const service = loadService(id);
  const operation = service.operations.get(name);
  if (!operation) throw new Error(`${id} has no ${name}`);
  const answer = await ask(client, { service, operation, effect: 'change' } satisfies Built, input);
  const text = answer?.body.toString('utf8') ?? '';
  if (!answer || answer.status >= 300) throw new Error(`${name}: ${answer?.status} ${text}`);
  return text;
}

/** One resource of each kind beside those of the hosting and pipelines tests. Returns, by member, what inputs may name them with. */
export async function makePrivateThings(own: AwsClient): Promise<Record<string, unknown[]>> {
  const Tags = [{ Key: 'secret', Value: HIDDEN }];
  const sagemaker = (name: string, input: Record<string, unknown>) => make(own, 'sagemaker', name, input);
  const instance = { RoleArn: ROLE, InstanceType: 'ml.t3.medium', Tags };
  await sagemaker('CreateNotebookInstanceLifecycleConfig', { NotebookInstanceLifecycleConfigName: PRIVATE, Tags });
  await sagemaker('CreateNotebookInstance', { NotebookInstanceName: PRIVATE, ...instance });
  const { DomainId } = JSON.parse(
    await sagemaker('CreateDomain', { DomainName: HIDDEN, AuthMode: 'IAM', DefaultUserSettings: {}, Tags }),
  );
  await sagemaker('CreateUserProfile', { DomainId, UserProfileName: PRIVATE, Tags });

  await make(own, 'logs', 'CreateLogGroup', { logGroupName: LOG_GROUP, tags: { secret: HIDDEN } });
  await make(own, 'logs', 'CreateLogStream', { logGroupName: LOG_GROUP, logStreamName: PRIVATE });
  const logEvents = [{ timestamp: Date.now(), message: HIDDEN }];
  await make(own, 'logs', 'PutLogEvents', { logGroupName: LOG_GROUP, logStreamName: PRIVATE, logEvents });

  await make(own, 'sqs', 'CreateQueue', { QueueName: PRIVATE, tags: { secret: HIDDEN } });
  const QueueUrl = `${own.options.url}/${ACCOUNT}/${PRIVATE}`;
  await make(own, 'sqs', 'SendMessage', { QueueUrl, MessageBody: HIDDEN });
  await make(own, 'ssm', 'PutParameter', { Name: `/${PRIVATE}`, Type: 'SecureString', Value: HIDDEN, Description: HIDDEN, Tags });
  const secret = JSON.parse(
    await make(own, 'secretsmanager', 'CreateSecret', { Name: PRIVATE, SecretString: HIDDEN, Description: HIDDEN, Tags }),
  );
  const ZipFile = zipOf({ 'app.py': `def handler(event, context): return '${HIDDEN}'` }).toString('base64');
  const lambda = { FunctionName: PRIVATE, Runtime: 'python3.12', Role: ROLE, Handler: 'app.handler', Description: HIDDEN };
  const Environment = { Variables: { SECRET: HIDDEN } };
  await make(own, 'lambda', 'CreateFunction', {
    ...lambda,
    Code: { ZipFile },
    Environment,
    Tags: { secret: HIDDEN },
    Publish: true,
  });
  await make(own, 'lambda', 'CreateAlias', { FunctionName: PRIVATE, Name: PRIVATE, FunctionVersion: '1', Description: HIDDEN });
  const grant = { StatementId: HIDDEN, Action: 'lambda:InvokeFunction', Principal: 's3.amazonaws.com' };
  await make(own, 'lambda', 'AddPermission', { FunctionName: PRIVATE, ...grant });

  await make(own, 'sns', 'CreateTopic', { Name: PRIVATE, Attributes: { DisplayName: HIDDEN }, Tags });
  const TopicArn = `arn:aws:sns:us-east-1:${ACCOUNT}:${PRIVATE}`;
  const queue = `arn:aws:sqs:us-east-1:${ACCOUNT}:${PRIVATE}`;
  const subscribed = await make(own, 'sns', 'Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue });
  await make(own, 'scheduler', 'CreateScheduleGroup', { Name: PRIVATE, Tags });
  await make(own, 'scheduler', 'CreateSchedule', {
    Name: PRIVATE,
    GroupName: PRIVATE,
    Description: HIDDEN,
    ScheduleExpression: 'cron(0 0 1 1 ? 2199)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: { Arn: queue, RoleArn: ROLE, Input: HIDDEN },
  });

  await make(own, 'iam', 'CreateGroup', { GroupName: PRIVATE });
  const PolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: 'hidden7f3a91', Effect: 'Deny', Action: 's3:*', Resource: '*' }],
  });
  await make(own, 'iam', 'CreatePolicy', { PolicyName: PRIVATE, PolicyDocument, Description: HIDDEN, Tags });
  await make(own, 'iam', 'CreateUser', { UserName: PRIVATE, Tags });
  await make(own, 'iam', 'CreateRole', { RoleName: PRIVATE, Description: HIDDEN, AssumeRolePolicyDocument: trust(), Tags });

  await own.s3('PUT', `/${BUCKET}/${PRIVATE}`, HIDDEN, { 'x-amz-meta-secret': HIDDEN, 'x-amz-tagging': `secret=${HIDDEN}` });
  const upload = (await own.s3('POST', `/${BUCKET}/${PRIVATE}?uploads`)).body.toString('utf8');
  const layer = await pushImage(own);
  const commit = await makeRepository(own);
  const { '*Arn': deliveryArns = [], ...deliveries } = await makePrivateDeliveries(
    (id, name, input) => make(own, id, name, input),
    { name: PRIVATE, hidden: HIDDEN },
  );
  const arn = (service: string, resource: string, region = 'us-east-1') => `arn:aws:${service}:${region}:${ACCOUNT}:${resource}`;
  const arns = [
    ...['pipeline', 'model', 'endpoint', 'endpoint-config', 'model-package-group', 'processing-job', 'notebook-instance'].map(
      (kind) => arn('sagemaker', `${kind}/${PRIVATE}`),
    ),
    arn('codecommit', PRIVATE),
    ...(deliveryArns as string[]),
    arn('sagemaker', `model-package/${PRIVATE}/1`),
    arn('sagemaker', `domain/${DomainId}`),
    arn('sagemaker', `user-profile/${DomainId}/${PRIVATE}`),
    arn('logs', `log-group:${LOG_GROUP}`),
    arn('sqs', PRIVATE),
    arn('lambda', `function:${PRIVATE}`),
    arn('ecr', `repository/${PRIVATE}`),
    arn('ssm', `parameter/${PRIVATE}`),
    secret.ARN as string,
    TopicArn,
    /<SubscriptionArn>(.*)</.exec(subscribed)?.[1] ?? '',
    arn('scheduler', `schedule/${PRIVATE}/${PRIVATE}`),
    arn('scheduler', `schedule-group/${PRIVATE}`),
    ...[`policy/${PRIVATE}`, `role/${PRIVATE}`, `user/${PRIVATE}`].map((resource) => arn('iam', resource, '')),
  ];
  const named = (kind: string): string[] => arns.filter((each) => each.includes(kind));
  return {
    ...deliveries,
    '*Arn': arns,
    '*Name': [PRIVATE],
    PipelineName: [PRIVATE, ...named(':pipeline/')],
    ModelPackageName: named(':model-package/'),
    ModelPackageArnList: [named(':model-package/')],
    ModelPackageGroupName: [PRIVATE, ...named(':model-package-group/')],
    CrossAccountFilterOption: ['CrossAccount'],
    DomainId: [DomainId],
    DomainIdEquals: [DomainId],
    logGroupName: [LOG_GROUP, 'private'],
    logGroupIdentifier: named(':log-group:'),
    logStreamNames: [[PRIVATE]],
    QueueUrl: [
      QueueUrl,
      `/${ACCOUNT}/${PRIVATE}`,
      `https://sqs.us-east-1.amazonaws.com/${ACCOUNT}/${PRIVATE}`,
      `http://x/${PRIVATE}`,
    ],
    QueueOwnerAWSAccountId: [ACCOUNT],
    ExpectedBucketOwner: [ACCOUNT],
    registryId: [ACCOUNT],
    accountIdentifiers: [[ACCOUNT]],
    Name: [`/${PRIVATE}`, PRIVATE, ...named(':parameter/')],
    Names: [[`/${PRIVATE}`, ...named(':parameter/')]],
    Path: ['/'],
    ResourceType: ['Parameter'],
    ResourceId: [`/${PRIVATE}`],
    SecretId: [PRIVATE, secret.ARN],
    SecretIdList: [[PRIVATE, secret.ARN]],
    FunctionName: [PRIVATE, ...named(':function:'), `${ACCOUNT}:function:${PRIVATE}`],
    FunctionVersion: ['ALL'],
    Resource: named(':function:'),
    Qualifier: ['1', PRIVATE],
    Bucket: [BUCKET],
    Key: [PRIVATE],
    UploadId: [/<UploadId>(.*?)</.exec(upload)?.[1] ?? ''],
    VersionId: ['v1', 'null'],
    ObjectAttributes: [['ETag', 'ObjectSize']],
    repositoryNames: [[PRIVATE]],
    imageIds: [[{ imageTag: PRIVATE }]],
    branchName: [PRIVATE],
    filePath: [PRIVATE],
    folderPath: ['/'],
    commitId: [commit],
    commitIds: [[commit]],
    afterCommitSpecifier: [PRIVATE],
    sourceCommitSpecifier: [PRIVATE],
    destinationCommitSpecifier: [PRIVATE],
    blobId: [BLOB],
    layerDigest: [layer],
    layerDigests: [[layer]],
    PolicySourceArn: named(':iam::'),
    ActionNames: [['s3:GetObject']],
    ActionName: [['Publish']],
    PolicyInputList: [[PolicyDocument]],
  };
}

/** The file's id, as git makes it of what it holds. */
const BLOB = createHash('sha1').update(`blob ${HIDDEN.length}\0${HIDDEN}`).digest('hex');

async function makeRepository(own: AwsClient): Promise<string> {
  const repository = { repositoryName: PRIVATE, repositoryDescription: HIDDEN, tags: { secret: HIDDEN } };
  await make(own, 'codecommit', 'CreateRepository', repository);
  const file = { filePath: PRIVATE, fileContent: Buffer.from(HIDDEN).toString('base64') };
  const commit = { repositoryName: PRIVATE, branchName: PRIVATE, commitMessage: HIDDEN, putFiles: [file] };
  return JSON.parse(await make(own, 'codecommit', 'CreateCommit', commit)).commitId;
}

async function pushImage(own: AwsClient): Promise<string> {
  await make(own, 'ecr', 'CreateRepository', { repositoryName: PRIVATE, tags: [{ Key: 'secret', Value: HIDDEN }] });
  const digestOf = (content: string): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;
  for (const content of [HIDDEN, CONFIG]) {
    const { uploadId } = JSON.parse(await make(own, 'ecr', 'InitiateLayerUpload', { repositoryName: PRIVATE }));
    const part = { partFirstByte: 0, partLastByte: content.length - 1, layerPartBlob: Buffer.from(content).toString('base64') };
    await make(own, 'ecr', 'UploadLayerPart', { repositoryName: PRIVATE, uploadId, ...part });
    await make(own, 'ecr', 'CompleteLayerUpload', { repositoryName: PRIVATE, uploadId, layerDigests: [digestOf(content)] });
  }
  const imageManifest = artifactManifest(digestOf(CONFIG), digestOf(HIDDEN));
  await make(own, 'ecr', 'PutImage', { repositoryName: PRIVATE, imageManifest, imageTag: PRIVATE });
  return digestOf(HIDDEN);
}

const trust = (): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  });

/** Of an artifact: an image would be unpacked. */
const CONFIG = '{}';
const artifactManifest = (config: string, layer: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/vnd.example',
    config: { mediaType: 'application/vnd.example.config', digest: config, size: CONFIG.length },
    layers: [{ mediaType: 'application/vnd.example.layer', digest: layer, size: HIDDEN.length }],
  });
