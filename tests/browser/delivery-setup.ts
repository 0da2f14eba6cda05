import type { ActionDeclaration, ExecutionMode, StageDeclaration } from '../../src/contract/generated/codepipeline.ts';
import { callJson } from '../../src/cli/client.ts';
import type { Connection } from '../../src/cli/connection.ts';
import { BUCKET, ROLE } from '../harness/script-job.ts';

/** Makes what a delivery needs, by the calls that any client makes. */

export interface Files {
  readonly [path: string]: string;
}

export const createRepository = (connection: Connection, repositoryName: string, repositoryDescription?: string) =>
  callJson(connection, 'codecommit:CreateRepository', {
    repositoryName,
    ...(repositoryDescription && { repositoryDescription }),
  });

/** A commit to `main` on top of what is there; gives its id. */
export async function commit(
  connection: Connection,
  repositoryName: string,
  commitMessage: string,
  files: Files,
): Promise<string> {
  const { branches = [] } = await callJson(connection, 'codecommit:ListBranches', { repositoryName });
  const { branch } = branches.includes('main')
    ? await callJson(connection, 'codecommit:GetBranch', { repositoryName, branchName: 'main' })
    : {};
  const { commitId = '' } = await callJson(connection, 'codecommit:CreateCommit', {
    repositoryName,
    branchName: 'main',
    commitMessage,
    authorName: 'Ada <b>Lovelace</b>',
    email: 'ada@example.com',
    ...(branch?.commitId && { parentCommitId: branch.commitId }),
    // on the wire blobs are base64
    putFiles: Object.entries(files).map(([filePath, text]) => ({
      filePath,
      fileContent: Buffer.from(text).toString('base64') as unknown as Uint8Array,
    })),
  });
  return commitId;
}

export const createProject = (connection: Connection, name: string, buildspec?: string) =>
  callJson(connection, 'codebuild:CreateProject', {
    name,
    source: { type: 'CODEPIPELINE', ...(buildspec && { buildspec }) },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/amazonlinux-x86_64-standard:5.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
    serviceRole: ROLE,
  });

type Category = ActionDeclaration['actionTypeId']['category'];

export const action = (
  name: string,
  category: Category,
  provider: string,
  configuration: Readonly<Record<string, string>>,
  more: Partial<ActionDeclaration> = {},
): ActionDeclaration => ({
  name,
  actionTypeId: { category, owner: 'AWS', provider, version: '1' },
  configuration,
  ...more,
});

export const sourceStage = (repository: string): StageDeclaration => ({
  name: 'Source',
  actions: [
    action(
      'Commit',
      'Source',
      'CodeCommit',
      { RepositoryName: repository, BranchName: 'main', PollForSourceChanges: 'false' },
      { outputArtifacts: [{ name: 'Code' }], namespace: 'SourceVariables' },
    ),
  ],
});

export const buildAction = (name: string, project: string, more: Partial<ActionDeclaration> = {}): ActionDeclaration =>
  action(name, 'Build', 'CodeBuild', { ProjectName: project }, { inputArtifacts: [{ name: 'Code' }], ...more });

/** A V2 pipeline; it starts by itself once, as on AWS. */
export const createDelivery = (
  connection: Connection,
  name: string,
  stages: StageDeclaration[],
  variables: readonly { name: string; defaultValue: string }[] = [],
  executionMode: ExecutionMode = 'SUPERSEDED',
) =>
  callJson(connection, 'codepipeline:CreatePipeline', {
    pipeline: {
      name,
      roleArn: ROLE,
      pipelineType: 'V2',
      executionMode,
      artifactStore: { type: 'S3', location: BUCKET },
      stages,
      ...(variables.length > 0 && { variables: [...variables] }),
    },
  });
