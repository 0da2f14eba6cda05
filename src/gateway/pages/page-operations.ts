/** What the page may call in the name of whoever is signed in. A hole in the page would reach no further than this. */

/** Reading calls by whole families; others by name, since some of a service's reads give away more than the page shows (job credentials). */
const READS = /^(sagemaker|logs):(List|Describe|Get|BatchDescribe)[A-Za-z]+$/;
const OTHER_READS: ReadonlySet<string> = new Set([
  'codebuild:BatchGetBuilds',
  'codebuild:BatchGetProjects',
  'codebuild:BatchGetReports',
  'codebuild:DescribeCodeCoverages',
  'codebuild:DescribeTestCases',
  'codebuild:ListBuildsForProject',
  'codebuild:ListProjects',
  'codecommit:BatchGetCommits',
  'codecommit:GetBranch',
  'codecommit:GetCommit',
  'codecommit:GetDifferences',
  'codecommit:GetRepository',
  'codecommit:ListBranches',
  'codecommit:ListRepositories',
  'codepipeline:GetPipeline',
  'codepipeline:GetPipelineExecution',
  'codepipeline:GetPipelineState',
  'codepipeline:ListActionExecutions',
  'codepipeline:ListPipelineExecutions',
  'codepipeline:ListPipelines',
  'events:ListEventBuses',
  'events:ListRules',
  'events:ListTargetsByRule',
  'scheduler:GetSchedule',
  'scheduler:ListSchedules',
]);

/** The changes a person makes there, each with the members that the page sends and no others. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  'codebuild:RetryBuild': ['id'],
  'codebuild:StopBuild': ['id'],
  'codepipeline:DisableStageTransition': ['pipelineName', 'stageName', 'transitionType', 'reason'],
  'codepipeline:EnableStageTransition': ['pipelineName', 'stageName', 'transitionType'],
  'codepipeline:PutApprovalResult': ['pipelineName', 'stageName', 'actionName', 'result', 'token'],
  'codepipeline:RetryStageExecution': ['pipelineName', 'stageName', 'pipelineExecutionId', 'retryMode'],
  'codepipeline:RollbackStage': ['pipelineName', 'stageName', 'targetPipelineExecutionId'],
  'codepipeline:StartPipelineExecution': ['name', 'variables'],
  'codepipeline:StopPipelineExecution': ['pipelineName', 'pipelineExecutionId', 'abandon', 'reason'],
  'sagemaker:UpdateModelPackage': ['ModelPackageArn', 'ModelApprovalStatus', 'ApprovalDescription'],
};

/** Why the page may not make this call; undefined when it may. */
export function pageRefusal(name: string, members: readonly string[]): string | undefined {
  if (READS.test(name) || OTHER_READS.has(name)) return undefined;
  const allowed = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined;
  if (!allowed) return `The page may not call ${name.slice(0, 100)}.`;
  const other = members.find((member) => !allowed.includes(member));
  return other === undefined ? undefined : `The page may not give ${other.slice(0, 100)} to ${name}.`;
}
