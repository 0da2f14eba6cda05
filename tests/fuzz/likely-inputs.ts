import { hash } from 'node:crypto';
import { zipOf } from '../../src/domains/functions/functions-rig.ts';
import { BUCKET, ROLE } from '../harness/script-job.ts';
import { CODE } from './delivery-corpus.ts';
import { CONTENTS, digestOf, PLAIN_PIPELINE } from './documents.ts';
import { isMade, LIKELY_DELIVERIES, newName, type PickValue } from './likely-deliveries.ts';

const FUZZ_POLICY = 'arn:aws:iam::123456789012:policy/fuzz-policy';
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});
const ALLOW = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] });

/** Members that together make sense, for operations that chance alone hardly ever satisfies; names are left to be found. */
export const LIKELY_INPUTS: Readonly<Record<string, (pick: PickValue) => Record<string, unknown>>> = {
  ...LIKELY_DELIVERIES,
  'sagemaker:CreateModel': () => ({ PrimaryContainer: container(), ExecutionRoleArn: ROLE }),
  'sagemaker:CreateEndpointConfig': () => ({ ProductionVariants: [variant()] }),
  'sagemaker:CreateModelPackageGroup': () => ({}),
  'sagemaker:CreateModelPackage': () => ({ InferenceSpecification: specification(), ModelPackageGroupName: 'fuzz-group' }),
  'sagemaker:CreatePipeline': () => ({ PipelineDefinition: JSON.stringify(PLAIN_PIPELINE), RoleArn: ROLE }),
  'sagemaker:UpdatePipeline': () => ({ PipelineDefinition: JSON.stringify(PLAIN_PIPELINE), PipelineName: 'fuzz-pipeline' }),
  'sagemaker:StartPipelineExecution': () => ({ PipelineName: 'fuzz-waiting' }),
  // inputs that are not there: the jobs live through everything but a sandbox
  'sagemaker:CreateProcessingJob': () => ({
    RoleArn: ROLE,
    AppSpecification: { ImageUri: 'python:3.11', ContainerEntrypoint: ['true'] },
    ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } },
    ProcessingInputs: [{ InputName: 'none', S3Input: { ...nowhere(), LocalPath: '/opt/ml/processing/in', S3InputMode: 'File' } }],
  }),
  'sagemaker:CreateTrainingJob': () => ({
    RoleArn: ROLE,
    AlgorithmSpecification: { TrainingImage: 'sagemaker-xgboost:1.7-1', TrainingInputMode: 'File' },
    InputDataConfig: [{ ChannelName: 'train', DataSource: { S3DataSource: nowhere() } }],
    OutputDataConfig: { S3OutputPath: `s3://${BUCKET}/out` },
    ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
    StoppingCondition: { MaxRuntimeInSeconds: 60 },
  }),
  'sagemaker:CreateTransformJob': () => ({
    ModelName: 'target',
    TransformInput: { DataSource: { S3DataSource: nowhere() }, ContentType: 'text/csv' },
    TransformOutput: { S3OutputPath: `s3://${BUCKET}/out` },
    TransformResources: { InstanceCount: 1, InstanceType: 'ml.m5.large' },
  }),
  'sagemaker:InvokeEndpoint': () => ({ EndpointName: 'target', Body: btoa('row'), ContentType: 'text/csv' }),
  'sagemaker:InvokeEndpointWithResponseStream': () => ({ EndpointName: 'target', Body: btoa('row') }),
  'sagemaker:InvokeEndpointAsync': () => ({ EndpointName: 'later', InputLocation: 's3://fuzz-bucket/kept' }),
  'sagemaker:UpdateEndpointWeightsAndCapacities': () => ({
    EndpointName: 'target',
    DesiredWeightsAndCapacities: [{ VariantName: 'AllTraffic', DesiredWeight: 1 }],
  }),
  'sagemaker:Search': () => ({
    Resource: 'TrainingJob',
    SearchExpression: { Filters: [{ Name: 'TrainingJobName', Operator: 'Equals', Value: 'a' }] },
  }),
  'sagemaker:UpdatePipelineVersion': () => ({ PipelineVersionId: 1 }),
  ...likelyPolicies('User', 'fuzz-user'),
  ...likelyPolicies('Role', 'fuzz-role'),
  ...likelyPolicies('Group', 'fuzz-group'),
  'iam:CreatePolicyVersion': () => ({ PolicyArn: FUZZ_POLICY, PolicyDocument: ALLOW }),
  'iam:SetDefaultPolicyVersion': () => ({ PolicyArn: FUZZ_POLICY, VersionId: 'v1' }),
  'iam:DeletePolicyVersion': (pick) => ({ PolicyArn: FUZZ_POLICY, VersionId: pick('VersionId', { like: /^v([2-9]|\d\d+)$/ }) }),
  'iam:TagPolicy': () => ({ PolicyArn: FUZZ_POLICY }),
  'iam:UntagPolicy': () => ({ PolicyArn: FUZZ_POLICY }),
  'iam:UpdateAssumeRolePolicy': () => ({ RoleName: 'fuzz-role', PolicyDocument: TRUST }),
  'iam:CreateServiceSpecificCredential': () => ({ UserName: 'fuzz-user', ServiceName: 'codecommit.amazonaws.com' }),
  ...Object.fromEntries(
    ['Reset', 'Update', 'Delete'].map((verb) => [
      `iam:${verb}ServiceSpecificCredential`,
      (pick: PickValue) => ({ UserName: 'fuzz-user', ServiceSpecificCredentialId: pick('ServiceSpecificCredentialId') }),
    ]),
  ),
  'lambda:CreateFunction': () => ({
    FunctionName: newName('function'),
    Runtime: 'python3.11',
    Role: ROLE,
    Handler: 'app.handler',
    Code: { ZipFile: code().toString('base64') },
  }),
  'lambda:UpdateFunctionCode': () => ({ ZipFile: code().toString('base64') }),
  'lambda:UpdateFunctionConfiguration': () => ({ FunctionName: 'fuzz-function' }),
  'lambda:AddPermission': () => ({
    FunctionName: 'fuzz-function',
    Action: 'lambda:InvokeFunction',
    Principal: 's3.amazonaws.com',
  }),
  'lambda:PutFunctionConcurrency': () => ({ FunctionName: 'fuzz-function', ReservedConcurrentExecutions: 2 }),
  'lambda:CreateAlias': () => ({ FunctionName: 'fuzz-function', FunctionVersion: '1' }),
  'lambda:UpdateAlias': () => ({ FunctionName: 'fuzz-function', Name: 'live' }),
  'lambda:InvokeAsync': () => ({ FunctionName: 'fuzz-function', InvokeArgs: btoa('{}') }),
  'lambda:Invoke': () => ({ FunctionName: 'fuzz-function', Payload: btoa('{}') }),
  's3:CreateBucket': () => ({ Bucket: newName('bucket') }),
  's3:DeleteBucket': (pick) => ({ Bucket: pick('Bucket', isMade('bucket')) }),
  's3:UploadPart': () => ({ Bucket: 'fuzz-bucket', Key: 'parts', PartNumber: 1, Body: Buffer.from('part') }),
  's3:UploadPartCopy': () => ({ Bucket: 'fuzz-bucket', Key: 'parts', PartNumber: 2 }),
  's3:ListParts': () => ({ Bucket: 'fuzz-bucket', Key: 'parts' }),
  's3:CreateMultipartUpload': () => ({ Bucket: 'fuzz-bucket', Key: 'parts' }),
  's3:CompleteMultipartUpload': () => ({
    Bucket: 'fuzz-bucket',
    Key: 'parts',
    MultipartUpload: { Parts: [{ PartNumber: 1, ETag: `"${hash('md5', 'part')}"` }] },
  }),
  's3:AbortMultipartUpload': () => ({ Bucket: 'fuzz-bucket', Key: 'parts' }),
  's3:GetObject': () => ({ Bucket: 'fuzz-bucket', Key: 'a/b c/ü.txt' }),
  's3:HeadObject': () => ({ Bucket: 'fuzz-bucket', Key: 'a/b c/ü.txt' }),
  's3:CopyObject': () => ({ Bucket: 'fuzz-bucket', CopySource: 'fuzz-bucket/a/b%20c/%C3%BC.txt' }),
  's3:DeleteObject': () => ({ Bucket: 'fuzz-bucket' }),
  's3:DeleteObjects': () => ({ Bucket: 'fuzz-bucket', Delete: { Objects: [{ Key: 'some' }, { Key: 'other' }] } }),
  's3:PutObjectTagging': () => ({ Bucket: 'fuzz-bucket', Key: 'a/b c/ü.txt', Tagging: { TagSet: [{ Key: 'a', Value: 'b' }] } }),
  'ecr:UploadLayerPart': () => ({ repositoryName: 'fuzz/images', partFirstByte: 0, partLastByte: 2, layerPartBlob: btoa('abc') }),
  'ecr:CompleteLayerUpload': () => ({ repositoryName: 'fuzz/images', layerDigests: [digestOf('abc')] }),
  'ecr:GetDownloadUrlForLayer': () => ({ repositoryName: 'fuzz/images', layerDigest: digestOf(CONTENTS.layer) }),
  'ecr:PutImage': () => ({ repositoryName: 'fuzz/images' }),
  'ssm:PutParameter': () => ({ Overwrite: true, Type: 'String', Value: 'v' }),
  'ssm:GetParametersByPath': () => ({ Path: '/fuzz', Recursive: true }),
  'secretsmanager:PutSecretValue': () => ({ SecretString: 's' }),
  'secretsmanager:CreateSecret': () => ({ SecretString: 's' }),
  'logs:PutLogEvents': () => ({
    logGroupName: '/fuzz/group',
    logStreamName: 'stream',
    logEvents: [{ timestamp: Date.now(), message: 'line' }],
  }),
  'logs:GetLogEvents': () => ({ logGroupName: '/fuzz/group', logStreamName: 'stream' }),
  'sqs:SetQueueAttributes': () => ({ QueueUrl: 'fuzz-queue', Attributes: { VisibilityTimeout: '1' } }),
  'sqs:CreateQueue': () => ({ Attributes: { VisibilityTimeout: '1' } }),
};

/** What is put and attached is another policy than the corpus has, so that it may be taken away. */
function likelyPolicies(kind: string, name: string): Readonly<Record<string, () => Record<string, unknown>>> {
  const holder = { [`${kind}Name`]: name };
  const inline = () => ({ ...holder, PolicyName: 'made' });
  const attached = () => ({ ...holder, PolicyArn: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' });
  return {
    [`iam:Put${kind}Policy`]: () => ({ ...inline(), PolicyDocument: ALLOW }),
    [`iam:Get${kind}Policy`]: () => ({ ...holder, PolicyName: 'inline' }),
    [`iam:Delete${kind}Policy`]: inline,
    [`iam:Attach${kind}Policy`]: attached,
    [`iam:Detach${kind}Policy`]: attached,
  };
}

const IMAGE = '123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3';
const container = () => ({ Image: IMAGE, ModelDataUrl: `s3://${BUCKET}/models/target.tar.gz` });
const variant = () => ({ VariantName: 'AllTraffic', ModelName: 'target', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' });
const specification = () => ({
  Containers: [container()],
  SupportedContentTypes: ['text/csv'],
  SupportedResponseMIMETypes: ['text/csv'],
});
const nowhere = () => ({ S3Uri: `s3://${BUCKET}/nowhere/`, S3DataType: 'S3Prefix' });

let archive: Buffer | undefined;
function code(): Buffer {
  archive ??= zipOf({ 'app.py': CODE });
  return archive;
}
