import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ProductionVariantServerlessConfig } from '../../contract/generated/sagemaker.ts';
import { IMAGE, refusal } from '../registry/registry-rig.ts';
import { HostingRig, ROLE } from './hosting-rig.ts';

let rig: HostingRig;
before(async () => {
  HostingRig.serverlessIdleMs = 300;
  rig = await HostingRig.start();
});
after(() => rig.close());

const CONFIG = { MemorySizeInMB: 2048, MaxConcurrency: 2 };

const configure = (name: string, ServerlessConfig: ProductionVariantServerlessConfig, more = {}) =>
  rig.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName: name,
    ProductionVariants: [{ VariantName: 'v', ModelName: name, ServerlessConfig, ...more }],
  });

async function deploy(name: string, config: ProductionVariantServerlessConfig = CONFIG, environment = {}) {
  await rig.putModel(`s3://models/${name}/model.tar.gz`, name);
  const PrimaryContainer = { Image: IMAGE, ModelDataUrl: `s3://models/${name}/model.tar.gz`, Environment: environment };
  await rig.call('sagemaker:CreateModel', { ModelName: name, ExecutionRoleArn: ROLE, PrimaryContainer });
  await configure(name, config);
  await rig.call('sagemaker:CreateEndpoint', { EndpointName: name, EndpointConfigName: name });
  return rig.endpoint(name, ({ EndpointStatus }) => EndpointStatus !== 'Creating');
}

/** Resolves when that many model servers run here. */
async function running(count: number): Promise<void> {
  while (rig.modelServers() !== count) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('a serverless variant sleeps when nobody asks, and a request wakes it and is answered', async () => {
  const described = await deploy('dozy');
  assert.equal(described.EndpointStatus, 'InService', described.FailureReason);
  assert.deepEqual(described.ProductionVariants?.[0]?.CurrentServerlessConfig, CONFIG);
  assert.equal(described.ProductionVariants?.[0]?.CurrentInstanceCount, undefined);
  assert.equal((await rig.invoke('dozy', 'x')).text, 'dozy x');
  await running(0);
  assert.equal((await rig.call('sagemaker:DescribeEndpoint', { EndpointName: 'dozy' })).EndpointStatus, 'InService');
  const both = await Promise.all([rig.invoke('dozy', '1'), rig.invoke('dozy', '2')]);
  assert.deepEqual(
    both.map(({ text }) => text),
    ['dozy 1', 'dozy 2'],
  );
  assert.equal(rig.modelServers(), 1);
  const held = [rig.invoke('dozy', 'hold 1'), rig.invoke('dozy', 'hold 2')];
  let refusedOne = await rig.ask('dozy', 'more');
  while (refusedOne.status !== 429) refusedOne = await rig.ask('dozy', 'more');
  assert.equal(refusedOne.headers['x-amzn-errortype'], 'ThrottlingException');
  assert.deepEqual(
    (await Promise.all(held)).map(({ text }) => text),
    ['dozy hold 1', 'dozy hold 2'],
    'what is being answered is no idleness',
  );
  await running(0);
  rig = await HostingRig.start(await rig.abandon());
  assert.equal(rig.modelServers(), 0, 'a server that starts again wakes nobody');
  assert.equal((await rig.invoke('dozy', 'y')).text, 'dozy y');
  rig = await HostingRig.start(await rig.abandon());
  assert.equal((await rig.invoke('dozy', 'z')).text, 'dozy z');
  await running(0);
});

test('without a server those that are awake answer, and one that sleeps says what it needs', async () => {
  HostingRig.serverlessIdleMs = 60_000;
  const folder = await rig.abandon();
  const away = await rig.ask('dozy', 'x');
  assert.equal(away.status, 503);
  assert.match(away.text, /needs the Slipway server, which is not running/);
  rig = await HostingRig.start(folder);
  assert.equal((await rig.invoke('dozy', 'x')).text, 'dozy x');
  await rig.abandon();
  assert.equal((await rig.invoke('dozy', 'alone')).text, 'dozy alone');
  HostingRig.serverlessIdleMs = 300;
  rig = await HostingRig.start(folder);
  await running(0);
});

test('provisioned concurrency keeps it awake, and can be given and taken while it serves', async () => {
  await deploy('alert', { ...CONFIG, ProvisionedConcurrency: 1 });
  await running(1);
  const update = async (ServerlessUpdateConfig: object) => {
    await rig.call('sagemaker:UpdateEndpointWeightsAndCapacities', {
      EndpointName: 'alert',
      DesiredWeightsAndCapacities: [{ VariantName: 'v', ServerlessUpdateConfig }],
    });
    return rig.endpoint('alert', ({ EndpointStatus }) => EndpointStatus === 'InService');
  };
  rig = await HostingRig.start(await rig.abandon());
  assert.equal(rig.modelServers(), 1);
  const described = await update({ MaxConcurrency: 5, ProvisionedConcurrency: 2 });
  assert.equal(described.ProductionVariants?.[0]?.CurrentServerlessConfig?.MaxConcurrency, 5);
  await assert.rejects(
    rig.call('sagemaker:UpdateEndpointWeightsAndCapacities', {
      EndpointName: 'alert',
      DesiredWeightsAndCapacities: [{ VariantName: 'v', DesiredInstanceCount: 2 }],
    }),
    refusal('ValidationException', /is serverless: give ServerlessUpdateConfig/),
  );
  await rig.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName: 'alert-less',
    ProductionVariants: [{ VariantName: 'v', ModelName: 'alert', ServerlessConfig: CONFIG }],
  });
  await rig.call('sagemaker:UpdateEndpoint', { EndpointName: 'alert', EndpointConfigName: 'alert-less' });
  await running(0);
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'alert' });
  await rig.endpointGone('alert');
});

test('a model that does not come up fails its serverless endpoint, and what does not fit is refused', async () => {
  const described = await deploy('never', CONFIG, { BEHAVIOUR: 'crash' });
  assert.equal(described.EndpointStatus, 'Failed');
  assert.match(described.FailureReason ?? '', /no such column: rings/);
  await assert.rejects(configure('never', { ...CONFIG, MemorySizeInMB: 1500 }), refusal('ValidationException', /MemorySizeInMB/));
  await assert.rejects(
    configure('never', CONFIG, { InstanceType: 'ml.m5.large' }),
    refusal('ValidationException', /leave InstanceType and InitialInstanceCount out/),
  );
});
