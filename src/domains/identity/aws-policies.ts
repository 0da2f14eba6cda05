import type { PolicyDocument, PolicyStatement } from '../../platform/authorization/policy.ts';

/**
 * The managed policies of AWS that programs around SageMaker attach by name. What each allows is AWS's, as far as it concerns services
 * that are here: actions of other services would change nothing. The versions are AWS's own; only the newest is kept.
 */
export interface AwsPolicy {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly document: PolicyDocument;
}

const allow = (Action: readonly string[], Resource: string | readonly string[] = '*', more: object = {}): PolicyStatement => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});

const READ_LOGS = ['logs:Describe*', 'logs:Get*', 'logs:List*', 'logs:FilterLogEvents'];
const WRITE_LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'];
const READ_IMAGES = [
  'ecr:GetAuthorizationToken',
  'ecr:BatchCheckLayerAvailability',
  'ecr:GetDownloadUrlForLayer',
  'ecr:GetRepositoryPolicy',
  'ecr:DescribeRepositories',
  'ecr:ListImages',
  'ecr:DescribeImages',
  'ecr:BatchGetImage',
  'ecr:ListTagsForResource',
];
const READ_IAM = ['iam:Get*', 'iam:List*', 'iam:Simulate*', 'iam:Generate*'];
const READ_QUEUES = [
  'sqs:GetQueueAttributes',
  'sqs:GetQueueUrl',
  'sqs:ListDeadLetterSourceQueues',
  'sqs:ListQueues',
  'sqs:ListQueueTags',
];

/** Names with SageMaker in them, as AWS's policy has them. */
const NAMED = ['SageMaker', 'Sagemaker', 'sagemaker'].map((part) => `*${part}*`);

const SAGEMAKER: readonly PolicyStatement[] = [
  allow(['sagemaker:*']),
  allow([...READ_LOGS, ...WRITE_LOGS, 'logs:DeleteLogStream', 'logs:PutResourcePolicy', 'logs:UpdateLogDelivery']),
  allow(['cloudwatch:GetMetricData', 'cloudwatch:GetMetricStatistics', 'cloudwatch:ListMetrics', 'cloudwatch:PutMetricData']),
  allow(['cloudwatch:DescribeAlarms', 'cloudwatch:PutMetricAlarm', 'cloudwatch:DeleteAlarms']),
  allow([...READ_IMAGES, 'ecr:CreateRepository', 'ecr:StartImageScan']),
  allow(
    [
      'ecr:SetRepositoryPolicy',
      'ecr:CompleteLayerUpload',
      'ecr:BatchDeleteImage',
      'ecr:UploadLayerPart',
      'ecr:InitiateLayerUpload',
      'ecr:PutImage',
    ],
    ['arn:aws:ecr:*:*:repository/*sagemaker*'],
  ),
  allow(['iam:ListRoles', 'lambda:ListFunctions', 'kms:DescribeKey', 'kms:ListAliases']),
  allow(
    ['lambda:InvokeFunction'],
    ['SageMaker', 'Sagemaker', 'sagemaker', 'LabelingFunction'].map((part) => `arn:aws:lambda:*:*:function:*${part}*`),
  ),
  allow(
    ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue', 'secretsmanager:CreateSecret'],
    'arn:aws:secretsmanager:*:*:secret:AmazonSageMaker-*',
  ),
  allow(['secretsmanager:ListSecrets', 's3:CreateBucket', 's3:GetBucketLocation', 's3:ListBucket', 's3:ListAllMyBuckets']),
  allow(['s3:GetBucketCors', 's3:PutBucketCors']),
  allow(
    ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
    [...NAMED, '*aws-glue*'].map((part) => `arn:aws:s3:::${part}`),
  ),
  allow(['s3:GetObject'], 'arn:aws:s3:::*', {
    Condition: { StringEqualsIgnoreCase: { 's3:ExistingObjectTag/SageMaker': 'true' } },
  }),
  allow(
    ['s3:GetBucketAcl', 's3:PutObjectAcl'],
    NAMED.map((part) => `arn:aws:s3:::${part}`),
  ),
  allow(['iam:PassRole'], 'arn:aws:iam::*:role/*AmazonSageMaker*', {
    Condition: {
      StringEquals: {
        'iam:PassedToService': ['glue', 'robomaker', 'states'].map((name) => `${name}.amazonaws.com`),
      },
    },
  }),
  allow(['iam:PassRole'], 'arn:aws:iam::*:role/*', {
    Condition: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
  }),
];

const READ_PARAMETERS = ['ssm:Describe*', 'ssm:Get*', 'ssm:List*'];

const TABLE: readonly (readonly [name: string, statements: readonly PolicyStatement[], path?: string])[] = [
  ['AdministratorAccess', [allow(['*'])]],
  [
    'PowerUserAccess',
    [
      { Effect: 'Allow', NotAction: ['iam:*', 'organizations:*', 'account:*'], Resource: '*' },
      allow(['iam:CreateServiceLinkedRole', 'iam:DeleteServiceLinkedRole', 'iam:ListRoles']),
    ],
  ],
  [
    'ReadOnlyAccess',
    [
      allow([
        ...['sagemaker:Describe*', 'sagemaker:Get*', 'sagemaker:List*', 'sagemaker:Search', 's3:Get*', 's3:List*', 's3:Head*'],
        ...READ_LOGS,
        ...READ_IMAGES,
        ...READ_IAM,
        ...READ_PARAMETERS,
        ...READ_QUEUES,
        ...['lambda:Get*', 'lambda:List*', 'events:Describe*', 'events:List*', 'cloudwatch:Describe*', 'cloudwatch:Get*'],
        ...['cloudwatch:List*', 'secretsmanager:List*', 'secretsmanager:DescribeSecret', 'sts:GetCallerIdentity'],
      ]),
    ],
  ],
  ['AmazonSageMakerFullAccess', SAGEMAKER],
  [
    'AmazonSageMakerReadOnly',
    [
      allow([
        'sagemaker:Describe*',
        'sagemaker:List*',
        'sagemaker:BatchGetMetrics',
        'sagemaker:GetDeviceRegistration',
        'sagemaker:GetSearchSuggestions',
        'sagemaker:BatchGetRecord',
        'sagemaker:GetRecord',
        'sagemaker:Search',
        'sagemaker:QueryLineage',
      ]),
      allow(['cloudwatch:DescribeAlarms', 'iam:ListRoles', 'logs:DescribeLogGroups']),
    ],
  ],
  [
    'AmazonSageMakerPipelinesIntegrations',
    [
      allow(
        [
          'lambda:CreateFunction',
          'lambda:DeleteFunction',
          'lambda:GetFunction',
          'lambda:InvokeFunction',
          'lambda:UpdateFunctionCode',
        ],
        [
          'arn:aws:lambda:*:*:function:*sagemaker*',
          'arn:aws:lambda:*:*:function:*sageMaker*',
          'arn:aws:lambda:*:*:function:*SageMaker*',
        ],
      ),
      allow(
        ['sqs:CreateQueue', 'sqs:SendMessage'],
        ['arn:aws:sqs:*:*:*sagemaker*', 'arn:aws:sqs:*:*:*sageMaker*', 'arn:aws:sqs:*:*:*SageMaker*'],
      ),
      allow(['iam:PassRole'], 'arn:aws:iam::*:role/*', {
        Condition: {
          StringEquals: {
            'iam:PassedToService': ['lambda.amazonaws.com', 'elasticmapreduce.amazonaws.com', 'ec2.amazonaws.com'],
          },
        },
      }),
      allow(
        ['events:DescribeRule', 'events:PutRule', 'events:PutTargets'],
        'arn:aws:events:*:*:rule/SageMakerPipelineExecution*',
      ),
    ],
  ],
  [
    'AmazonSageMakerModelRegistryFullAccess',
    [
      allow([
        'sagemaker:*ModelPackage*',
        'sagemaker:AddTags',
        'sagemaker:ListTags',
        'sagemaker:Search',
        'sagemaker:Describe*',
        'sagemaker:List*',
      ]),
      allow(['ecr:BatchGetImage', 'ecr:DescribeImages', 's3:ListBucket', 's3:GetBucketLocation']),
      allow(
        ['s3:GetObject'],
        NAMED.map((part) => `arn:aws:s3:::${part}`),
      ),
    ],
  ],
  ['AmazonS3FullAccess', [allow(['s3:*', 's3-object-lambda:*'])]],
  ['AmazonS3ReadOnlyAccess', [allow(['s3:Get*', 's3:List*', 's3:Describe*', 's3-object-lambda:Get*', 's3-object-lambda:List*'])]],
  ['CloudWatchLogsFullAccess', [allow(['logs:*', 'cloudwatch:GenerateQuery'])]],
  ['CloudWatchLogsReadOnlyAccess', [allow([...READ_LOGS, 'logs:StartQuery', 'logs:StopQuery', 'logs:TestMetricFilter'])]],
  [
    'CloudWatchFullAccess',
    [allow(['autoscaling:Describe*', 'cloudwatch:*', 'logs:*', 'sns:*', 'iam:GetPolicy', 'iam:GetPolicyVersion', 'iam:GetRole'])],
  ],
  [
    'AWSLambda_FullAccess',
    [
      allow([
        'lambda:*',
        'logs:DescribeLogGroups',
        'iam:GetPolicy',
        'iam:GetPolicyVersion',
        'iam:GetRole',
        'iam:GetRolePolicy',
        'iam:ListAttachedRolePolicies',
        'iam:ListRolePolicies',
        'iam:ListRoles',
        'kms:ListAliases',
      ]),
      allow(['iam:PassRole'], '*', { Condition: { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } } }),
      allow(['logs:DescribeLogStreams', 'logs:GetLogEvents', 'logs:FilterLogEvents'], 'arn:aws:logs:*:*:log-group:/aws/lambda/*'),
    ],
  ],
  [
    'AWSLambda_ReadOnlyAccess',
    [allow(['lambda:Get*', 'lambda:List*', 'logs:DescribeLogGroups', 'iam:GetRole', 'iam:ListRoles'])],
  ],
  ['AWSLambdaBasicExecutionRole', [allow(WRITE_LOGS)], '/service-role/'],
  [
    'AWSLambdaSQSQueueExecutionRole',
    [allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', ...WRITE_LOGS])],
    '/service-role/',
  ],
  ['AWSLambdaRole', [allow(['lambda:InvokeFunction'])], '/service-role/'],
  ['AmazonSQSFullAccess', [allow(['sqs:*'])]],
  ['AmazonSQSReadOnlyAccess', [allow(READ_QUEUES)]],
  ['AmazonSSMFullAccess', [allow(['ssm:*', 'cloudwatch:PutMetricData', 'logs:*'])]],
  ['AmazonSSMReadOnlyAccess', [allow(READ_PARAMETERS)]],
  [
    'SecretsManagerReadWrite',
    [allow(['secretsmanager:*', 'kms:DescribeKey', 'kms:ListAliases', 'kms:ListKeys', 'lambda:ListFunctions'])],
  ],
  ['AmazonEC2ContainerRegistryFullAccess', [allow(['ecr:*'])]],
  [
    'AmazonEC2ContainerRegistryPowerUser',
    [allow([...READ_IMAGES, 'ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload', 'ecr:PutImage'])],
  ],
  ['AmazonEC2ContainerRegistryReadOnly', [allow(READ_IMAGES)]],
  [
    'AmazonEventBridgeFullAccess',
    [
      allow(['events:*', 'schemas:*', 'scheduler:*', 'pipes:*']),
      allow(['iam:PassRole'], 'arn:aws:iam::*:role/*', {
        Condition: {
          StringLike: { 'iam:PassedToService': ['events.amazonaws.com', 'scheduler.amazonaws.com', 'pipes.amazonaws.com'] },
        },
      }),
    ],
  ],
  [
    'AWSGlueServiceRole',
    [
      allow(['glue:*', 's3:GetBucketLocation', 's3:ListBucket', 's3:ListAllMyBuckets', 's3:GetBucketAcl']),
      allow(['iam:ListRolePolicies', 'iam:GetRole', 'iam:GetRolePolicy', 'cloudwatch:PutMetricData']),
      allow(
        ['s3:CreateBucket', 's3:GetObject', 's3:PutObject', 's3:DeleteObject'],
        ['arn:aws:s3:::aws-glue-*', 'arn:aws:s3:::*/*aws-glue-*/*'],
      ),
      allow(WRITE_LOGS, 'arn:aws:logs:*:*:*:/aws-glue/*'),
    ],
    '/service-role/',
  ],
  [
    'AmazonSageMakerFeatureStoreAccess',
    [
      allow(
        ['s3:PutObject', 's3:GetBucketAcl', 's3:PutObjectAcl'],
        NAMED.map((part) => `arn:aws:s3:::${part}`),
      ),
    ],
  ],
  ['IAMFullAccess', [allow(['iam:*'])]],
  ['IAMReadOnlyAccess', [allow(READ_IAM)]],
];

/** Policies that allow everything of some services, by name: attached by programs that set up roles for more than is here. */
const OF_SERVICES: Readonly<Record<string, readonly string[]>> = {
  AWSCloudFormationFullAccess: ['cloudformation'],
  AWSCodeBuildAdminAccess: ['codebuild'],
  AWSCodeCommitFullAccess: ['codecommit'],
  AWSCodePipeline_FullAccess: ['codepipeline'],
  AWSGlueConsoleFullAccess: ['glue'],
  AWSStepFunctionsFullAccess: ['states'],
  AmazonAthenaFullAccess: ['athena', 'glue'],
  AmazonBedrockFullAccess: ['bedrock'],
  AmazonDynamoDBFullAccess: ['dynamodb'],
  AmazonEC2FullAccess: ['ec2'],
  AmazonECS_FullAccess: ['ecs'],
  AmazonElasticFileSystemFullAccess: ['elasticfilesystem'],
  AmazonEventBridgeSchedulerFullAccess: ['scheduler'],
  AmazonFSxFullAccess: ['fsx'],
  AmazonKinesisFirehoseFullAccess: ['firehose'],
  AmazonKinesisFullAccess: ['kinesis'],
  AmazonRedshiftFullAccess: ['redshift'],
  AmazonSNSFullAccess: ['sns'],
  AmazonVPCFullAccess: ['ec2'],
  CloudWatchEventsFullAccess: ['events', 'scheduler', 'schemas', 'pipes'],
};

export const AWS_POLICIES: ReadonlyMap<string, AwsPolicy> = new Map(
  [...TABLE, ...Object.entries(OF_SERVICES).map(ofServices)].map(([name, Statement, path = '/']): [string, AwsPolicy] => {
    const arn = `arn:aws:iam::aws:policy${path}${name}`;
    return [arn, { arn, name, path, document: { Version: '2012-10-17', Statement } }];
  }),
);

function ofServices([name, prefixes]: [string, readonly string[]]): (typeof TABLE)[number] {
  return [name, [allow(prefixes.map((prefix) => `${prefix}:*`))]];
}
