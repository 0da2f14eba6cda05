import { type Act, fact, hasStarted, json, logLines } from './act.ts';
import { codebuild, codecommit, codepipeline } from './call.ts';
import type { Witness } from './witness.ts';
import { BUCKET, ROLE } from './workload.ts';

/** From a commit to what is released: repositories, builds, deliveries. */

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A file's content at the tip of a branch. */
const getFile = (repositoryName: string, commitSpecifier: string, filePath: string) =>
  codecommit('GetFile', { repositoryName, commitSpecifier, filePath });
const getBranch = (repositoryName: string, branchName: string) => codecommit('GetBranch', { repositoryName, branchName });

async function tipOf(client: Witness, repositoryName: string, branchName: string): Promise<string> {
  const { json: found } = await client.ask(getBranch(repositoryName, branchName));
  return found.branch.commitId;
}

async function createRepository(client: Witness, repositoryName: string, files: Readonly<Record<string, string>>): Promise<void> {
  const look = codecommit('GetRepository', { repositoryName });
  await client.change(codecommit('CreateRepository', { repositoryName }), fact(`repository ${repositoryName}`, look));
  const putFiles = Object.entries(files).map(([filePath, text]) => ({ filePath, fileContent: base64(text) }));
  const commit = codecommit('CreateCommit', { repositoryName, branchName: 'main', commitMessage: 'first', putFiles });
  const [[path, text] = ['', '']] = Object.entries(files);
  const written = fact(`${path} of ${repositoryName}`, getFile(repositoryName, 'main', path), { fileContent: base64(text) });
  await client.change(commit, written);
}

/** Messages of a branch's commits, the newest first: one that was made twice is there twice. */
async function history(client: Witness, repositoryName: string, branchName: string): Promise<string[]> {
  const messages: string[] = [];
  let commitId: string | undefined = await tipOf(client, repositoryName, branchName);
  while (commitId !== undefined) {
    const { json: found } = await client.ask(codecommit('GetCommit', { repositoryName, commitId }));
    messages.push(found.commit.message.trim());
    commitId = found.commit.parents[0];
  }
  return messages;
}

/** Commits on two branches, which become one. */
export const repository: Act = {
  name: 'repository',
  async play(client, label) {
    await createRepository(client, label, { 'a.txt': 'one' });
    const branch = { repositoryName: label, branchName: 'work', commitId: await tipOf(client, label, 'main') };
    await client.change(codecommit('CreateBranch', branch), fact(`branch of ${label}`, getBranch(label, 'work')));
    const put = {
      ...{ repositoryName: label, branchName: 'work', filePath: 'b.txt', fileContent: base64('two') },
      ...{ parentCommitId: branch.commitId, commitMessage: 'second' },
    };
    const written = fact(`b.txt of ${label}`, getFile(label, 'work', 'b.txt'), { fileContent: base64('two') });
    await client.change(codecommit('PutFile', put), written);
    const merge = { repositoryName: label, sourceCommitSpecifier: 'work', destinationCommitSpecifier: 'main' };
    const merged = fact(`b.txt of ${label}`, getFile(label, 'main', 'b.txt'), { fileContent: base64('two') });
    await client.change(codecommit('MergeBranchesByFastForward', { ...merge, targetBranch: 'main' }), merged);
    const gone = fact(`branch of ${label}`, getBranch(label, 'work'), 'gone');
    await client.change(codecommit('DeleteBranch', { repositoryName: label, branchName: 'work' }), gone);
    const other = { repositoryName: `${label}-gone` };
    const lookAtOther = codecommit('GetRepository', other);
    await client.change(codecommit('CreateRepository', other), fact(`repository ${label}-gone`, lookAtOther));
    await client.change(codecommit('DeleteRepository', other), fact(`repository ${label}-gone`, lookAtOther, 'gone'));
  },
  look: async (client, label) => ({
    history: await history(client, label, 'main'),
    branches: await json(client.ask(codecommit('ListBranches', { repositoryName: label }))),
    file: (await client.ask(getFile(label, 'main', 'a.txt'))).json.fileContent,
  }),
};

async function createProject(client: Witness, name: string, type: string, commands: readonly string[]): Promise<void> {
  const buildspec = JSON.stringify({ version: 0.2, phases: { build: { commands } } });
  const project = {
    name,
    source: { type, buildspec },
    artifacts: { type: type === 'NO_SOURCE' ? 'NO_ARTIFACTS' : type },
    environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
    serviceRole: ROLE,
  };
  const look = codebuild('BatchGetProjects', { names: [name] });
  await client.change(codebuild('CreateProject', project), fact(`project ${name}`, look, { projectsNotFound: [] }));
}

const groupOf = (project: string): string => `/aws/codebuild/${project}`;

/** What became of a project's builds, and how often their commands ran, by their own words. */
async function buildsOf(client: Witness, projectName: string): Promise<unknown> {
  const { json: listed } = await client.ask(codebuild('ListBuildsForProject', { projectName }));
  const { json: found } = await client.ask(codebuild('BatchGetBuilds', { ids: listed.ids }));
  const lines = Object.values(await logLines(client, groupOf(projectName), '')).flat();
  return {
    starts: lines.filter((line) => line.trim() === 'started').length,
    builds: found.builds.map(
      ({ buildNumber, buildStatus, phases }: { buildNumber: number; buildStatus: string; phases: object[] }) => ({
        buildNumber,
        buildStatus,
        phases: phases.map((phase) => {
          const { phaseType, phaseStatus } = phase as { phaseType: string; phaseStatus?: string };
          return `${phaseType} ${phaseStatus}`;
        }),
      }),
    ),
  };
}

/** A build that only a stop ends. */
export const stoppedBuild: Act = {
  name: 'stopped-build',
  heavy: true,
  async play(client, label) {
    await createProject(client, label, 'NO_SOURCE', ['echo started', 'sleep 600']);
    const start = codebuild('StartBuild', { projectName: label, idempotencyToken: label });
    await client.change(start, fact(`builds of ${label}`, codebuild('ListBuildsForProject', { projectName: label })));
    const { json: started } = await client.ask(codebuild('ListBuildsForProject', { projectName: label }));
    const [id] = started.ids;
    await hasStarted(client, groupOf(label), '');
    const look = codebuild('BatchGetBuilds', { ids: [id] });
    await client.change(codebuild('StopBuild', { id }), fact(`build of ${label}`, look, { buildsNotFound: [] }));
    await client.until(look, ({ json: found }) => found.builds[0].buildComplete);
  },
  look: buildsOf,
};

const typed = (category: string, provider: string) => ({ category, owner: 'AWS', provider, version: '1' });

function pipelineOf(name: string): object {
  const fetch = {
    ...{ name: 'Fetch', actionTypeId: typed('Source', 'CodeCommit'), outputArtifacts: [{ name: 'Code' }] },
    configuration: { RepositoryName: name, BranchName: 'main', PollForSourceChanges: 'false' },
  };
  const make = {
    ...{ name: 'Make', actionTypeId: typed('Build', 'CodeBuild'), inputArtifacts: [{ name: 'Code' }] },
    configuration: { ProjectName: name },
  };
  return {
    name,
    roleArn: ROLE,
    artifactStore: { type: 'S3', location: BUCKET },
    stages: [
      { name: 'Source', actions: [fetch] },
      { name: 'Ask', actions: [{ name: 'Approve', actionTypeId: typed('Approval', 'Manual') }] },
      { name: 'Build', actions: [make] },
    ],
  };
}

const executionsOf = (pipelineName: string) => codepipeline('ListPipelineExecutions', { pipelineName });
const stateOf = (name: string) => codepipeline('GetPipelineState', { name });

/** A commit that is fetched, approved and built. */
export const release: Act = {
  name: 'release',
  async play(client, label) {
    await createRepository(client, label, { 'a.txt': 'one' });
    await createProject(client, label, 'CODEPIPELINE', ['echo started', 'test "$(cat a.txt)" = one']);
    const look = codepipeline('GetPipeline', { name: label });
    await client.change(codepipeline('CreatePipeline', { pipeline: pipelineOf(label) }), fact(`delivery ${label}`, look));
    const tokenIn = (state: { stageStates: { actionStates: { latestExecution?: { token?: string } }[] }[] }) =>
      state.stageStates[1]?.actionStates[0]?.latestExecution?.token;
    const { json: asked } = await client.until(stateOf(label), (answer) => tokenIn(answer.json) !== undefined);
    const place = { pipelineName: label, stageName: 'Ask', actionName: 'Approve', token: tokenIn(asked) };
    const approve = codepipeline('PutApprovalResult', { ...place, result: { status: 'Approved', summary: 'looked at' } });
    await client.change(approve, fact(`approval of ${label}`, codepipeline('ListActionExecutions', { pipelineName: label })));
    const { json: ended } = await client.until(
      executionsOf(label),
      (answer) => answer.json.pipelineExecutionSummaries[0].status !== 'InProgress',
    );
    const [{ pipelineExecutionId }] = ended.pipelineExecutionSummaries;
    const again = { name: label, clientRequestToken: `again-${label}` };
    await client.change(codepipeline('StartPipelineExecution', again), fact(`second of ${label}`, executionsOf(label)));
    const { json: both } = await client.ask(executionsOf(label));
    const second = both.pipelineExecutionSummaries.find(
      (one: { pipelineExecutionId: string }) => one.pipelineExecutionId !== pipelineExecutionId,
    ).pipelineExecutionId;
    const stop = { pipelineName: label, pipelineExecutionId: second, abandon: true, reason: 'enough' };
    const lookAtSecond = codepipeline('GetPipelineExecution', { pipelineName: label, pipelineExecutionId: second });
    await client.change(codepipeline('StopPipelineExecution', stop), fact(`second of ${label}`, lookAtSecond));
    await client.until(lookAtSecond, ({ json: found }) => found.pipelineExecution.status === 'Stopped');
  },
  async look(client, label) {
    const { json: listed } = await client.ask(executionsOf(label));
    const [, first] = listed.pipelineExecutionSummaries; // the second one is stopped wherever it is
    const filter = { pipelineExecutionId: first.pipelineExecutionId };
    const { json: page } = await client.ask(codepipeline('ListActionExecutions', { pipelineName: label, filter }));
    return {
      executions: listed.pipelineExecutionSummaries.map(({ status }: { status: string }) => status),
      actions: page.actionExecutionDetails
        .map(({ actionName, status }: { actionName: string; status: string }) => `${actionName} ${status}`)
        .sort(),
      builds: await buildsOf(client, label),
    };
  },
};
