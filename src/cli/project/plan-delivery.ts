import type { PipelineDeclaration, StageDeclaration } from '../../contract/generated/codepipeline.ts';
import type { CreateProjectInput } from '../../contract/generated/codebuild.ts';
import type { JsonObject } from '../../platform/json.ts';
import { type Environment, type Project, stageOf } from './environments.ts';

/** Where a project is set up, and how. */
export interface Place {
  readonly account: string;
  readonly region: string;
  /** Address of the server, for links in messages. */
  readonly url: string;
  /** Whether `config/approval-rule.json` is on: then the delivery may approve, else only people may. */
  readonly approvesByRule: boolean;
}

export interface PlannedRole {
  readonly name: string;
  readonly services: readonly string[];
  readonly policy: JsonObject;
}

export interface PlannedRule {
  readonly name: string;
  readonly description: string;
  readonly pattern: JsonObject;
  readonly target: {
    readonly Arn: string;
    readonly RoleArn?: string;
    readonly InputTransformer?: { readonly InputPathsMap: Record<string, string>; readonly InputTemplate: string };
    readonly SageMakerPipelineParameters?: { readonly PipelineParameterList: readonly { Name: string; Value: string }[] };
  };
}

/** Everything that a project has on the server besides its code; a pure function of its configuration. */
export interface DeliveryPlan {
  readonly branch: string;
  readonly roles: readonly PlannedRole[];
  readonly builds: readonly CreateProjectInput[];
  readonly pipelines: readonly PipelineDeclaration[];
  readonly topic: string;
  readonly rules: readonly PlannedRule[];
}

const BRANCH = 'main';
/** Of builds; their projects are named by them. */
const KINDS = ['build', 'release'] as const;
const IMAGE = 'aws/codebuild/amazonlinux-x86_64-standard:5.0';

export function planDelivery(project: Project, place: Place): DeliveryPlan {
  const names = namesOf(project, place);
  const isReleased = chainOf(project).length > 0;
  return {
    branch: BRANCH,
    roles: [buildRole(names), deliveryRole(project, names, place.approvesByRule)],
    builds: [build(names, 'build', 'buildspec.yml'), build(names, 'release', 'buildspec-release.yml')],
    pipelines: [modelPipeline(names), ...(isReleased ? [releasePipeline(project, names)] : [])],
    topic: `${names.project}-approvals`,
    rules: [
      pushRule(names),
      ...(isReleased ? [releaseRule(project, names)] : []),
      reviewRule(project, names, place.url),
      ...retrainingRules(project, names),
    ],
  };
}

interface Names {
  readonly project: string;
  readonly bucket: string;
  readonly arn: (service: string, resource: string) => string;
  readonly role: (name: string) => string;
}

function namesOf({ project }: Project, { account, region }: Place): Names {
  return {
    project,
    bucket: `sagemaker-${region}-${account}`,
    arn: (service, resource) => `arn:aws:${service}:${region}:${account}:${resource}`,
    role: (name) => `arn:aws:iam::${account}:role/${name}`,
  };
}

const allow = (Action: readonly string[], Resource: string | readonly string[] = '*', more: JsonObject = {}): JsonObject => ({
  Effect: 'Allow',
  Action: [...Action],
  Resource: typeof Resource === 'string' ? Resource : [...Resource],
  ...more,
});

const policyOf = (...Statement: JsonObject[]): JsonObject => ({ Version: '2012-10-17', Statement });
const JOBS_ROLE = 'SageMakerPipelineExecutionRole';

/** Builds test, write the SageMaker pipeline and deploy what was approved. To approve is not among their rights. */
function buildRole({ project, bucket, arn, role }: Names): PlannedRole {
  const policy = policyOf(
    allow(['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'], arn('logs', 'log-group:/aws/codebuild/*')),
    allow(['s3:Get*', 's3:List*', 's3:PutObject', 's3:CreateBucket'], [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]),
    allow(
      ['CreateReportGroup', 'CreateReport', 'UpdateReport', 'BatchPutTestCases', 'BatchPutCodeCoverages'].map(
        (name) => `codebuild:${name}`,
      ),
      KINDS.map((kind) => arn('codebuild', `report-group/${project}-${kind}-*`)),
    ),
    allow(
      [
        ...['CreatePipeline', 'UpdatePipeline', 'DescribePipeline*', 'ListPipelines', 'DescribeModel*', 'ListModelPackages'],
        ...['CreateModel', 'CreateEndpointConfig', 'CreateEndpoint', 'UpdateEndpoint', 'DescribeEndpoint*', 'InvokeEndpoint'],
        ...['AddTags', 'DeleteTags', 'ListTags'],
      ].map((name) => `sagemaker:${name}`),
    ),
    allow(['events:PutEvents'], arn('events', 'event-bus/default')),
    allow(['sts:GetCallerIdentity']),
    allow(['iam:GetRole', 'iam:PassRole'], role(JOBS_ROLE)),
  );
  return { name: `${project}-build`, services: ['codebuild.amazonaws.com'], policy };
}

/** What moves a delivery on: the source, builds, the SageMaker pipeline, and rules that start them. */
function deliveryRole({ modelPackageGroup }: Project, names: Names, approvesByRule: boolean): PlannedRole {
  const { project, bucket, arn } = names;
  const policy = policyOf(
    allow(
      ['GetBranch', 'GetCommit', 'GetRepository', 'UploadArchive', 'GetUploadArchiveStatus'].map((name) => `codecommit:${name}`),
      arn('codecommit', project),
    ),
    allow(['s3:Get*', 's3:List*', 's3:PutObject'], [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]),
    allow(
      ['codebuild:StartBuild', 'codebuild:StopBuild', 'codebuild:BatchGetBuilds'],
      KINDS.map((kind) => arn('codebuild', `project/${project}-${kind}`)),
    ),
    allow(
      ['StartPipelineExecution', 'StopPipelineExecution', 'DescribePipelineExecution', 'ListPipelineExecutionSteps'].map(
        (name) => `sagemaker:${name}`,
      ),
      [arn('sagemaker', `pipeline/${project.toLowerCase()}`), arn('sagemaker', `pipeline/${project.toLowerCase()}/*`)],
    ),
    allow(['codepipeline:StartPipelineExecution'], [arn('codepipeline', project), arn('codepipeline', `${project}-release`)]),
    allow(['sns:Publish'], arn('sns', `${project}-approvals`)),
    ...(approvesByRule
      ? [allow(['sagemaker:UpdateModelPackage'], arn('sagemaker', `model-package/${modelPackageGroup.toLowerCase()}/*`))]
      : []),
  );
  return {
    name: `${project}-delivery`,
    services: ['codepipeline.amazonaws.com', 'events.amazonaws.com', 'scheduler.amazonaws.com'],
    policy,
  };
}

function build({ project, bucket, role }: Names, kind: (typeof KINDS)[number], buildspec: string): CreateProjectInput {
  const variables = { SAGEMAKER_PIPELINE_ROLE_ARN: role(JOBS_ROLE), ARTIFACT_BUCKET: bucket };
  return {
    name: `${project}-${kind}`,
    description: kind === 'build' ? 'Lint, unit tests and the SageMaker pipeline' : 'Deploys and tests in an environment',
    source: { type: 'CODEPIPELINE', buildspec },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: IMAGE,
      computeType: 'BUILD_GENERAL1_SMALL',
      environmentVariables: Object.entries(variables).map(([name, value]) => ({ name, value, type: 'PLAINTEXT' })),
    },
    serviceRole: role(`${project}-build`),
    timeoutInMinutes: 30,
    tags: [{ key: 'slipway:project', value: project }],
  };
}

const action = (name: string, [category, provider]: readonly [string, string], configuration: Record<string, string>) => ({
  name,
  actionTypeId: { category: category as 'Build', owner: 'AWS' as const, provider, version: '1' },
  configuration,
});

const sourceStage = ({ project }: Names): StageDeclaration => ({
  name: 'Source',
  actions: [
    {
      ...action('Commit', ['Source', 'CodeCommit'], {
        RepositoryName: project,
        BranchName: BRANCH,
        PollForSourceChanges: 'false',
      }),
      outputArtifacts: [{ name: 'Source' }],
      namespace: 'SourceVariables',
    },
  ],
});

/** A push: lint and tests, the SageMaker pipeline as the commit says it, and an execution of it. */
function modelPipeline(names: Names): PipelineDeclaration {
  const { project } = names;
  const train = action('RunPipeline', ['Invoke', 'SageMakerPipeline'], {
    PipelineName: project,
    PipelineParameters: JSON.stringify({ CommitId: '#{SourceVariables.CommitId}' }),
  });
  const test = {
    ...action('TestAndUpsert', ['Build', 'CodeBuild'], { ProjectName: `${project}-build` }),
    inputArtifacts: SOURCE,
  };
  return declare(names, project, [sourceStage(names), { name: 'Build', actions: [test] }, { name: 'Train', actions: [train] }]);
}

const SOURCE = [{ name: 'Source' }];

/** An approval: the package that was approved through the environments that follow each other. */
function releasePipeline(project: Project, names: Names): PipelineDeclaration {
  const stages = chainOf(project).map(([name, environment]) => ({
    name: stageOf(name),
    actions: releaseActions(names, name, environment),
  }));
  return {
    ...declare(names, `${names.project}-release`, [sourceStage(names), ...stages]),
    variables: [{ name: 'ModelPackageArn', description: 'The approved model package.' }],
  };
}

function releaseActions({ project }: Names, name: string, { smokeTest, policy }: Environment) {
  const run = (ACTION: string) => {
    const variables = { ACTION, ENVIRONMENT: name, MODEL_PACKAGE_ARN: '#{variables.ModelPackageArn}' };
    const EnvironmentVariables = JSON.stringify(
      Object.entries(variables).map(([key, value]) => ({ name: key, value, type: 'PLAINTEXT' })),
    );
    return { ProjectName: `${project}-release`, EnvironmentVariables };
  };
  const confirm = action('Confirm', ['Approval', 'Manual'], { CustomData: `#{variables.ModelPackageArn} to ${name}` });
  return [
    ...(policy?.confirm ? [{ ...confirm, runOrder: 1 }] : []),
    { ...action('Deploy', ['Build', 'CodeBuild'], run('deploy')), inputArtifacts: SOURCE, runOrder: 2 },
    ...(smokeTest ? [{ ...action('SmokeTest', ['Test', 'CodeBuild'], run('smoke')), inputArtifacts: SOURCE, runOrder: 3 }] : []),
  ];
}

/** Environments that follow one another, first to last; one that nothing follows and that follows nothing is for use by hand. */
export function chainOf({ environments }: Project): [string, Environment][] {
  const follows = new Set(Object.values(environments).flatMap(({ policy }) => policy?.after ?? []));
  const depthOf = (name: string, seen = 0): number => {
    const after = environments[name]?.policy?.after;
    return after === undefined || seen > Object.keys(environments).length ? seen : depthOf(after, seen + 1);
  };
  return Object.entries(environments)
    .filter(([name, { policy }]) => follows.has(name) || policy?.after !== undefined)
    .sort(([left], [right]) => depthOf(left) - depthOf(right));
}

const declare = ({ project, bucket, role }: Names, name: string, stages: StageDeclaration[]): PipelineDeclaration => ({
  name,
  roleArn: role(`${project}-delivery`),
  pipelineType: 'V2',
  artifactStore: { type: 'S3', location: bucket },
  stages,
});

const pushRule = ({ project, arn, role }: Names): PlannedRule => ({
  name: `${project}-push`,
  description: 'A push to the branch starts its delivery',
  pattern: {
    source: ['aws.codecommit'],
    'detail-type': ['CodeCommit Repository State Change'],
    resources: [arn('codecommit', project)],
    detail: { event: ['referenceCreated', 'referenceUpdated'], referenceType: ['branch'], referenceName: [BRANCH] },
  },
  target: { Arn: arn('codepipeline', project), RoleArn: role(`${project}-delivery`) },
});

const releaseRule = ({ modelPackageGroup }: Project, { project, arn, role }: Names): PlannedRule => ({
  name: `${project}-approved`,
  description: 'An approved model package is released',
  pattern: packagePattern(modelPackageGroup, 'Approved'),
  target: {
    Arn: arn('codepipeline', `${project}-release`),
    RoleArn: role(`${project}-delivery`),
    InputTransformer: {
      InputPathsMap: { package: '$.detail.ModelPackageArn' },
      InputTemplate: '{"variables": [{"name": "ModelPackageArn", "value": "<package>"}]}',
    },
  },
});

const packagePattern = (group: string, status: string): JsonObject => ({
  source: ['aws.sagemaker'],
  'detail-type': ['SageMaker Model Package State Change'],
  detail: { ModelPackageGroupName: [group], ModelApprovalStatus: [status] },
});

/** Who subscribed to the topic hears of a version that waits; the link opens the signed-in page and approves nothing itself. */
function reviewRule({ modelPackageGroup }: Project, { project, arn }: Names, url: string): PlannedRule {
  const how = `slipway approve ${modelPackageGroup}/<version>`;
  return {
    name: `${project}-review`,
    description: 'A version that waits for approval is told to the topic',
    pattern: packagePattern(modelPackageGroup, 'PendingManualApproval'),
    target: {
      Arn: arn('sns', `${project}-approvals`),
      InputTransformer: {
        InputPathsMap: { version: '$.detail.ModelPackageVersion', package: '$.detail.ModelPackageArn' },
        InputTemplate: `"Version <version> of ${modelPackageGroup} waits for approval: ${url}/_slipway/ui#/models/<package> (sign in there), or ${how}"`,
      },
    },
  };
}

/** One rule per attempt: each hears of failures of the attempt before and starts the next, so the number of rules is the bound. */
function retrainingRules({ modelPackageGroup, retrain }: Project, { project, arn, role }: Names): PlannedRule[] {
  const pipeline = arn('sagemaker', `pipeline/${project.toLowerCase()}`);
  return Array.from({ length: retrain?.attempts ?? 0 }, (_, before) => ({
    name: `${project}-retrain-${before + 1}`,
    description: `Retraining ${before + 1}: after a rejection, a missed threshold or a failed smoke test`,
    pattern: {
      $or: [
        {
          'detail-type': ['SageMaker Model Package State Change'],
          detail: {
            ModelPackageGroupName: [modelPackageGroup],
            ModelApprovalStatus: ['Rejected'],
            CustomerMetadataProperties: { RetrainAttempt: [String(before)] },
          },
        },
        {
          'detail-type': ['SageMaker Model Building Pipeline Execution Step Status Change'],
          detail: {
            pipelineArn: [pipeline],
            stepName: ['NotGoodEnough'],
            currentStepStatus: ['Failed'],
            failureReason: [{ prefix: `RetrainAttempt ${before} ` }],
          },
        },
        { 'detail-type': ['Smoke Test Failed'], detail: { project: [project], retrainAttempt: [String(before)] } },
      ],
    },
    target: {
      Arn: pipeline,
      RoleArn: role(`${project}-delivery`),
      SageMakerPipelineParameters: { PipelineParameterList: [{ Name: 'RetrainAttempt', Value: String(before + 1) }] },
    },
  }));
}
