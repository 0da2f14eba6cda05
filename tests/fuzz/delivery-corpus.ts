import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { PipelineDeclaration } from '../../src/contract/generated/codepipeline.ts';
import { zipOf } from '../../src/domains/functions/functions-rig.ts';
import type { AwsClient } from '../harness/aws-client.ts';
import { ACCOUNT, ROLE } from '../harness/script-job.ts';
import type { KnownValues } from './known-values.ts';

/** What of repositories, builds, deliveries, events, schedules and topics lies on the server before the first request. */

export const REPOSITORY = 'fuzz-repository';
export const PROJECT = 'fuzz-project';
export const REPORTING_PROJECT = 'fuzz-reporting';
export const DELIVERY = 'fuzz-delivery';
/** Has ended well; nothing starts it, so that its stage is free to be rolled back. */
export const DELIVERED = 'fuzz-delivered';
/** Its source is not there: each of its executions fails at once and can be retried. */
export const BROKEN_DELIVERY = 'fuzz-broken';
export const TOLD_QUEUE_ARN = `arn:aws:sqs:us-east-1:${ACCOUNT}:fuzz-told`;
export const TOPIC_ARN = `arn:aws:sns:us-east-1:${ACCOUNT}:fuzz-topic`;
export const REPORT_GROUP_ARN = `arn:aws:codebuild:us-east-1:${ACCOUNT}:report-group/fuzz-reports`;
const JOBS_DELIVERY = 'fuzz-jobs';
const JOBS = ['One', 'Two', 'Three', 'Four'];

/** Takes a value that was named before: the newest of a member's. */
type Pick = (member: string) => string | undefined;
type Call = readonly [operation: string, input: Record<string, unknown> | ((pick: Pick) => Record<string, unknown>)];

const typed = (category: string, provider: string) => ({ category, owner: 'AWS', provider, version: '1' });
const source = (key: string) => ({
  name: 'Fetch',
  actionTypeId: typed('Source', 'S3'),
  configuration: { S3Bucket: 'fuzz-bucket', S3ObjectKey: key, PollForSourceChanges: 'false' },
  outputArtifacts: [{ name: 'Code' }],
});
const approval = { name: 'Approve', actionTypeId: typed('Approval', 'Manual') };
const invoke = (name: string) => ({
  name,
  actionTypeId: typed('Invoke', 'Lambda'),
  configuration: { FunctionName: 'fuzz-function' },
});

/** From an object through an approval or other actions; nothing of it needs a sandbox but calls of functions. */
export const delivery = (name: string, actions: readonly object[] = [approval], key = 'source.zip'): PipelineDeclaration =>
  ({
    name,
    roleArn: ROLE,
    artifactStore: { type: 'S3', location: 'fuzz-bucket' },
    stages: [
      { name: 'Source', actions: [source(key)] },
      { name: 'Ask', actions },
    ],
  }) as PipelineDeclaration;

export const project = (name: string) => ({
  name,
  // not there: a build fails before it would need a sandbox
  source: { type: 'S3', location: 'fuzz-bucket/nowhere.zip' },
  artifacts: { type: 'NO_ARTIFACTS' },
  environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
  serviceRole: ROLE,
});

const REPORTING = `version: 0.2
phases:
  build:
    commands:
      - echo '<testsuite name="t"><testcase name="adds" time="0.1"/></testsuite>' > results.xml
      - >-
        echo '<coverage><packages><package><classes><class filename="a.py"><lines><line number="1" hits="1"/></lines></class></classes></package></packages></coverage>' > cover.xml
reports:
  cases: {files: [results.xml]}
  cover: {files: [cover.xml], file-format: COBERTURAXML}
`;

export const webhook = (name: string) => ({
  name,
  targetPipeline: DELIVERY,
  targetAction: 'Fetch',
  filters: [{ jsonPath: '$.ref', matchEquals: 'refs/heads/main' }],
  authentication: 'UNAUTHENTICATED',
  authenticationConfiguration: {},
});

export const schedule = () => ({
  ScheduleExpression: 'rate(1 minute)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  Target: { Arn: TOLD_QUEUE_ARN, RoleArn: ROLE, Input: '{}' },
});

export const AUTHORIZATION = {
  AuthorizationType: 'API_KEY',
  AuthParameters: { ApiKeyAuthParameters: { ApiKeyName: 'x-key', ApiKeyValue: 'v' } },
};

const file = (filePath: string, text: string) => ({ filePath, fileContent: btoa(text) });
const POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: '*' }],
};

export const DELIVERY_CALLS: readonly Call[] = [
  ['sqs:CreateQueue', { QueueName: 'fuzz-told', Attributes: { Policy: JSON.stringify(POLICY) } }],
  ['sns:CreateTopic', { Name: 'fuzz-topic' }],
  ['sns:Subscribe', { TopicArn: TOPIC_ARN, Protocol: 'sqs', Endpoint: TOLD_QUEUE_ARN, ReturnSubscriptionArn: true }],
  ['sns:AddPermission', { TopicArn: TOPIC_ARN, Label: 'fuzz', AWSAccountId: [ACCOUNT], ActionName: ['Publish'] }],
  ['codecommit:CreateRepository', { repositoryName: REPOSITORY }],
  [
    'codecommit:CreateCommit',
    { repositoryName: REPOSITORY, branchName: 'main', putFiles: [file('a.txt', 'a'), file('folder/b.txt', 'b')] },
  ],
  ['codecommit:CreateBranch', (pick) => ({ repositoryName: REPOSITORY, branchName: 'behind', commitId: pick('commitId') })],
  [
    'codecommit:CreateCommit',
    (pick) => ({
      ...{ repositoryName: REPOSITORY, branchName: 'main', parentCommitId: pick('commitId') },
      putFiles: [file('a.txt', 'changed')],
    }),
  ],
  ['codecommit:CreateBranch', (pick) => ({ repositoryName: REPOSITORY, branchName: 'work', commitId: pick('commitId') })],
  ['codecommit:GetRepository', { repositoryName: REPOSITORY }],
  ['codebuild:CreateProject', project(PROJECT)],
  ['codebuild:CreateProject', { ...project(REPORTING_PROJECT), source: { type: 'NO_SOURCE', buildspec: REPORTING } }],
  ['codebuild:CreateReportGroup', { name: 'fuzz-reports', type: 'TEST', exportConfig: { exportConfigType: 'NO_EXPORT' } }],
  ['codebuild:StartBuild', { projectName: PROJECT }],
  ['codebuild:StartBuild', { projectName: REPORTING_PROJECT }],
  ['s3:PutObject', { Bucket: 'fuzz-bucket', Key: 'source.zip', Body: zipOf({ 'a.txt': 'a' }) }],
  ['codepipeline:CreatePipeline', { pipeline: delivery(DELIVERY) }],
  ['codepipeline:CreatePipeline', { pipeline: { ...delivery(DELIVERED), pipelineType: 'V2' } }],
  ['codepipeline:CreatePipeline', { pipeline: delivery(BROKEN_DELIVERY, [approval], 'nowhere.zip') }],
  ['codepipeline:CreatePipeline', { pipeline: delivery(JOBS_DELIVERY, JOBS.map(invoke)) }],
  ['codepipeline:PutWebhook', { webhook: webhook('fuzz-webhook') }],
  ['events:CreateEventBus', { Name: 'fuzz-bus' }],
  ['events:PutRule', { Name: 'fuzz-rule', EventPattern: '{"source":["fuzz"]}' }],
  ['events:PutTargets', { Rule: 'fuzz-rule', Targets: [{ Id: 'told', Arn: TOLD_QUEUE_ARN }] }],
  ['events:CreateConnection', { Name: 'fuzz-connection', ...AUTHORIZATION }],
  [
    'events:CreateApiDestination',
    (pick) => ({
      ...{ Name: 'fuzz-destination', ConnectionArn: pick('ConnectionArn') },
      ...{ InvocationEndpoint: 'https://destination.invalid/', HttpMethod: 'POST' },
    }),
  ],
  ['scheduler:CreateScheduleGroup', { Name: 'fuzz-schedules' }],
  ['scheduler:CreateSchedule', { Name: 'fuzz-schedule', ...schedule() }],
];

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let left = 600; left > 0; left -= 1) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(100);
  }
  throw new Error(`${what}: not within a minute.`);
}

/** Waits for what the calls above began: a subscription to be confirmed; an approval, answered; the jobs that the function was told of; a build's reports. */
export async function awaitDeliveries(aws: AwsClient, known: KnownValues): Promise<void> {
  await receiveToken(aws, known);
  const token = await until('An approval is asked for', async () => {
    const { stageStates = [] } = await aws.call('codepipeline:GetPipelineState', { name: DELIVERED });
    return stageStates[1]?.actionStates?.[0]?.latestExecution?.token;
  });
  const place = { pipelineName: DELIVERED, stageName: 'Ask', actionName: 'Approve' };
  await aws.call('codepipeline:PutApprovalResult', { ...place, token, result: { status: 'Approved', summary: '' } });
  for (const pipelineName of [DELIVERED, BROKEN_DELIVERY]) {
    const ended = await until(`${pipelineName} ends`, async () => {
      const { pipelineExecutionSummaries: [first] = [] } = await aws.call('codepipeline:ListPipelineExecutions', {
        pipelineName,
      });
      return first?.status === 'InProgress' ? undefined : first;
    });
    known.harvest('codepipeline', { [pipelineName]: ended.pipelineExecutionId });
  }
  const log = { logGroupName: '/aws/lambda/fuzz-function', filterPattern: '"CodePipeline.job"' };
  const jobs = await until('The function is told of its jobs', async () => {
    const { events = [] } = await aws.call('logs:FilterLogEvents', log).catch(() => ({ events: [] }));
    return events.length < JOBS.length ? undefined : events;
  });
  for (const { message = '' } of jobs) {
    known.harvest('codepipeline', {
      jobId: (JSON.parse(message) as { 'CodePipeline.job': { id: string } })['CodePipeline.job'].id,
    });
  }
  const { reports = [] } = await until('The build reports', async () => {
    const listed = await aws.call('codebuild:ListReports', {});
    return (listed.reports ?? []).length < 2 ? undefined : listed;
  });
  for (const reportArn of reports) {
    const { reports: [report] = [] } = await aws.call('codebuild:BatchGetReports', { reportArns: [reportArn] });
    known.harvest('codebuild', report?.type === 'CODE_COVERAGE' ? { coverageArn: reportArn } : { reportArn });
  }
}

/** Subscribes an address of this process, which is told by what it would confirm that. */
async function receiveToken(aws: AwsClient, known: KnownValues): Promise<void> {
  const { promise: token, resolve: told } = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    void json(request).then((body) => told((body as { Token: string }).Token));
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const Endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await aws.query('sns', { Action: 'Subscribe', TopicArn: TOPIC_ARN, Protocol: 'http', Endpoint });
  known.harvest('sns', { Token: await token });
  server.close();
}

export const CODE = `import json

def handler(event, context):
    if "CodePipeline.job" in event:
        print(json.dumps(event))
    return {"got": event}
`;
