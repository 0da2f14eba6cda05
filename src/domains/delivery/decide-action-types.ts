import type { ActionCategory, ActionOwner, ActionTypeId } from '../../contract/generated/codepipeline.ts';

export interface Setting {
  readonly required?: true;
  readonly secret?: true;
  readonly description: string;
}

/** An action that runs here: who provides it, how many artifacts it takes and gives, and its configuration. */
export interface ActionTypeRule {
  readonly categories: readonly ActionCategory[];
  readonly owner: ActionOwner;
  readonly provider: string;
  /** Fewest and most. */
  readonly inputs: readonly [number, number];
  readonly outputs: readonly [number, number];
  /** How long it may take, unless the declaration says so (manual approval only). */
  readonly timeoutMinutes: number;
  readonly configuration: Readonly<Record<string, Setting>>;
}

const required = (description: string): Setting => ({ required: true, description });
const optional = (description: string): Setting => ({ description });
const DAY_MINUTES = 24 * 60;

const POLL = optional('"false": a change of the source starts nothing by itself; a rule or a webhook does.');

/** Time limits and artifact counts are those of the user guide's quotas and structure reference. */
export const ACTION_TYPES: readonly ActionTypeRule[] = [
  {
    categories: ['Source'],
    owner: 'AWS',
    provider: 'CodeCommit',
    inputs: [0, 0],
    outputs: [1, 1],
    timeoutMinutes: 60,
    configuration: {
      RepositoryName: required('The repository.'),
      BranchName: required('The branch whose head is taken.'),
      PollForSourceChanges: POLL,
      OutputArtifactFormat: optional('CODE_ZIP (default) or CODEBUILD_CLONE_REF.'),
    },
  },
  {
    categories: ['Source'],
    owner: 'AWS',
    provider: 'S3',
    inputs: [0, 0],
    outputs: [1, 1],
    timeoutMinutes: 60,
    configuration: {
      S3Bucket: required('The bucket; its versions must be kept.'),
      S3ObjectKey: required('The key of a zip file.'),
      PollForSourceChanges: POLL,
      AllowOverrideForS3ObjectKey: optional('"true": StartPipelineExecution may name another key.'),
    },
  },
  {
    categories: ['Source'],
    owner: 'AWS',
    provider: 'CodeStarSourceConnection',
    inputs: [0, 0],
    outputs: [1, 1],
    timeoutMinutes: 60,
    configuration: {
      ConnectionArn: required('Kept as given; the repository here is found by FullRepositoryId.'),
      FullRepositoryId: required('owner/name; the last part names the repository here that follows it.'),
      BranchName: required('The branch whose head is taken.'),
      OutputArtifactFormat: optional('CODE_ZIP (default) or CODEBUILD_CLONE_REF.'),
      DetectChanges: optional('"false": a push starts nothing by itself.'),
    },
  },
  {
    categories: ['Source'],
    owner: 'ThirdParty',
    provider: 'GitHub',
    inputs: [0, 0],
    outputs: [1, 1],
    timeoutMinutes: 60,
    configuration: {
      Owner: required('Owner of the repository there.'),
      Repo: required('The repository; the one of this name here follows it.'),
      Branch: required('The branch whose head is taken.'),
      OAuthToken: {
        required: true,
        secret: true,
        description: 'Not used here: the repository that follows has its own credentials.',
      },
      PollForSourceChanges: POLL,
    },
  },
  {
    categories: ['Build', 'Test'],
    owner: 'AWS',
    provider: 'CodeBuild',
    inputs: [1, 5],
    outputs: [0, 5],
    timeoutMinutes: 36 * 60,
    configuration: {
      ProjectName: required('The build project.'),
      PrimarySource: optional('Which input artifact holds the buildspec, if there are several.'),
      EnvironmentVariables: optional('JSON: [{"name","value","type"}].'),
      BatchEnabled: optional('Only "false" here.'),
      CombineArtifacts: optional('Only "false" here.'),
    },
  },
  {
    categories: ['Invoke'],
    owner: 'AWS',
    provider: 'Lambda',
    inputs: [0, 5],
    outputs: [0, 5],
    timeoutMinutes: DAY_MINUTES,
    configuration: {
      FunctionName: required('The function.'),
      UserParameters: optional('Text that the function gets.'),
    },
  },
  {
    categories: ['Invoke'],
    owner: 'AWS',
    provider: 'SageMakerPipeline',
    inputs: [0, 5],
    outputs: [0, 0],
    timeoutMinutes: 5 * DAY_MINUTES,
    configuration: {
      PipelineName: required('The SageMaker pipeline to start and wait for.'),
      PipelineParameters: optional('JSON: {"name": "value"} or [{"Name","Value"}].'),
    },
  },
  {
    categories: ['Deploy'],
    owner: 'AWS',
    provider: 'SageMakerEndpoint',
    inputs: [0, 5],
    outputs: [0, 0],
    timeoutMinutes: 2 * DAY_MINUTES,
    configuration: {
      EndpointName: required('The endpoint to create or update.'),
      ModelPackageArn: required('The model package; may be a variable, or Artifact::path of a file that holds the ARN.'),
      ExecutionRoleArn: required('The role of the model.'),
      InstanceType: optional('ml.m5.large if absent.'),
      InitialInstanceCount: optional('1 if absent.'),
    },
  },
  {
    categories: ['Approval'],
    owner: 'AWS',
    provider: 'Manual',
    inputs: [0, 0],
    outputs: [0, 0],
    timeoutMinutes: 7 * DAY_MINUTES,
    configuration: {
      NotificationArn: optional('The topic that is told.'),
      CustomData: optional('A comment for the reviewer.'),
      ExternalEntityLink: optional('An address for the reviewer.'),
    },
  },
];

export const ruleOf = ({ category, owner, provider, version }: ActionTypeId): ActionTypeRule | undefined =>
  version === '1'
    ? ACTION_TYPES.find((rule) => rule.owner === owner && rule.provider === provider && rule.categories.includes(category))
    : undefined;
