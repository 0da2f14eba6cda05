import type { OutputOf } from '../../contract/operations.ts';
import { AwsError, callerIdentity, callJson, callQuery, deleteObject, listObjects } from '../client.ts';
import type { Connection } from '../connection.ts';
import { hasTag, PROJECT_TAG, shortPackage } from './release.ts';
import { removeRule } from './set-up.ts';

/** Something that a project has on the server. */
export interface Item {
  readonly kind: string;
  readonly name: string;
  /** Why it must stay. */
  readonly kept?: string;
  remove(): Promise<unknown>;
}

interface Place {
  readonly connection: Connection;
  readonly project: string;
  readonly account: string;
}

/** Why something stays, by the endpoints that serve: their configurations, models and packages. */
interface Live {
  readonly configs: ReadonlyMap<string, string>;
  readonly models: ReadonlyMap<string, string>;
  readonly packages: ReadonlyMap<string, string>;
}

/**
 * All that bears the project's tag, in the order in which it can go: what starts work first, what other things name last. What is live stays,
 * and with it what it needs.
 */
export async function findProject(connection: Connection, project: string): Promise<Item[]> {
  const { account } = await callerIdentity(connection);
  const place = { connection, project, account };
  const live = await findLive(connection);
  const versions = await findVersions(place, live);
  const deliveries = await findDeliveries(place);
  const pipelines = await findSageMakerPipelines(place);
  return [
    ...(await findRules(place)),
    ...deliveries.own,
    ...whileRuns(deliveries.own, await findBuilds(place)),
    ...pipelines.own,
    ...(await findHosting(place, live)),
    ...versions,
    ...whileRuns(
      [...deliveries.own, ...pipelines.own],
      await findArtefacts(place, versions, [...deliveries.others, ...pipelines.others]),
    ),
    ...(await findTopic(place)),
    ...whileRuns(deliveries.own, await findRoles(place)),
  ];
}

/** What stays while one of the pipelines runs. */
function whileRuns(pipelines: readonly Item[], items: readonly Item[]): Item[] {
  const runs = pipelines.find(({ kept }) => kept !== undefined);
  return items.map((item) => (runs ? { ...item, kept: `${runs.name} needs it, and runs` } : item));
}

/** The project's pipelines, and the names of all others. */
interface Pipelines {
  readonly own: Item[];
  readonly others: string[];
}

const arnOf = ({ connection, account }: Place, service: string, resource: string): string =>
  `arn:aws:${service}:${connection.region}:${account}:${resource}`;

/** Every page of a list. */
async function all<P extends { NextToken?: string }, T>(
  page: (NextToken?: string) => Promise<P>,
  of: (page: P) => T[] | undefined,
): Promise<T[]> {
  const found: T[] = [];
  let next: string | undefined;
  do {
    const answer = await page(next);
    found.push(...(of(answer) ?? []));
    next = answer.NextToken;
  } while (next);
  return found;
}

/** A page of the services that write their tokens small. */
const paged = <P extends { nextToken?: string }>({ nextToken: NextToken, ...page }: P) => ({ ...page, NextToken });

/** BatchGetProjects takes no more names. */
const BATCH = 100;

async function isOurs({ connection, project }: Place, arn: string): Promise<boolean> {
  const { Tags = [] } = await callJson(connection, 'sagemaker:ListTags', { ResourceArn: arn });
  return Tags.some(({ Key, Value }) => Key === PROJECT_TAG && Value === project);
}

async function findLive(connection: Connection): Promise<Live> {
  const live = { configs: new Map<string, string>(), models: new Map<string, string>(), packages: new Map<string, string>() };
  const endpoints = await all(
    (NextToken) => callJson(connection, 'sagemaker:ListEndpoints', { NextToken, MaxResults: 100 }),
    ({ Endpoints }) => Endpoints,
  );
  for (const { EndpointName = '' } of endpoints) {
    const endpoint = await unlessGone(callJson(connection, 'sagemaker:DescribeEndpoint', { EndpointName }));
    if (endpoint === undefined || endpoint.EndpointStatus === 'Failed') continue; // it serves nothing
    const why = `endpoint ${EndpointName} serves it`;
    await addLive(connection, live, endpoint.EndpointConfigName ?? '', why);
    const coming = endpoint.PendingDeploymentSummary?.EndpointConfigName;
    if (coming !== undefined) await addLive(connection, live, coming, `endpoint ${EndpointName} is being moved to it`);
  }
  return live;
}

type LiveMaps = Record<keyof Live, Map<string, string>>;

/** A configuration, and what it is made of. */
async function addLive(connection: Connection, live: LiveMaps, EndpointConfigName: string, why: string): Promise<void> {
  live.configs.set(EndpointConfigName, why);
  const config = await unlessGone(callJson(connection, 'sagemaker:DescribeEndpointConfig', { EndpointConfigName }));
  for (const { ModelName = '' } of config?.ProductionVariants ?? []) {
    live.models.set(ModelName, why);
    const model = await unlessGone(callJson(connection, 'sagemaker:DescribeModel', { ModelName }));
    for (const { ModelPackageName } of [model?.PrimaryContainer ?? {}, ...(model?.Containers ?? [])])
      if (ModelPackageName !== undefined) live.packages.set(ModelPackageName, why);
  }
}

async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (
      error instanceof AwsError &&
      /could not find|does not exist|not ?found|cannot be found|NoSuchEntity/i.test(`${error.code} ${error.message}`)
    )
      return undefined;
    throw error;
  }
}

async function findRules(place: Place): Promise<Item[]> {
  const { connection, project } = place;
  const rules = await all(
    (NextToken) => callJson(connection, 'events:ListRules', { NamePrefix: `${project}-`, NextToken }),
    ({ Rules }) => Rules,
  );
  const items: Item[] = [];
  for (const { Name = '', Arn = '' } of rules) {
    const { Tags = [] } = await callJson(connection, 'events:ListTagsForResource', { ResourceARN: Arn });
    if (Tags.some(({ Key, Value }) => Key === PROJECT_TAG && Value === project))
      items.push({ kind: 'rule', name: Name, remove: () => removeRule(connection, Name) });
  }
  return items;
}

async function findDeliveries(place: Place): Promise<Pipelines> {
  const { connection, project } = place;
  const pipelines = await all(
    async (nextToken) => paged(await callJson(connection, 'codepipeline:ListPipelines', { nextToken })),
    (page) => page.pipelines,
  );
  const own: Item[] = [];
  const others: string[] = [];
  for (const { name = '' } of pipelines) {
    const resourceArn = arnOf(place, 'codepipeline', name);
    const { tags = [] } = await callJson(connection, 'codepipeline:ListTagsForResource', { resourceArn });
    if (!tags.some(({ key, value }) => key === PROJECT_TAG && value === project)) {
      others.push(name);
      continue;
    }
    const { pipelineExecutionSummaries: executions = [] } = await callJson(connection, 'codepipeline:ListPipelineExecutions', {
      pipelineName: name,
    });
    const running = executions.find(({ status }) => status === 'InProgress' || status === 'Stopping');
    own.push({
      kind: 'delivery pipeline',
      name,
      ...(running && { kept: `execution ${running.pipelineExecutionId} is in progress` }),
      remove: () => callJson(connection, 'codepipeline:DeletePipeline', { name }),
    });
  }
  return { own, others };
}

async function findBuilds({ connection, project }: Place): Promise<Item[]> {
  const names = await all(
    async (nextToken) => paged(await callJson(connection, 'codebuild:ListProjects', { nextToken })),
    (page) => page.projects,
  );
  const found: OutputOf<'codebuild:BatchGetProjects'>['projects'] = [];
  for (let at = 0; at < names.length; at += BATCH) {
    const { projects = [] } = await callJson(connection, 'codebuild:BatchGetProjects', { names: names.slice(at, at + BATCH) });
    found.push(...projects);
  }
  return found
    .filter(({ tags = [] }) => tags.some(({ key, value }) => key === PROJECT_TAG && value === project))
    .map(({ name = '' }) => ({
      kind: 'build project',
      name,
      remove: () => callJson(connection, 'codebuild:DeleteProject', { name }),
    }));
}

async function findSageMakerPipelines(place: Place): Promise<Pipelines> {
  const { connection } = place;
  const pipelines = await all(
    (NextToken) => callJson(connection, 'sagemaker:ListPipelines', { NextToken, MaxResults: 100 }),
    ({ PipelineSummaries }) => PipelineSummaries,
  );
  const own: Item[] = [];
  const others: string[] = [];
  for (const { PipelineName = '', PipelineArn = '' } of pipelines) {
    if (!(await isOurs(place, PipelineArn))) {
      others.push(PipelineName);
      continue;
    }
    const { PipelineExecutionSummaries = [] } = await callJson(connection, 'sagemaker:ListPipelineExecutions', { PipelineName });
    const running = PipelineExecutionSummaries.find(
      ({ PipelineExecutionStatus: status }) => status === 'Executing' || status === 'Stopping',
    );
    own.push({
      kind: 'pipeline',
      name: PipelineName,
      ...(running && { kept: `execution ${running.PipelineExecutionArn?.split('/').at(-1)} is running` }),
      remove: () => callJson(connection, 'sagemaker:DeletePipeline', { PipelineName, ClientRequestToken: crypto.randomUUID() }),
    });
  }
  return { own, others };
}

/** Endpoints are never taken away: they are what users of the project see. */
async function findHosting(place: Place, live: Live): Promise<Item[]> {
  const { connection } = place;
  const items: Item[] = [];
  const endpoints = await all(
    (NextToken) => callJson(connection, 'sagemaker:ListEndpoints', { NextToken, MaxResults: 100 }),
    ({ Endpoints }) => Endpoints,
  );
  for (const { EndpointName = '', EndpointArn = '', EndpointStatus = '' } of endpoints) {
    if (!(await isOurs(place, EndpointArn))) continue;
    const kept =
      EndpointStatus === 'Failed' ? undefined : `it is ${EndpointStatus}; delete it first: aws sagemaker delete-endpoint`;
    const remove = () => callJson(connection, 'sagemaker:DeleteEndpoint', { EndpointName });
    items.push({ kind: 'endpoint', name: EndpointName, kept, remove });
  }
  const configs = await all(
    (NextToken) => callJson(connection, 'sagemaker:ListEndpointConfigs', { NextToken, MaxResults: 100 }),
    ({ EndpointConfigs }) => EndpointConfigs,
  );
  for (const { EndpointConfigName = '', EndpointConfigArn = '' } of configs) {
    if (!(await isOurs(place, EndpointConfigArn))) continue;
    const remove = () => callJson(connection, 'sagemaker:DeleteEndpointConfig', { EndpointConfigName });
    items.push({ kind: 'endpoint configuration', name: EndpointConfigName, kept: live.configs.get(EndpointConfigName), remove });
  }
  const models = await all(
    (NextToken) => callJson(connection, 'sagemaker:ListModels', { NextToken, MaxResults: 100 }),
    ({ Models }) => Models,
  );
  for (const { ModelName = '', ModelArn = '' } of models) {
    if (!(await isOurs(place, ModelArn))) continue;
    const remove = () => callJson(connection, 'sagemaker:DeleteModel', { ModelName });
    items.push({ kind: 'model', name: ModelName, kept: live.models.get(ModelName), remove });
  }
  return items;
}

/** A version, with where its model lies. */
interface VersionItem extends Item {
  readonly modelUri?: string;
}

async function findVersions(place: Place, live: Live): Promise<VersionItem[]> {
  const { connection } = place;
  const groups = await all(
    (NextToken) => callJson(connection, 'sagemaker:ListModelPackageGroups', { NextToken, MaxResults: 100 }),
    ({ ModelPackageGroupSummaryList }) => ModelPackageGroupSummaryList,
  );
  const items: VersionItem[] = [];
  for (const { ModelPackageGroupName = '', ModelPackageGroupArn = '' } of groups) {
    if (!(await isOurs(place, ModelPackageGroupArn))) continue;
    const versions = await all(
      (NextToken) => callJson(connection, 'sagemaker:ListModelPackages', { ModelPackageGroupName, NextToken, MaxResults: 100 }),
      ({ ModelPackageSummaryList }) => ModelPackageSummaryList,
    );
    let isKept = false;
    for (const { ModelPackageArn: arn = '' } of versions) {
      const { InferenceSpecification } = await callJson(connection, 'sagemaker:DescribeModelPackage', { ModelPackageName: arn });
      const kept = live.packages.get(arn);
      isKept ||= kept !== undefined;
      const modelUri = InferenceSpecification?.Containers?.[0]?.ModelDataUrl;
      const remove = () => callJson(connection, 'sagemaker:DeleteModelPackage', { ModelPackageName: arn });
      items.push({ kind: 'version', name: shortPackage(arn), kept, modelUri, remove });
    }
    const kept = isKept ? 'a version of it stays' : undefined;
    const remove = () => callJson(connection, 'sagemaker:DeleteModelPackageGroup', { ModelPackageGroupName });
    items.push({ kind: 'model package group', name: ModelPackageGroupName, kept, remove });
  }
  return items;
}

/** Deliveries write below so much of their name. */
const DELIVERY_PREFIX = 20;

/**
 * What pipelines and deliveries wrote below their names, and the models of the versions that go; a model of one that stays stays, and so does all
 * below a name that another pipeline may write to.
 */
async function findArtefacts(
  { connection, project, account }: Place,
  versions: readonly VersionItem[],
  others: readonly string[],
): Promise<Item[]> {
  const bucket = `sagemaker-${connection.region}-${account}`;
  const keyOf = (uri: string | undefined) =>
    uri?.startsWith(`s3://${bucket}/`) ? uri.slice(`s3://${bucket}/`.length) : undefined;
  const stay = new Set(versions.flatMap(({ kept, modelUri }) => (kept === undefined ? [] : (keyOf(modelUri) ?? []))));
  const below = (name: string) => [`${name}/`, `${name.slice(0, DELIVERY_PREFIX)}/`];
  const prefixes = [`${project}/`, ...[project, `${project}-release`].map((name) => `${name.slice(0, DELIVERY_PREFIX)}/`)];
  const models = versions.flatMap(({ modelUri }) => keyOf(modelUri) ?? []);
  const items: Item[] = [];
  for (const prefix of new Set([...prefixes, ...models])) {
    const keys = (await listObjects(connection, bucket, prefix)).map(({ Key }) => Key).filter((key) => !stay.has(key));
    if (keys.length === 0) continue;
    const remove = async () => {
      for (const key of keys) await deleteObject(connection, bucket, key);
    };
    const other = others.find((name) => below(name).includes(prefix));
    const kept = other && `${other} writes there too`;
    items.push({ kind: 'artefacts', name: `s3://${bucket}/${prefix} (${keys.length})`, kept, remove });
  }
  return items;
}

async function findTopic(place: Place): Promise<Item[]> {
  const { connection, project } = place;
  const TopicArn = arnOf(place, 'sns', `${project}-approvals`);
  const tags = await unlessGone(callQuery(connection, 'sns', { Action: 'ListTagsForResource', ResourceArn: TopicArn }));
  const remove = () => callQuery(connection, 'sns', { Action: 'DeleteTopic', TopicArn });
  return hasTag(tags, project) ? [{ kind: 'topic', name: `${project}-approvals`, remove }] : [];
}

async function findRoles({ connection, project }: Place): Promise<Item[]> {
  const items: Item[] = [];
  for (const name of [`${project}-build`, `${project}-delivery`]) {
    const tags = await unlessGone(callQuery(connection, 'iam', { Action: 'ListRoleTags', RoleName: name }));
    if (!hasTag(tags, project)) continue;
    const remove = async () => {
      await unlessGone(callQuery(connection, 'iam', { Action: 'DeleteRolePolicy', RoleName: name, PolicyName: 'delivery' }));
      await callQuery(connection, 'iam', { Action: 'DeleteRole', RoleName: name });
    };
    items.push({ kind: 'role', name, remove });
  }
  return items;
}
