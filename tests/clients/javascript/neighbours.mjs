// S3, SQS, SSM, Secrets Manager, Lambda, IAM, STS, Logs and ECR as the AWS SDK for JavaScript v3 calls them.
import assert from 'node:assert/strict';
import { createReadStream, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateRepositoryCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from '@aws-sdk/client-ecr';
import { CreateAccessKeyCommand, CreateUserCommand, GetUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, InvokeCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  QueueDoesNotExist,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import {
  GetParametersByPathCommand,
  ParameterNotFound,
  GetParameterCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { Upload } from '@aws-sdk/lib-storage';

const { Account } = await new STSClient({}).send(new GetCallerIdentityCommand({}));

// S3: buffers and streams (aws-chunked with a trailer), multipart, pages, versions
const s3 = new S3Client({});
const Bucket = 'javascript-client';
await s3.send(new CreateBucketCommand({ Bucket }));
await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
const { VersionId } = await s3.send(
  new PutObjectCommand({ Bucket, Key: 'a b/ü', Body: 'one', Metadata: { owner: 'me' }, Tagging: 'k=v' }),
);
await s3.send(
  new PutObjectCommand({
    Bucket,
    Key: 'a b/ü',
    Body: 'two',
    IfMatch: (await s3.send(new HeadObjectCommand({ Bucket, Key: 'a b/ü' }))).ETag,
  }),
);
assert.equal(await (await s3.send(new GetObjectCommand({ Bucket, Key: 'a b/ü', VersionId }))).Body.transformToString(), 'one');
await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'absent' })), { name: 'NoSuchKey' });
writeFileSync('stream.bin', Buffer.alloc(300_000, 7));
await s3.send(new PutObjectCommand({ Bucket, Key: 'stream', Body: createReadStream('stream.bin'), ContentLength: 300_000 }));
assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'stream' }))).ContentLength, 300_000);
const large = Readable.from(
  (function* () {
    for (let part = 0; part < 12; part += 1) yield Buffer.alloc(1024 * 1024, part);
  })(),
);
await new Upload({ client: s3, params: { Bucket, Key: 'large', Body: large }, partSize: 5 * 1024 * 1024 }).done();
assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'large' }))).ContentLength, 12 * 1024 * 1024);
const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket }))
  keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
assert.deepEqual(keys, ['a b/ü', 'large', 'stream']);
const { Deleted } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
assert.ok(Deleted.every(({ DeleteMarker }) => DeleteMarker));
assert.equal((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0);

// SQS
const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'javascript' }));
const Entries = ['a', 'b'].map((Id) => ({
  Id,
  MessageBody: `message ${Id}`,
  MessageAttributes: { n: { DataType: 'Number', StringValue: '1' } },
}));
assert.equal((await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))).Successful.length, 2);
const bodies = [];
while (bodies.length < 2) {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5, MessageAttributeNames: ['All'] }),
  );
  for (const { Body, ReceiptHandle } of Messages) {
    bodies.push(Body);
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
}
assert.deepEqual(bodies.sort(), ['message a', 'message b']);
await assert.rejects(sqs.send(new GetQueueUrlCommand({ QueueName: 'absent' })), QueueDoesNotExist);

// SSM and Secrets Manager
const ssm = new SSMClient({});
await ssm.send(new PutParameterCommand({ Name: '/js/plain', Value: 'x', Type: 'String' }));
await ssm.send(new PutParameterCommand({ Name: '/js/secret', Value: 'y', Type: 'SecureString' }));
const { Parameters } = await ssm.send(new GetParametersByPathCommand({ Path: '/js', WithDecryption: true }));
assert.deepEqual(Parameters.map(({ Value }) => Value).sort(), ['x', 'y']);
await assert.rejects(ssm.send(new GetParameterCommand({ Name: '/js/absent' })), ParameterNotFound);
const secrets = new SecretsManagerClient({});
await secrets.send(new CreateSecretCommand({ Name: 'js', SecretString: 'kept' }));
assert.equal((await secrets.send(new GetSecretValueCommand({ SecretId: 'js' }))).SecretString, 'kept');

// Lambda: a Node handler, zipped here
const functions = new LambdaClient({});
const Role = `arn:aws:iam::${Account}:role/SageMakerPipelineExecutionRole`;
const ZipFile = zipped(
  'index.mjs',
  'export const handler = async (event) => ({ sum: event.a + event.b, region: process.env.AWS_REGION });',
);
await functions.send(
  new CreateFunctionCommand({ FunctionName: 'js-sum', Runtime: 'nodejs22.x', Handler: 'index.handler', Role, Code: { ZipFile } }),
);
await waitUntilFunctionActiveV2({ client: functions, maxWaitTime: 60 }, { FunctionName: 'js-sum' });
const answer = await functions.send(
  new InvokeCommand({ FunctionName: 'js-sum', Payload: JSON.stringify({ a: 1, b: 2 }), LogType: 'Tail' }),
);
assert.deepEqual(JSON.parse(Buffer.from(answer.Payload).toString()), { sum: 3, region: process.env.AWS_REGION });
assert.match(Buffer.from(answer.LogResult, 'base64').toString(), /REPORT RequestId/);
const { logGroups } = await new CloudWatchLogsClient({}).send(
  new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws/lambda/js-sum' }),
);
assert.equal(logGroups.length, 1);

// IAM: a user of little rights, whose key works at once
const iam = new IAMClient({});
await iam.send(new CreateUserCommand({ UserName: 'js-reader' }));
const policy = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['s3:GetObject', 'iam:GetUser'], Resource: '*' }],
};
await iam.send(new PutUserPolicyCommand({ UserName: 'js-reader', PolicyName: 'read', PolicyDocument: JSON.stringify(policy) }));
const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'js-reader' }));
const credentials = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
assert.equal((await new IAMClient({ credentials }).send(new GetUserCommand({}))).User.UserName, 'js-reader');
await assert.rejects(new S3Client({ credentials }).send(new PutObjectCommand({ Bucket, Key: 'no', Body: '' })), {
  name: 'AccessDenied',
});

// ECR
const ecr = new ECRClient({});
await ecr.send(new CreateRepositoryCommand({ repositoryName: 'js/image' }));
assert.equal((await ecr.send(new DescribeRepositoriesCommand({}))).repositories.length, 1);
const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
assert.match(Buffer.from(authorizationData[0].authorizationToken, 'base64').toString(), /^AWS:/);

console.log('neighbours: done');

/** A zip archive of one stored file: local header, content, directory. */
function zipped(name, content) {
  const bytes = Buffer.from(content);
  const crc = crc32(bytes);
  const header = (signature, extra) => {
    const buffer = Buffer.alloc(signature === 0x04034b50 ? 30 : 46);
    buffer.writeUInt32LE(signature, 0);
    const at = signature === 0x04034b50 ? 4 : 6;
    buffer.writeUInt16LE(20, at);
    if (extra) buffer.writeUInt16LE(20, 4);
    buffer.writeUInt32LE(crc, at + 10);
    buffer.writeUInt32LE(bytes.length, at + 14);
    buffer.writeUInt32LE(bytes.length, at + 18);
    buffer.writeUInt16LE(name.length, at + 22);
    if (extra) buffer.writeUInt32LE((0o100644 << 16) >>> 0, 38);
    return buffer;
  };
  const local = Buffer.concat([header(0x04034b50, false), Buffer.from(name), bytes]);
  const central = Buffer.concat([header(0x02014b50, true), Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}
