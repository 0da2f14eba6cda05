import { ACCOUNT, BUCKET, ROLE, until } from '../harness/script-job.ts';

/** By service and operation, with an input; answers with the text of a success. */
export type Make = (id: 'events' | 'codebuild' | 'codepipeline', name: string, input: Record<string, unknown>) => Promise<string>;

/** What stands in what is made, and how things are called. */
export interface Words {
  readonly hidden: string;
  readonly name: string;
}

/**
 * A rule that targets the queue of the same name, a bus, a connection and its destination, a project with a build that ended, and a pipeline
 * from the repository and branch of the same name that waits for an approval. Returns, by member, what inputs may name them with.
 */
export async function makePrivateDeliveries(make: Make, words: Words): Promise<Record<string, unknown[]>> {
  const arn = (service: string, resource: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${resource}`;
  const ConnectionArn = await makeRule(make, words, arn);
  const build = await makeBuild(make, words);
  const { execution, token } = await makeDelivery(make, words);
  const { name } = words;
  return {
    '*Arn': [
      ...[`rule/${name}`, `event-bus/${name}`, `api-destination/${name}`].map((resource) => arn('events', resource)),
      ConnectionArn,
      arn('codebuild', `project/${name}`),
      arn('codebuild', `report-group/${name}`),
      arn('codepipeline', name),
    ],
    Rule: [name],
    ids: [[build]],
    id: [build],
    names: [[name]],
    reportGroupArns: [[arn('codebuild', `report-group/${name}`)]],
    pipelineExecutionId: [execution],
    token: [token],
  };
}

async function makeRule(
  make: Make,
  { name, hidden }: Words,
  arn: (service: string, resource: string) => string,
): Promise<string> {
  await make('events', 'CreateEventBus', { Name: name, Tags: [{ Key: 'secret', Value: hidden }] });
  await make('events', 'PutRule', { Name: name, Description: hidden, EventPattern: JSON.stringify({ source: [hidden] }) });
  await make('events', 'PutTargets', { Rule: name, Targets: [{ Id: hidden, Arn: arn('sqs', name) }] });
  const AuthParameters = { ApiKeyAuthParameters: { ApiKeyName: hidden, ApiKeyValue: hidden } };
  const connection = { Name: name, Description: hidden, AuthorizationType: 'API_KEY', AuthParameters };
  const { ConnectionArn } = JSON.parse(await make('events', 'CreateConnection', connection));
  const destination = { Name: name, Description: hidden, ConnectionArn, HttpMethod: 'POST' };
  await make('events', 'CreateApiDestination', { ...destination, InvocationEndpoint: `https://example.com/${hidden}` });
  return ConnectionArn;
}

async function makeBuild(make: Make, { name, hidden }: Words): Promise<string> {
  const buildspec = `version: 0.2\nphases: { build: { commands: [ 'echo ${hidden}' ] } }\n`;
  await make('codebuild', 'CreateProject', {
    name,
    description: hidden,
    serviceRole: ROLE,
    source: { type: 'NO_SOURCE', buildspec },
    artifacts: { type: 'NO_ARTIFACTS' },
    environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
  });
  await make('codebuild', 'CreateReportGroup', { name, type: 'TEST', exportConfig: { exportConfigType: 'NO_EXPORT' } });
  const { build } = JSON.parse(await make('codebuild', 'StartBuild', { projectName: name }));
  await until(
    'the build',
    async () => JSON.parse(await make('codebuild', 'BatchGetBuilds', { ids: [build.id] })).builds[0],
    ({ buildComplete }) => buildComplete,
  );
  return build.id;
}

async function makeDelivery(make: Make, { name, hidden }: Words): Promise<{ execution: string; token: string }> {
  const action = (category: string, provider: string, configuration: object, more: object = {}) => ({
    name: category,
    actionTypeId: { category, owner: 'AWS', provider, version: '1' },
    configuration,
    ...more,
  });
  const source = { RepositoryName: name, BranchName: name, PollForSourceChanges: 'false' };
  await make('codepipeline', 'CreatePipeline', {
    pipeline: {
      name,
      roleArn: ROLE,
      artifactStore: { type: 'S3', location: BUCKET },
      stages: [
        { name: 'source', actions: [action('Source', 'CodeCommit', source, { outputArtifacts: [{ name: 'code' }] })] },
        { name, actions: [{ ...action('Approval', 'Manual', { CustomData: hidden }), name }] },
      ],
    },
  });
  const { latestExecution } = await until(
    'the approval that is asked for',
    async () => JSON.parse(await make('codepipeline', 'GetPipelineState', { name })).stageStates[1].actionStates[0],
    ({ latestExecution }) => latestExecution?.token !== undefined,
  );
  const { pipelineExecutionSummaries } = JSON.parse(await make('codepipeline', 'ListPipelineExecutions', { pipelineName: name }));
  return { execution: pipelineExecutionSummaries[0].pipelineExecutionId, token: latestExecution.token };
}
