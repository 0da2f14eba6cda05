import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerDefinition, CreateEndpointConfigInput, ProductionVariant } from '../../contract/generated/sagemaker.ts';
import { checkConfig } from './decide-config.ts';
import { modelFolder, modelUri } from './decide-hosted-model.ts';
import { checkContainer, containersAsked } from './decide-model.ts';

const container = (more: Partial<ContainerDefinition> = {}): ContainerDefinition => ({
  Image: 'i',
  ModelDataUrl: 's3://b/m.tar.gz',
  ...more,
});

test('a model has one to fifteen containers, told apart by name', () => {
  const problem = (input: Parameters<typeof containersAsked>[0]) =>
    (containersAsked(input) as { message?: string }).message ?? '';
  assert.equal(problem({ Containers: Array.from({ length: 15 }, () => container()) }), '');
  assert.match(problem({ Containers: Array.from({ length: 16 }, () => container()) }), /at most 15 containers; this one has 16/);
  assert.match(problem({}), /needs a container/);
  assert.match(problem({ PrimaryContainer: container(), Containers: [container()] }), /not both/);
  const named = (ContainerHostname: string) => container({ ContainerHostname });
  assert.match(problem({ Containers: [named('a'), named('a')] }), /Two containers are called a/);
  assert.match(problem({ Containers: [named('container-2'), container()] }), /Two containers are called container-2/);
  const direct = { InferenceExecutionConfig: { Mode: 'Direct' as const } };
  assert.match(problem({ Containers: [named('a'), container()], ...direct }), /container 2 has none/);
  assert.equal(problem({ Containers: [named('a'), named('b')], ...direct }), '');
  const many = container({ Mode: 'MultiModel', ModelDataUrl: 's3://b/p/' });
  assert.match(problem({ Containers: [many, container()] }), /Use InferenceExecutionConfig Mode Direct/);
});

test('a multi-model container has a prefix, no package and a cache', () => {
  const problem = (more: Partial<ContainerDefinition>) =>
    checkContainer(container({ Mode: 'MultiModel', ...more }))?.message ?? '';
  assert.equal(problem({ ModelDataUrl: 's3://b/p' }), '');
  assert.match(problem({}), /S3 prefix below which the archives are/);
  assert.match(problem({ ModelPackageName: 'p' }), /cannot come from a model package/);
  assert.match(problem({ ModelDataUrl: 's3://b/p', MultiModelConfig: { ModelCacheSetting: 'Disabled' } }), /not implemented/);
});

test('a model of many is named below the prefix, and nowhere else', () => {
  assert.equal(modelUri('s3://b/p/', 'a/b.tar.gz'), 's3://b/p/a/b.tar.gz');
  assert.equal(modelUri('s3://b/p', '/a.tar.gz'), 's3://b/p/a.tar.gz');
  for (const name of ['', '/', '../a', 'a/../b', 'a//b', './a', 'a/']) assert.equal(modelUri('s3://b/p', name), undefined, name);
  assert.equal(
    modelFolder(() => 'f'.repeat(64), '../../etc'),
    `${'f'.repeat(32)}/model`,
  );
});

test('a configuration is refused for what nothing here would do', () => {
  const variant: ProductionVariant = { VariantName: 'v', ModelName: 'm', InstanceType: 'ml.m5.large', InitialInstanceCount: 1 };
  const problem = (one: Partial<ProductionVariant>, more: Partial<CreateEndpointConfigInput> = {}) => {
    const rejection = checkConfig({ EndpointConfigName: 'c', ProductionVariants: [{ ...variant, ...one }], ...more });
    return rejection ? `${rejection.code} ${rejection.message}` : '';
  };
  assert.equal(problem({}), '');
  assert.match(problem({}, { ShadowProductionVariants: [variant] }), /^NotImplementedException Shadow variants/);
  const { ModelName: _model, ...modelless } = variant;
  assert.match(
    checkConfig({ EndpointConfigName: 'c', ProductionVariants: [modelless] })?.message ?? '',
    /inference components are not implemented yet/,
  );
  const serverless = { MemorySizeInMB: 1024, MaxConcurrency: 2 };
  assert.match(problem({ ServerlessConfig: serverless }), /leave InstanceType and InitialInstanceCount out/);
  const bare = (more: object) =>
    checkConfig({
      EndpointConfigName: 'c',
      ProductionVariants: [{ VariantName: 'v', ModelName: 'm', ServerlessConfig: { ...serverless, ...more } }],
      ...('async' in more && { AsyncInferenceConfig: { OutputConfig: {} } }),
    })?.message ?? '';
  assert.equal(bare({}), '');
  assert.match(bare({ ProvisionedConcurrency: 3 }), /must not exceed its MaxConcurrency/);
  assert.match(bare({ async: true }), /not both/);
});
