import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CreateModelInput, ProductionVariant } from '../../contract/generated/sagemaker.ts';
import { HostingRig, ROLE } from './hosting-rig.ts';
import { ACCOUNT, IMAGE, REGION, refusal, user } from '../registry/registry-rig.ts';

const inService = ({ EndpointStatus }: { EndpointStatus: string }) => EndpointStatus === 'InService';
const settled = ({ EndpointStatus }: { EndpointStatus: string }) =>
  !['Creating', 'Updating', 'RollingBack'].includes(EndpointStatus);

const PLACE = { account: ACCOUNT, region: REGION };

let rig: HostingRig;
before(async () => {
  rig = await HostingRig.start();
});
after(() => rig.close());

/** Model, config and their data under one name; the server answers with `name`. */
async function prepare(
  name: string,
  more: { variant?: Partial<ProductionVariant>; environment?: Record<string, string> } = {},
): Promise<void> {
  await rig.putModel(`s3://models/${name}/model.tar.gz`, name);
  const container = { Image: IMAGE, ModelDataUrl: `s3://models/${name}/model.tar.gz`, Environment: more.environment };
  await rig.call('sagemaker:CreateModel', { ModelName: name, ExecutionRoleArn: ROLE, PrimaryContainer: container });
  await configOf(name, more.variant);
}

const configOf = (ModelName: string, variant: Partial<ProductionVariant> = {}, EndpointConfigName = ModelName) =>
  rig.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName,
    ProductionVariants: [
      {
        VariantName: 'AllTraffic',
        ModelName,
        InitialInstanceCount: 1,
        InstanceType: 'ml.m5.large',
        InitialVariantWeight: 1,
        ...variant,
      },
    ],
  });

const createEndpoint = (EndpointName: string, EndpointConfigName = EndpointName) =>
  rig.call('sagemaker:CreateEndpoint', { EndpointName, EndpointConfigName });

test('an endpoint answers as soon as it is InService, survives the deletion of all it was made from, and goes', async () => {
  await prepare('first');
  const { EndpointArn } = await createEndpoint('first');
  const described = await rig.endpoint('first', settled);
  assert.equal(described.EndpointStatus, 'InService', described.FailureReason);
  assert.equal(described.ProductionVariants?.[0]?.CurrentInstanceCount, 1);
  assert.deepEqual(await rig.invoke('first', '1,2'), { status: 200, text: 'first 1,2' });
  const group = { logGroupName: '/aws/sagemaker/Endpoints/first' };
  const { logStreams = [] } = await rig.call('logs:DescribeLogStreams', group);
  assert.match(logStreams[0]?.logStreamName ?? '', /^AllTraffic\/i-[0-9a-f]{17}$/);
  const { events = [] } = await rig.call('logs:GetLogEvents', { ...group, logStreamName: logStreams[0]?.logStreamName ?? '' });
  assert.ok(
    events.some(({ message }) => message === 'model loaded: first'),
    JSON.stringify(events),
  );
  await rig.call('sagemaker:DeleteEndpointConfig', { EndpointConfigName: 'first' });
  await rig.call('sagemaker:DeleteModel', { ModelName: 'first' });
  await rig.call('s3:DeleteObject', { Bucket: 'models', Key: 'first/model.tar.gz' });
  rig = await HostingRig.start(await rig.stop());
  assert.equal((await rig.call('sagemaker:DescribeEndpoint', { EndpointName: 'first' })).EndpointStatus, 'InService');
  assert.deepEqual(await rig.invoke('first', '3'), { status: 200, text: 'first 3' });
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'first' });
  assert.equal((await rig.invoke('first', '1')).status, 400, 'deleted means the router sends nothing more');
  assert.match((await rig.endpointGone('first')).message, new RegExp(`^Could not find endpoint "${EndpointArn}"\\.$`));
  const actions = (await rig.ledger()).filter((action) => /Endpoint\b|:Endpoint\./.test(action));
  assert.deepEqual(actions, [
    'sagemaker:CreateEndpoint',
    'slipway:Endpoint.InService',
    'sagemaker:DeleteEndpoint',
    'slipway:Endpoint.Deleted',
  ]);
});

test('model servers live on through a killed server, which takes them over', async () => {
  await prepare('adopted');
  await createEndpoint('adopted');
  await rig.endpoint('adopted', inService);
  const folder = await rig.abandon();
  rig = await HostingRig.start(folder);
  assert.deepEqual(await rig.invoke('adopted', 'x'), { status: 200, text: 'adopted x' });
  const log = await rig.call('sagemaker:DescribeEndpoint', { EndpointName: 'adopted' });
  assert.equal(log.EndpointStatus, 'InService');
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'adopted' });
  await rig.endpointGone('adopted');
});

test('whatever an endpoint was on its way to when the server died, the next one brings it there', async () => {
  await prepare('early');
  await prepare('late');
  await createEndpoint('early');
  rig = await HostingRig.start(await rig.abandon());
  assert.equal((await rig.endpoint('early', settled)).EndpointStatus, 'InService');
  await rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'early', EndpointConfigName: 'late' });
  rig = await HostingRig.start(await rig.abandon());
  assert.equal((await rig.endpoint('early', inService)).EndpointConfigName, 'late');
  assert.deepEqual(await rig.invoke('early', 'x'), { status: 200, text: 'late x' });
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'early' });
  rig = await HostingRig.start(await rig.abandon());
  await rig.endpointGone('early');
  assert.equal((await rig.invoke('early', 'x')).status, 400);
  assert.deepEqual(
    readdirSync(join(rig.folder, 'runs')).filter((name) => name.startsWith('endpoint-')),
    [],
    'no model server is left behind',
  );
});

test('a model server that dies is started again while the endpoint stays InService', async () => {
  await prepare('mortal');
  await createEndpoint('mortal');
  await rig.endpoint('mortal', inService);
  await rig.invoke('mortal', 'exit');
  assert.deepEqual(await rig.invoke('mortal', 'again'), { status: 200, text: 'mortal again' });
  assert.equal((await rig.call('sagemaker:DescribeEndpoint', { EndpointName: 'mortal' })).EndpointStatus, 'InService');
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'mortal' });
});

test('a model server that ends or never pings fails the endpoint with the reason and its last lines', async () => {
  await prepare('crashing', { environment: { BEHAVIOUR: 'crash' } });
  await createEndpoint('crashing');
  const crashed = await rig.endpoint('crashing', settled);
  assert.equal(crashed.EndpointStatus, 'Failed');
  assert.match(
    crashed.FailureReason ?? '',
    /^The primary container for production variant AllTraffic did not pass the ping health check\./,
  );
  assert.match(crashed.FailureReason ?? '', /exit code: 1.*Last log lines:[\s\S]*no such column: rings/);
  await assert.rejects(
    rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'crashing', EndpointConfigName: 'crashing' }),
    refusal('ValidationException', /Cannot update failed endpoint/),
  );
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'crashing' });
  await rig.endpointGone('crashing');
});

test('an update switches without losing a request, and what fails to come up changes nothing', async () => {
  await prepare('blue');
  await prepare('green');
  await prepare('broken', { environment: { BEHAVIOUR: 'crash' } });
  await createEndpoint('live', 'blue');
  await rig.endpoint('live', inService);
  let asking = true;
  const answers: { status: number; text: string }[] = [];
  const traffic = (async () => {
    while (asking) answers.push(await rig.invoke('live', 'x'));
  })();
  const held = rig.invoke('live', 'hold');
  await rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'live', EndpointConfigName: 'green' });
  const during = await rig.call('sagemaker:DescribeEndpoint', { EndpointName: 'live' });
  assert.deepEqual(
    [during.EndpointStatus, during.EndpointConfigName, during.PendingDeploymentSummary?.EndpointConfigName],
    ['Updating', 'blue', 'green'],
  );
  await assert.rejects(
    rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'live', EndpointConfigName: 'blue' }),
    refusal('ValidationException', /Cannot update in-progress endpoint/),
  );
  assert.equal((await rig.endpoint('live', inService)).EndpointConfigName, 'green');
  assert.deepEqual(await rig.invoke('live', 'after'), { status: 200, text: 'green after' });
  assert.deepEqual(await held, { status: 200, text: 'blue hold' });
  asking = false;
  await traffic;
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200),
    [],
  );
  await rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'live', EndpointConfigName: 'broken' });
  const rolledBack = await rig.endpoint('live', settled);
  assert.deepEqual([rolledBack.EndpointStatus, rolledBack.EndpointConfigName], ['InService', 'green']);
  assert.match(rolledBack.FailureReason ?? '', /did not pass the ping health check/);
  assert.equal((await rig.invoke('live', 'still')).text, 'green still');
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'live' });
});

test('capacity goes up and down on the same instances', async () => {
  await prepare('scaled');
  await createEndpoint('scaled');
  await rig.endpoint('scaled', inService);
  const scale = async (DesiredInstanceCount: number) => {
    await rig.call('sagemaker:UpdateEndpointWeightsAndCapacities', {
      EndpointName: 'scaled',
      DesiredWeightsAndCapacities: [{ VariantName: 'AllTraffic', DesiredInstanceCount }],
    });
    return (await rig.endpoint('scaled', inService)).ProductionVariants?.[0]?.CurrentInstanceCount;
  };
  assert.equal(await scale(2), 2);
  assert.equal((await rig.invoke('scaled', 'two')).text, 'scaled two');
  assert.equal(await scale(1), 1);
  assert.equal((await rig.invoke('scaled', 'one')).text, 'scaled one');
  await assert.rejects(scale(0), refusal('ValidationException', /at least 1/));
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'scaled' });
});

test('several variants share by weight, are targeted by name, and a changed weight holds when its call is answered', async () => {
  await prepare('heavy');
  await prepare('light');
  const variant = (ModelName: string, InitialVariantWeight: number) =>
    ({ VariantName: ModelName, ModelName, InitialInstanceCount: 1, InstanceType: 'ml.m5.large', InitialVariantWeight }) as const;
  await rig.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName: 'shared',
    ProductionVariants: [variant('heavy', 9), variant('light', 1)],
  });
  await createEndpoint('shared');
  await rig.endpoint('shared', inService);
  const count = async (asked: number) => {
    let light = 0;
    for (let n = 0; n < asked; n += 1) {
      const { text, headers } = await rig.ask('shared', 'x');
      assert.equal(text, `${headers['x-amzn-invoked-production-variant']} x`);
      if (text.startsWith('light')) light += 1;
    }
    return light;
  };
  const light = await count(20);
  assert.ok(light >= 1 && light <= 3, `${light} of 20 went to a tenth of the weight`);
  assert.equal((await rig.ask('shared', 'x', { 'X-Amzn-SageMaker-Target-Variant': 'light' })).text, 'light x');
  const absent = await rig.ask('shared', 'x', { 'X-Amzn-SageMaker-Target-Variant': 'none' });
  assert.equal(absent.status, 400);
  const weigh = (VariantName: string, DesiredWeight: number, more = {}) =>
    rig.call('sagemaker:UpdateEndpointWeightsAndCapacities', {
      EndpointName: 'shared',
      DesiredWeightsAndCapacities: [{ VariantName, DesiredWeight, ...more }],
    });
  await weigh('heavy', 0);
  assert.equal(await count(5), 5, 'whoever lowered a weight to 0 may count on it');
  await rig.endpoint('shared', inService);
  await weigh('light', 2, { DesiredInstanceCount: 2 });
  const described = await rig.endpoint('shared', inService);
  assert.deepEqual(
    described.ProductionVariants?.map(({ CurrentWeight, CurrentInstanceCount }) => [CurrentWeight, CurrentInstanceCount]),
    [
      [0, 1],
      [2, 2],
    ],
  );
  rig = await HostingRig.start(await rig.abandon());
  assert.equal(await count(3), 3);
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'shared' });
});

const containersNamed = async (names: readonly string[], container = {}) => {
  for (const name of names) await rig.putModel(`s3://models/${name}/model.tar.gz`, name);
  return names.map((name) => ({ Image: IMAGE, ModelDataUrl: `s3://models/${name}/model.tar.gz`, ...container }));
};

test('the containers of a pipeline answer one after the other, and whichever fails is named', async () => {
  const Containers = await containersNamed(['wash', 'rinse', 'dry'], { Environment: { BEHAVIOUR: 'headers' } });
  await rig.call('sagemaker:CreateModel', { ModelName: 'chain', ExecutionRoleArn: ROLE, Containers });
  await configOf('chain');
  await createEndpoint('chain');
  const { EndpointStatus, FailureReason, ProductionVariants } = await rig.endpoint('chain', settled);
  assert.equal(EndpointStatus, 'InService', FailureReason);
  assert.equal(ProductionVariants?.[0]?.DeployedImages?.length, 3);
  const answer = await rig.ask('chain', 'x', { Accept: 'text/plain' });
  assert.equal(
    answer.text,
    'dry rinse wash x [text/csv > None] [made/by-wash > None] [made/by-rinse > text/plain]',
    'each is given what the one before made, as its type; the client accepts only from the last',
  );
  assert.equal(answer.headers['content-type'], 'made/by-dry');
  const failed = await rig.ask('chain', 'fail');
  assert.equal(failed.status, 424);
  assert.match(JSON.parse(failed.text).Message, /^Received client error \(418\) from container-1 with message "no tea"/);
  const { logStreams = [] } = await rig.call('logs:DescribeLogStreams', { logGroupName: '/aws/sagemaker/Endpoints/chain' });
  assert.deepEqual(
    logStreams.map(({ logStreamName = '' }) => logStreamName.split('/').at(-1)),
    ['container-1', 'container-2', 'container-3'],
  );
  rig = await HostingRig.start(await rig.abandon());
  assert.match((await rig.ask('chain', 'y')).text, /^dry rinse wash y/);
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'chain' });
  await rig.endpointGone('chain');
  assert.deepEqual(
    readdirSync(join(rig.folder, 'runs')).filter((name) => name.startsWith('endpoint-')),
    [],
    'no container is left behind',
  );
});

test('of containers that are asked directly the one that the request names answers alone', async () => {
  const Containers = (await containersNamed(['left', 'right'])).map((container, place) => ({
    ...container,
    ContainerHostname: ['left', 'right'][place],
  }));
  const model = {
    ModelName: 'pair',
    ExecutionRoleArn: ROLE,
    Containers,
    InferenceExecutionConfig: { Mode: 'Direct' as const },
  };
  await assert.rejects(
    rig.call('sagemaker:CreateModel', { ...model, Containers: await containersNamed(['left', 'right']) }),
    refusal('ValidationException', /each container needs a ContainerHostname/),
  );
  await rig.call('sagemaker:CreateModel', model);
  await configOf('pair');
  await createEndpoint('pair');
  await rig.endpoint('pair', inService);
  const target = (name: string) => rig.ask('pair', 'x', { 'X-Amzn-SageMaker-Target-Container-Hostname': name });
  assert.equal((await target('right')).text, 'right x');
  assert.equal((await target('left')).text, 'left x');
  const absent = await target('middle');
  assert.equal(absent.status, 400);
  assert.match(absent.text, /TargetContainerHostname has to name one of the containers: left, right/);
  assert.equal((await rig.ask('pair', 'x')).status, 400);
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'pair' });
});

test('a multi-model container serves what is put below its prefix, each model pinned when it is first asked for', async () => {
  for (const name of ['a', 'b', 'c']) await rig.putModel(`s3://models/many/${name}.tar.gz`, name);
  await rig.putObject('s3://models/many/broken.tar.gz', Buffer.from('no archive'));
  const container = { Image: IMAGE, Mode: 'MultiModel' as const, ModelDataUrl: 's3://models/many/' };
  await rig.call('sagemaker:CreateModel', { ModelName: 'many', ExecutionRoleArn: ROLE, PrimaryContainer: container });
  await configOf('many');
  await createEndpoint('many');
  const { EndpointStatus, FailureReason } = await rig.endpoint('many', settled);
  assert.equal(EndpointStatus, 'InService', FailureReason);
  const ask = (model: string) => rig.ask('many', 'x', { 'X-Amzn-SageMaker-Target-Model': model });
  const text = async (model: string) => (await ask(model)).text;
  assert.equal(await text('a.tar.gz'), 'a x');
  await rig.putModel('s3://models/many/late.tar.gz', 'late');
  assert.deepEqual([await text('b.tar.gz'), await text('late.tar.gz'), await text('c.tar.gz')], ['b x', 'late x', 'c x']);
  await rig.putModel('s3://models/many/a.tar.gz', 'overwritten');
  await rig.call('s3:DeleteObject', { Bucket: 'models', Key: 'many/b.tar.gz' });
  assert.deepEqual(
    [await text('a.tar.gz'), await text('b.tar.gz')],
    ['a x', 'b x'],
    'unloaded meanwhile, and loaded as they were',
  );
  const refusals: [string, RegExp][] = [
    ['none.tar.gz', /Failed to download model data\(bucket: models, key: many\/none\.tar\.gz\)/],
    ['../many/c.tar.gz', /no plain key below s3:\/\/models\/many\//],
    ['broken.tar.gz', /cannot be used: The archive is no readable tar\.gz/],
  ];
  for (const [model, message] of refusals) {
    const answer = await ask(model);
    assert.deepEqual([answer.status, answer.headers['x-amzn-errortype']], [400, 'ValidationError'], answer.text);
    assert.match(JSON.parse(answer.text).Message, message);
  }
  const folder = await rig.abandon();
  rig = await HostingRig.start(folder);
  await rig.ask('many', 'exit', { 'X-Amzn-SageMaker-Target-Model': 'a.tar.gz' });
  assert.equal(await text('a.tar.gz'), 'a x', 'also in the model server that was started again');
  await rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'many', EndpointConfigName: 'many' });
  await rig.endpoint('many', inService);
  assert.equal(await text('a.tar.gz'), 'overwritten x', 'a new deployment pins anew');
  assert.ok((await rig.ledger()).includes('slipway:Endpoint.ModelHosted'));
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'many' });
  await rig.endpointGone('many');
  const kept = await rig.store.list({ ...PLACE, kind: 'HostedModel', sortBy: 'name', order: 'ascending', limit: 10 });
  assert.deepEqual(kept.rows, [], 'no pin is left behind');
});

test('a container that does not come up fails the endpoint under its own name', async () => {
  const [good = {}, bad = {}] = await containersNamed(['good', 'bad']);
  const Containers = [good, { ...bad, ContainerHostname: 'second', Environment: { BEHAVIOUR: 'crash' } }];
  await rig.call('sagemaker:CreateModel', { ModelName: 'half', ExecutionRoleArn: ROLE, Containers });
  await configOf('half');
  await createEndpoint('half');
  const { EndpointStatus, FailureReason = '' } = await rig.endpoint('half', settled);
  assert.equal(EndpointStatus, 'Failed');
  assert.match(FailureReason, /^The second container for production variant AllTraffic did not pass.*no such column: rings/s);
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'half' });
});

test('what is not approved cannot be served at any of the three doors, and serves its registered bytes once it is', async () => {
  await rig.putModel('s3://models/pkg/model.tar.gz', 'registered');
  await rig.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'gated' });
  const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', {
    ModelPackageGroupName: 'gated',
    InferenceSpecification: { Containers: [{ Image: IMAGE, ModelDataUrl: 's3://models/pkg/model.tar.gz' }] },
  });
  const model: CreateModelInput = {
    ModelName: 'gated',
    ExecutionRoleArn: ROLE,
    Containers: [{ ModelPackageName: ModelPackageArn }],
  };
  const notApproved = (status: string) =>
    refusal('ValidationException', new RegExp(`${ModelPackageArn} cannot be served: its ModelApprovalStatus is ${status}`));
  const approve = (ModelApprovalStatus: 'Approved' | 'Rejected') =>
    rig.call('sagemaker:UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus });
  await assert.rejects(rig.call('sagemaker:CreateModel', model), notApproved('PendingManualApproval'));
  await approve('Approved');
  await rig.call('sagemaker:CreateModel', model);
  await configOf('gated');
  await approve('Rejected');
  await assert.rejects(createEndpoint('gated'), notApproved('Rejected'));
  await prepare('plain');
  await createEndpoint('plain');
  await rig.endpoint('plain', inService);
  await assert.rejects(
    rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'plain', EndpointConfigName: 'gated' }),
    notApproved('Rejected'),
  );
  await rig.putModel('s3://models/pkg/model.tar.gz', 'overwritten');
  await approve('Approved');
  await createEndpoint('gated');
  await rig.endpoint('gated', inService);
  await approve('Rejected');
  assert.equal((await rig.invoke('gated', 'x')).text, 'registered x', 'withdrawing approval stops nothing that runs');
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'gated' });
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'plain' });
});

test('what is not built is said when it is asked for, what is wrong when it is written', async () => {
  await prepare('refusals');
  const variant = { VariantName: 'a', ModelName: 'refusals', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' as const };
  const config = (more: object) =>
    rig.call('sagemaker:CreateEndpointConfig', { EndpointConfigName: 'never', ProductionVariants: [variant], ...more });
  await assert.rejects(
    config({ ProductionVariants: [variant, variant] }),
    refusal('ValidationException', /variant a is there twice/),
  );
  await assert.rejects(
    config({
      DataCaptureConfig: {
        InitialSamplingPercentage: 100,
        DestinationS3Uri: 's3://b/c',
        CaptureOptions: [{ CaptureMode: 'Input' }],
      },
    }),
    refusal('NotImplementedException', /Data capture/),
  );
  await assert.rejects(
    config({ ProductionVariants: [{ ...variant, ModelName: 'nobody' }] }),
    refusal('ValidationException', /Could not find model "arn:.*:model\/nobody"/),
  );
  const model = (container: object) =>
    rig.call('sagemaker:CreateModel', { ModelName: 'never', ExecutionRoleArn: ROLE, PrimaryContainer: container });
  await assert.rejects(
    model({ Image: IMAGE, ModelDataUrl: 's3://models/none/model.tar.gz' }),
    refusal('ValidationException', /Could not find model data at s3:\/\/models\/none/),
  );
  await assert.rejects(model({ Image: 'unknown:1' }), refusal('ValidationException', /unknown:1 is not known/));
  await assert.rejects(
    model({ Image: IMAGE, Mode: 'MultiModel', ModelDataUrl: 's3://models/one.tar.gz' }),
    refusal('ValidationException', /S3 prefix below which the archives are/),
  );
  await assert.rejects(
    model({ ModelPackageName: 'some', Mode: 'MultiModel' }),
    refusal('ValidationException', /cannot come from a model package/),
  );
  await assert.rejects(prepare('refusals'), refusal('ValidationException', /Cannot create already existing model "arn:/));
  await assert.rejects(
    createEndpoint('e', 'absent'),
    refusal('ValidationException', /Could not find endpoint configuration "arn:/),
  );
});

test('whoever names an execution role in an endpoint configuration must be allowed to pass it', async () => {
  await rig.putModel('s3://models/passing/model.tar.gz', 'passing');
  const container = { Image: IMAGE, ModelDataUrl: 's3://models/passing/model.tar.gz' };
  await rig.call('sagemaker:CreateModel', { ModelName: 'passing', ExecutionRoleArn: ROLE, PrimaryContainer: container });
  rig.policies.set('deployer', [{ Statement: { Effect: 'Allow', Action: 'sagemaker:*', Resource: '*' } }]);
  const config = {
    EndpointConfigName: 'passing',
    ProductionVariants: [{ VariantName: 'AllTraffic', ModelName: 'passing', InstanceType: 'ml.m5.large' as const }],
  };
  await assert.rejects(
    rig.call('sagemaker:CreateEndpointConfig', { ...config, ExecutionRoleArn: ROLE }, user('deployer')),
    refusal('AccessDeniedException', /iam:PassRole on resource: \S+SageMakerPipelineExecutionRole/),
  );
  await rig.call('sagemaker:CreateEndpointConfig', config, user('deployer'));
});
