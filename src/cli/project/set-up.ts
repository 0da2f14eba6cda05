import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AwsError, callerIdentity, callJson, callQuery, elementOf } from '../client.ts';
import type { Connection } from '../connection.ts';
import { failed } from '../exit.ts';
import type { Output } from '../output.ts';
import { type Project, readJson } from './environments.ts';
import { type DeliveryPlan, planDelivery, type PlannedRole, type PlannedRule } from './plan-delivery.ts';
import { hasTag, PROJECT_TAG, unlessThere } from './release.ts';

/** Most retrainings a project may ask for: rules that it asks for no more are taken away. */
const ATTEMPTS_MAX = 5;

interface SetUp {
  readonly cloneUrl: string;
  readonly plan: DeliveryPlan;
}

/** Makes what the project needs on the server, or brings it up to date; the same again changes nothing. */
export async function setUpProject(connection: Connection, output: Output, project: Project): Promise<SetUp> {
  const { account } = await callerIdentity(connection);
  const plan = planDelivery(project, {
    account,
    region: connection.region,
    url: connection.url,
    approvesByRule: isRuleOn(project),
  });
  for (const role of plan.roles) await putRole(connection, role, project);
  output.line(`  roles        ${plan.roles.map(({ name }) => name).join(', ')}`);
  const cloneUrl = await putRepository(connection, project);
  output.line(`  repository   ${project.project}, ${cloneUrl}`);
  await putGroup(connection, project);
  for (const build of plan.builds) {
    if (!(await unlessThere(callJson(connection, 'codebuild:CreateProject', build)))) {
      await callJson(connection, 'codebuild:UpdateProject', build);
    }
  }
  output.line(`  builds       ${plan.builds.map(({ name }) => name).join(', ')}`);
  await putPipelines(connection, project, plan);
  for (const { name, stages } of plan.pipelines)
    output.line(`  delivery     ${name}: ${(stages ?? []).map((stage) => stage.name).join(' → ')}`);
  await putTopic(connection, plan.topic, project);
  for (const rule of plan.rules) await putRule(connection, rule, project);
  const retrainings = Array.from({ length: ATTEMPTS_MAX }, (_, at) => `retrain-${at + 1}`);
  for (const name of ['approved', ...retrainings].map((one) => `${project.project}-${one}`))
    if (!plan.rules.some((rule) => rule.name === name)) await removeRule(connection, name);
  output.line(`  rules        ${plan.rules.map(({ name }) => name.slice(project.project.length + 1)).join(', ')}`);
  return { cloneUrl, plan };
}

function isRuleOn({ folder }: Project): boolean {
  const file = join(folder, 'config/approval-rule.json');
  return existsSync(file) && (readJson(file) as { enabled?: boolean } | null)?.enabled === true;
}

/** A role that is there must be the project's: what it may do is written anew. */
async function putRole(connection: Connection, { name, services, policy }: PlannedRole, { project }: Project): Promise<void> {
  const trust = { Effect: 'Allow', Principal: { Service: services }, Action: 'sts:AssumeRole' };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
  const tags = { 'Tags.member.1.Key': PROJECT_TAG, 'Tags.member.1.Value': project };
  const role = { RoleName: name, AssumeRolePolicyDocument: document, ...tags };
  if (!(await unlessThere(callQuery(connection, 'iam', { Action: 'CreateRole', ...role })))) {
    if (!hasTag(await callQuery(connection, 'iam', { Action: 'ListRoleTags', RoleName: name }), project))
      throw failed(
        `There is a role ${name} already, without the tag ${PROJECT_TAG}=${project}: give it that tag if it is this project's, or rename the project.`,
      );
    await callQuery(connection, 'iam', { Action: 'UpdateAssumeRolePolicy', RoleName: name, PolicyDocument: document });
  }
  const given = { RoleName: name, PolicyName: 'delivery', PolicyDocument: JSON.stringify(policy) };
  await callQuery(connection, 'iam', { Action: 'PutRolePolicy', ...given });
}

async function putRepository(connection: Connection, { project }: Project): Promise<string> {
  await unlessThere(
    callJson(connection, 'codecommit:CreateRepository', {
      repositoryName: project,
      repositoryDescription: 'From a push to production',
      tags: { [PROJECT_TAG]: project },
    }),
  );
  const found = await callJson(connection, 'codecommit:GetRepository', { repositoryName: project });
  return found.repositoryMetadata?.cloneUrlHttp ?? '';
}

async function putGroup(connection: Connection, { project, modelPackageGroup }: Project): Promise<void> {
  await unlessThere(
    callJson(connection, 'sagemaker:CreateModelPackageGroup', {
      ModelPackageGroupName: modelPackageGroup,
      Tags: [{ Key: PROJECT_TAG, Value: project }],
    }),
  );
}

async function putPipelines(connection: Connection, { project }: Project, plan: DeliveryPlan): Promise<void> {
  for (const pipeline of plan.pipelines) {
    const tags = [{ key: PROJECT_TAG, value: project }];
    if (!(await unlessThere(callJson(connection, 'codepipeline:CreatePipeline', { pipeline, tags }))))
      await callJson(connection, 'codepipeline:UpdatePipeline', { pipeline });
  }
}

/** The topic, and the right of rules to publish to it. */
async function putTopic(connection: Connection, name: string, { project }: Project): Promise<void> {
  const tags = { 'Tags.member.1.Key': PROJECT_TAG, 'Tags.member.1.Value': project };
  const TopicArn = elementOf(await callQuery(connection, 'sns', { Action: 'CreateTopic', Name: name, ...tags }), 'TopicArn');
  const { account } = await callerIdentity(connection);
  const Statement = [
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'sns:*', Resource: TopicArn },
    { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sns:Publish', Resource: TopicArn },
  ];
  const AttributeValue = JSON.stringify({ Version: '2012-10-17', Statement });
  await callQuery(connection, 'sns', { Action: 'SetTopicAttributes', TopicArn, AttributeName: 'Policy', AttributeValue });
}

async function putRule(
  connection: Connection,
  { name, description, pattern, target }: PlannedRule,
  { project }: Project,
): Promise<void> {
  const EventPattern = JSON.stringify(pattern);
  const { RuleArn } = await callJson(connection, 'events:PutRule', { Name: name, Description: description, EventPattern });
  await callJson(connection, 'events:TagResource', { ResourceARN: RuleArn ?? '', Tags: [{ Key: PROJECT_TAG, Value: project }] });
  const Target = { Id: 'target', ...target, SageMakerPipelineParameters: parametersOf(target) };
  await callJson(connection, 'events:PutTargets', { Rule: name, Targets: [Target] });
}

const parametersOf = ({ SageMakerPipelineParameters: given }: PlannedRule['target']) =>
  given && { PipelineParameterList: [...given.PipelineParameterList] };

/** The rule and its targets; whether there was one. */
export async function removeRule(connection: Connection, name: string): Promise<boolean> {
  try {
    await callJson(connection, 'events:RemoveTargets', { Rule: name, Ids: ['target'] });
    await callJson(connection, 'events:DeleteRule', { Name: name });
    return true;
  } catch (error) {
    if (error instanceof AwsError && error.code === 'ResourceNotFoundException') return false;
    throw error;
  }
}
