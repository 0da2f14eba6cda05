import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findProject, type Item } from './find-project.ts';
import { type Answers, Refusal, withServer } from './server-rig.ts';

const PROJECT = 'customer-churn-model-b';
const BUCKET = '/sagemaker-us-east-1-123456789012/';
const REFUSED = () => {
  throw new Refusal('NotFound', 'It does not exist.');
};

/** A server that has nothing of the project; each test adds what it is about. */
const EMPTY: Answers = {
  ListEndpoints: () => ({ Endpoints: [] }),
  ListEndpointConfigs: () => ({ EndpointConfigs: [] }),
  ListModels: () => ({ Models: [] }),
  ListModelPackageGroups: () => ({ ModelPackageGroupSummaryList: [] }),
  ListPipelines: () => ({}),
  ListPipelineExecutions: () => ({}),
  ListRules: () => ({ Rules: [] }),
  ListProjects: () => ({ projects: [] }),
  ListTags: () => ({ Tags: [{ Key: 'slipway:project', Value: PROJECT }] }),
  ListTagsForResource: REFUSED,
  GetTopicAttributes: () => '<Attributes></Attributes>',
  ListRoleTags: REFUSED,
  [`GET ${BUCKET}`]: () => '<ListBucketResult></ListBucketResult>',
};

const withProject = (answers: Answers, run: (items: readonly Item[]) => Promise<void> | void): Promise<void> =>
  withServer({ ...EMPTY, ...answers }, async (connection) => run(await findProject(connection, PROJECT)));

/** A bucket with these keys; `removed` are those that went. */
function bucketOf(keys: readonly string[]): { readonly answers: Answers; readonly removed: string[] } {
  const removed: string[] = [];
  const list = ({ prefix = '' }: { prefix?: string }) =>
    keys.filter((key) => key.startsWith(prefix)).map((key) => `<Contents><Key>${key}</Key></Contents>`);
  const answers: Answers = {
    ...Object.fromEntries(keys.map((key) => [`DELETE ${BUCKET}${key}`, () => void removed.push(key)])),
    [`GET ${BUCKET}`]: (input) => `<ListBucketResult>${list(input).join('')}</ListBucketResult>`,
  };
  return { answers, removed };
}

const artefactsOf = (items: readonly Item[]) => items.filter(({ kind }) => kind === 'artefacts');
async function removeArtefacts(items: readonly Item[]): Promise<void> {
  for (const item of artefactsOf(items)) if (item.kept === undefined) await item.remove();
}

test('artefacts lie below the first characters of a name: those that may be another pipeline’s stay', async () => {
  const { answers, removed } = bucketOf([
    `${PROJECT}/run/model.tar.gz`,
    'customer-churn-model/Source/0123456',
    'customer-churn-model-a/run/model.tar.gz',
  ]);
  const pipelines = { ListPipelines: () => ({ pipelines: [{ name: 'customer-churn-model-a' }] }) };
  const tags = { ListTagsForResource: () => ({ tags: [{ key: 'slipway:project', value: 'customer-churn-model-a' }] }) };
  await withProject({ ...answers, ...pipelines, ...tags }, async (items) => {
    await removeArtefacts(items);
    assert.deepEqual(removed, [`${PROJECT}/run/model.tar.gz`]);
    assert.match(artefactsOf(items).find(({ kept }) => kept)?.kept ?? '', /customer-churn-model-a writes there too/);
  });
});

test('what nobody else can have written there goes', async () => {
  const { answers, removed } = bucketOf([`${PROJECT}/run/model.tar.gz`, 'customer-churn-model/Source/0123456']);
  await withProject(answers, async (items) => {
    await removeArtefacts(items);
    assert.equal(removed.length, 2);
  });
});

test('a pipeline that runs keeps its artefacts', async () => {
  const { answers, removed } = bucketOf([`${PROJECT}/run/model.tar.gz`]);
  const running: Answers = {
    ListPipelines: () => ({ PipelineSummaries: [{ PipelineName: PROJECT, PipelineArn: 'arn' }] }),
    ListPipelineExecutions: () => ({
      PipelineExecutionSummaries: [{ PipelineExecutionArn: 'arn/execution/e1', PipelineExecutionStatus: 'Executing' }],
    }),
  };
  await withProject({ ...answers, ...running }, async (items) => {
    await removeArtefacts(items);
    assert.deepEqual(removed, []);
    assert.match(artefactsOf(items)[0]?.kept ?? '', new RegExp(`${PROJECT} needs it, and runs`));
  });
});

test('a topic of the right name without the tag is somebody else’s', async () => {
  const tagged = (project: string) => ({
    ListTagsForResource: () => `<Tags><member><Key>slipway:project</Key><Value>${project}</Value></member></Tags>`,
  });
  const topics = (items: readonly Item[]) => items.filter(({ kind }) => kind === 'topic').length;
  await withProject(tagged('other'), (items) => assert.equal(topics(items), 0));
  await withProject(tagged(PROJECT), (items) => assert.equal(topics(items), 1));
});

test('build projects are found on every page', async () => {
  const names = Array.from({ length: 120 }, (_, at) => `build-${at}`);
  const pages: Answers = {
    ListProjects: ({ nextToken }) =>
      nextToken ? { projects: names.slice(100) } : { projects: names.slice(0, 100), nextToken: 'more' },
    BatchGetProjects: ({ names: asked }) => ({
      projects: (asked as unknown as string[]).map((name) => ({ name, tags: [{ key: 'slipway:project', value: PROJECT }] })),
    }),
  };
  await withProject(pages, (items) => assert.equal(items.filter(({ kind }) => kind === 'build project').length, 120));
});

test('what an endpoint is being moved to is as live as what it serves; what failed to be made serves nothing', async () => {
  const names = ['serving', 'coming', 'failed', 'old'];
  const endpoints: Record<string, object> = {
    live: {
      EndpointStatus: 'Updating',
      EndpointConfigName: 'serving',
      PendingDeploymentSummary: { EndpointConfigName: 'coming' },
    },
    broken: { EndpointStatus: 'Failed', EndpointConfigName: 'failed' },
  };
  const hosting: Answers = {
    ListEndpoints: () => ({
      Endpoints: Object.entries(endpoints).map(([EndpointName, one]) => ({ EndpointName, EndpointArn: EndpointName, ...one })),
    }),
    DescribeEndpoint: ({ EndpointName }) => endpoints[EndpointName ?? ''],
    ListEndpointConfigs: () => ({
      EndpointConfigs: names.map((name) => ({ EndpointConfigName: name, EndpointConfigArn: name })),
    }),
    DescribeEndpointConfig: ({ EndpointConfigName: name }) => ({ ProductionVariants: [{ ModelName: `model-${name}` }] }),
    ListModels: () => ({ Models: names.map((name) => ({ ModelName: `model-${name}`, ModelArn: name })) }),
    DescribeModel: () => ({ Containers: [] }),
  };
  await withProject(hosting, (items) => {
    const kept = items.filter((item) => item.kept !== undefined).map(({ name }) => name);
    assert.deepEqual(kept.toSorted(), ['coming', 'live', 'model-coming', 'model-serving', 'serving']);
  });
});
