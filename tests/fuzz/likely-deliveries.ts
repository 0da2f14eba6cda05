import { ACCOUNT } from '../harness/script-job.ts';
import {
  AUTHORIZATION,
  BROKEN_DELIVERY,
  DELIVERY,
  delivery,
  DELIVERED,
  PROJECT,
  project,
  REPOSITORY,
  REPORT_GROUP_ARN,
  REPORTING_PROJECT,
  schedule,
  TOLD_QUEUE_ARN,
  TOPIC_ARN,
  webhook,
} from './delivery-corpus.ts';

/** A value that a member of the service's had before; `removable`: none of what is to last. */
export type PickValue = (member: string, which?: { readonly like?: RegExp; readonly removable?: true }) => string | undefined;

const COMMIT = { like: /^[0-9a-f]{40}$/ };
const UUID = { like: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/ };
const BUILD = { like: /^[\w-]+:[0-9a-f-]{36}$/ };
const SUBSCRIPTION = { like: /:fuzz-topic:[0-9a-f-]{36}$/ };

const place = { pipelineName: DELIVERY, stageName: 'Ask', actionName: 'Approve' };
const trigger = { name: 'told', destinationArn: TOPIC_ARN, events: ['all'] };

/** Each name is new, so that what is made does not meet what was made. */
let made = 0;
export function newName(kind = 'one'): string {
  made += 1;
  return `made-${kind}-${made}`;
}
const isOdd = (): boolean => made % 2 === 1;
export const isMade = (kind: string) => ({ like: new RegExp(`^made-${kind}-`), removable: true }) as const;

/** Members that together make sense, for operations of repositories, builds, deliveries, events, schedules and topics. */
export const LIKELY_DELIVERIES: Readonly<Record<string, (pick: PickValue) => Record<string, unknown>>> = {
  'codecommit:CreateRepository': () => ({ repositoryName: newName() }),
  'codecommit:UpdateRepositoryName': (pick) => ({ oldName: pick('repositoryName', { removable: true }), newName: newName() }),
  'codecommit:CreateBranch': (pick) => ({
    repositoryName: REPOSITORY,
    commitId: pick('commitId', COMMIT),
    branchName: newName(),
  }),
  'codecommit:CreateCommit': (pick) => ({
    ...{ repositoryName: REPOSITORY, branchName: 'work', parentCommitId: pick('commitId', COMMIT) },
    putFiles: [{ filePath: newName(), fileContent: btoa('content') }],
  }),
  'codecommit:PutFile': (pick) => ({
    ...{ repositoryName: REPOSITORY, branchName: 'work', parentCommitId: pick('commitId', COMMIT) },
    ...{ filePath: newName(), fileContent: btoa('content') },
  }),
  'codecommit:DeleteFile': (pick) => ({
    ...{ repositoryName: REPOSITORY, branchName: 'work', parentCommitId: pick('commitId', COMMIT) },
    filePath: pick('filePath', { removable: true }),
  }),
  'codecommit:BatchGetCommits': () => ({ repositoryName: REPOSITORY }),
  'codecommit:GetBranch': () => ({ repositoryName: REPOSITORY, branchName: 'work' }),
  'codecommit:GetCommit': () => ({ repositoryName: REPOSITORY }),
  'codecommit:GetBlob': () => ({ repositoryName: REPOSITORY }),
  'codecommit:GetFile': () => ({ repositoryName: REPOSITORY, filePath: 'folder/b.txt' }),
  'codecommit:GetFolder': () => ({ repositoryName: REPOSITORY, folderPath: 'folder' }),
  'codecommit:GetDifferences': () => ({ repositoryName: REPOSITORY }),
  'codecommit:GetMergeCommit': () => ({ repositoryName: REPOSITORY }),
  'codecommit:MergeBranchesByFastForward': () => ({
    ...{
      repositoryName: REPOSITORY,
      sourceCommitSpecifier: 'main',
      destinationCommitSpecifier: 'behind',
      targetBranch: 'behind',
    },
  }),
  'codecommit:DeleteBranch': (pick) => ({ repositoryName: REPOSITORY, branchName: pick('branchName', { removable: true }) }),
  'codecommit:UpdateDefaultBranch': () => ({ repositoryName: REPOSITORY, defaultBranchName: 'main' }),
  'codecommit:UpdateRepositoryDescription': () => ({ repositoryName: REPOSITORY }),
  'codecommit:PutRepositoryTriggers': () => ({ repositoryName: REPOSITORY, triggers: [trigger] }),
  'codecommit:TestRepositoryTriggers': () => ({ repositoryName: REPOSITORY, triggers: [trigger] }),

  'codebuild:CreateProject': () => project(newName()),
  'codebuild:UpdateProject': () => project(PROJECT),
  // now and then one that comes to its end in a sandbox and reports
  'codebuild:StartBuild': () => ({ projectName: newName().endsWith('7') ? REPORTING_PROJECT : PROJECT }),
  'codebuild:RetryBuild': (pick) => ({ id: pick('id', BUILD) }),
  'codebuild:StopBuild': (pick) => ({ id: pick('id', BUILD) }),
  'codebuild:BatchGetBuilds': (pick) => ({ ids: [pick('id', BUILD) ?? `${PROJECT}:none`] }),
  'codebuild:CreateReportGroup': () => ({ name: newName(), type: 'TEST', exportConfig: { exportConfigType: 'NO_EXPORT' } }),
  'codebuild:UpdateReportGroup': () => ({ arn: REPORT_GROUP_ARN }),
  'codebuild:DeleteReport': (pick) => ({ arn: pick('reports', { like: /:report\//, removable: true }) }),
  'codebuild:DescribeTestCases': (pick) => ({ reportArn: pick('reportArn', { like: /:report\// }) }),
  'codebuild:DescribeCodeCoverages': (pick) => ({ reportArn: pick('coverageArn', { like: /:report\// }) }),
  'codebuild:ListBuildsForProject': () => ({ projectName: PROJECT }),
  'codebuild:InvalidateProjectCache': () => ({ projectName: PROJECT }),

  'codepipeline:CreatePipeline': () => ({ pipeline: delivery(newName()) }),
  'codepipeline:UpdatePipeline': () => ({ pipeline: delivery(DELIVERY) }),
  'codepipeline:StartPipelineExecution': () => ({ name: DELIVERY }),
  'codepipeline:PutApprovalResult': (pick) => ({ ...place, token: pick('token', UUID) }),
  'codepipeline:PutActionRevision': () => ({ pipelineName: DELIVERY, stageName: 'Source', actionName: 'Fetch' }),
  'codepipeline:RetryStageExecution': (pick) => ({
    ...{
      pipelineName: BROKEN_DELIVERY,
      stageName: 'Source',
      pipelineExecutionId: pick(isOdd() ? BROKEN_DELIVERY : 'pipelineExecutionId', UUID),
    },
  }),
  'codepipeline:RollbackStage': (pick) => ({
    ...{ pipelineName: DELIVERED, stageName: 'Ask', targetPipelineExecutionId: pick(DELIVERED) },
  }),
  'codepipeline:StopPipelineExecution': (pick) => ({
    ...{ pipelineName: DELIVERY, pipelineExecutionId: pick('pipelineExecutionId', UUID) },
  }),
  'codepipeline:GetPipelineExecution': (pick) => ({
    ...{ pipelineName: DELIVERY, pipelineExecutionId: pick('pipelineExecutionId', UUID) },
  }),
  'codepipeline:PutJobSuccessResult': (pick) => ({ jobId: pick('succeedingJob') }),
  'codepipeline:PutJobFailureResult': (pick) => ({ jobId: pick('failingJob') }),
  'codepipeline:DisableStageTransition': () => ({ pipelineName: DELIVERY, stageName: 'Ask', transitionType: 'Inbound' }),
  'codepipeline:EnableStageTransition': () => ({ pipelineName: DELIVERY, stageName: 'Ask' }),
  'codepipeline:PutWebhook': () => ({ webhook: webhook(newName()) }),
  'codepipeline:GetPipeline': () => ({ name: DELIVERY }),
  'codepipeline:GetPipelineState': () => ({ name: DELIVERY }),

  'events:PutRule': () => ({ Name: 'fuzz-rule', EventPattern: '{"source":["fuzz"]}', EventBusName: 'default' }),
  'events:DescribeRule': () => ({ Name: 'fuzz-rule' }),
  'events:EnableRule': () => ({ Name: 'fuzz-rule' }),
  'events:DisableRule': () => ({ Name: 'fuzz-rule' }),
  'events:ListTargetsByRule': () => ({ Rule: 'fuzz-rule' }),
  'events:PutTargets': () => ({ Rule: 'fuzz-rule', Targets: [{ Id: 'other', Arn: TOLD_QUEUE_ARN }] }),
  'events:RemoveTargets': () => ({ Rule: 'fuzz-rule', Ids: ['other'] }),
  'events:PutEvents': () => ({ Entries: [{ Source: 'fuzz', DetailType: 'Thing', Detail: '{"a":1}' }] }),
  'events:PutPermission': () => ({ StatementId: newName(), Action: 'events:PutEvents', Principal: ACCOUNT }),
  'events:DescribeConnection': () => ({ Name: 'fuzz-connection' }),
  'events:CreateConnection': () => ({ Name: newName('connection'), ...AUTHORIZATION }),
  'events:UpdateConnection': () => ({ Name: 'fuzz-connection', ...AUTHORIZATION }),
  'events:DescribeApiDestination': () => ({ Name: 'fuzz-destination' }),
  'events:DeleteConnection': (pick) => ({ Name: pick('Name', isMade('connection')) }),
  'events:DeleteApiDestination': (pick) => ({ Name: pick('Name', isMade('destination')) }),
  'events:CreateApiDestination': () => ({ Name: newName('destination'), InvocationEndpoint: 'https://destination.invalid/' }),
  'events:UpdateApiDestination': () => ({ Name: 'fuzz-destination', InvocationEndpoint: 'https://destination.invalid/' }),
  'events:DescribeEventBus': () => ({ Name: 'fuzz-bus' }),

  'scheduler:CreateSchedule': () => ({ Name: newName('schedule'), ...schedule() }),
  'scheduler:UpdateSchedule': () => ({ Name: 'fuzz-schedule', ...schedule() }),
  'scheduler:GetSchedule': () => ({ Name: 'fuzz-schedule' }),

  'sns:Subscribe': () => ({ Protocol: 'sqs', Endpoint: `arn:aws:sqs:us-east-1:${ACCOUNT}:${newName()}`, TopicArn: TOPIC_ARN }),
  'sns:AddPermission': () => ({ TopicArn: TOPIC_ARN, Label: newName(), ActionName: ['Publish'], AWSAccountId: [ACCOUNT] }),
  'sns:RemovePermission': () => ({ TopicArn: TOPIC_ARN }),
  'sns:SetTopicAttributes': () => ({ TopicArn: TOPIC_ARN, AttributeName: 'DisplayName', AttributeValue: 'shown' }),
  'sns:GetSubscriptionAttributes': (pick) => ({ SubscriptionArn: pick('SubscriptionArn', SUBSCRIPTION) }),
  'sns:ConfirmSubscription': (pick) => ({ TopicArn: TOPIC_ARN, Token: pick('Token') }),
  'sns:SetSubscriptionAttributes': (pick) => ({
    SubscriptionArn: pick('SubscriptionArn', SUBSCRIPTION),
    AttributeName: 'RawMessageDelivery',
    AttributeValue: 'true',
  }),
  'sns:Publish': () => ({ TopicArn: TOPIC_ARN, Message: 'told' }),
  'sns:PublishBatch': () => ({ TopicArn: TOPIC_ARN }),
  'scheduler:DeleteSchedule': (pick) => ({ Name: pick('Name', isMade('schedule')) }),
};
