import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { arnOf, keyOf, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { createTaggingRoom } from './room.ts';

const place = { account: '123456789012', region: 'us-east-1' };
const declare = (kind: string, arnType: string, caseInsensitive = false): ResourceDeclaration => ({
  kind,
  arnType,
  service: 'sagemaker',
  caseInsensitive,
  absent: { code: 'ResourceNotFound', message: (name) => `${kind} '${name}' does not exist.` },
  exists: { code: 'ResourceInUse', message: (name) => `${kind} '${name}' exists.` },
});
const PIPELINE = declare('Pipeline', 'pipeline');
const EXECUTION = declare('PipelineExecution', 'pipeline');
const GROUP = declare('ModelPackageGroup', 'model-package-group', true);
const PACKAGE = declare('ModelPackage', 'model-package');
const resources = [PIPELINE, EXECUTION, GROUP, PACKAGE];
const index = { createdAtMs: 1, modifiedAtMs: 1 };

type Call = <N extends OperationName>(name: N, input: InputOf<N>) => Promise<OutputOf<N>>;

async function withTagging(run: (setting: { call: Call; store: Store }) => Promise<void>): Promise<void> {
  await withSqliteStore(async ({ store }) => {
    const room = createTaggingRoom({ store, resources });
    const call: Call = async (name, input) =>
      room.operations
        .find((operation) => operation.name === name)!
        .handle(input, {
          ...place,
          operation: name,
          requestId: 'r',
          nowMs: 5,
          principal: {
            kind: 'user',
            account: place.account,
            arn: 'arn:aws:iam::123456789012:user/admin',
            userId: 'A',
            name: 'admin',
          },
        });
    await run({ call, store });
  });
}

async function create(store: Store, declaration: ResourceDeclaration, name: string, document = {}): Promise<string> {
  const key = keyOf(declaration, place, name);
  await store.commit({ expect: [{ key, version: 0 }], write: [{ key, document, index }] });
  return arnOf(declaration, place, name);
}

const code = (expected: string) => (error: { code?: string }) => error.code === expected;

test('tags of any resource: added, replaced, listed in pages, deleted, each change in the ledger', () =>
  withTagging(async ({ call, store }) => {
    const ResourceArn = await create(store, PIPELINE, 'p');
    assert.deepEqual(await call('sagemaker:ListTags', { ResourceArn }), { Tags: [] });
    await call('sagemaker:AddTags', {
      ResourceArn,
      Tags: [
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: '2' },
      ],
    });
    const { Tags } = await call('sagemaker:AddTags', {
      ResourceArn,
      Tags: [
        { Key: 'a', Value: '3' },
        { Key: 'c', Value: '' },
      ],
    });
    assert.deepEqual(Tags, [
      { Key: 'a', Value: '3' },
      { Key: 'b', Value: '2' },
      { Key: 'c', Value: '' },
    ]);
    const page = await call('sagemaker:ListTags', { ResourceArn, MaxResults: 2 });
    assert.deepEqual(
      page.Tags?.map(({ Key }) => Key),
      ['a', 'b'],
    );
    assert.deepEqual(await call('sagemaker:ListTags', { ResourceArn, NextToken: page.NextToken }), {
      Tags: [{ Key: 'c', Value: '' }],
    });
    await call('sagemaker:DeleteTags', { ResourceArn, TagKeys: ['a', 'b', 'c', 'never'] });
    assert.deepEqual(await call('sagemaker:ListTags', { ResourceArn }), { Tags: [] });
    await call('sagemaker:DeleteTags', { ResourceArn, TagKeys: ['a'] });
    const entries = (await store.ledger({ afterSequence: 0, limit: 10 })).map(({ entry }) => [entry.action, entry.resources[0]]);
    assert.deepEqual(entries, [
      ['sagemaker:AddTags', ResourceArn],
      ['sagemaker:AddTags', ResourceArn],
      ['sagemaker:DeleteTags', ResourceArn],
    ]);
  }));

test('an execution is not taken for a pipeline of a long name, nor a group for a package', () =>
  withTagging(async ({ call, store }) => {
    await create(store, PIPELINE, 'p');
    const execution = await create(store, EXECUTION, 'p/execution/abc');
    await call('sagemaker:AddTags', { ResourceArn: execution, Tags: [{ Key: 'x', Value: '1' }] });
    assert.deepEqual((await call('sagemaker:ListTags', { ResourceArn: arnOf(PIPELINE, place, 'p') })).Tags, []);
    assert.deepEqual((await call('sagemaker:ListTags', { ResourceArn: execution })).Tags, [{ Key: 'x', Value: '1' }]);
    await create(store, GROUP, 'g');
    await assert.rejects(call('sagemaker:ListTags', { ResourceArn: arnOf(PACKAGE, place, 'g') }), code('ResourceNotFound'));
  }));

test('one resource has one set of tags, however its name is spelled', () =>
  withTagging(async ({ call, store }) => {
    const own = arnOf(GROUP, place, 'MyGroup');
    await create(store, GROUP, 'MyGroup', { ModelPackageGroupArn: own });
    await call('sagemaker:AddTags', { ResourceArn: own.toLowerCase(), Tags: [{ Key: 'x', Value: '1' }] });
    assert.deepEqual((await call('sagemaker:ListTags', { ResourceArn: own })).Tags, [{ Key: 'x', Value: '1' }]);
  }));

test('absent resources, foreign places and too many tags are refused', () =>
  withTagging(async ({ call, store }) => {
    const list = (ResourceArn: string) => call('sagemaker:ListTags', { ResourceArn });
    await assert.rejects(
      list(arnOf(PIPELINE, place, 'gone')),
      (error: { code?: string; message?: string }) =>
        error.code === 'ResourceNotFound' && error.message === "Pipeline 'gone' does not exist.",
    );
    await assert.rejects(list('arn:aws:sagemaker:us-east-1:123456789012:moon/landing'), code('ValidationException'));
    await assert.rejects(list('arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p'), code('ValidationException'));
    const ResourceArn = await create(store, PIPELINE, 'p');
    const tags = (count: number, prefix: string) =>
      Array.from({ length: count }, (_, at) => ({ Key: `${prefix}${at}`, Value: '' }));
    await call('sagemaker:AddTags', { ResourceArn, Tags: tags(30, 'a') });
    await assert.rejects(call('sagemaker:AddTags', { ResourceArn, Tags: tags(21, 'b') }), code('ValidationException'));
    await assert.rejects(
      call('sagemaker:AddTags', { ResourceArn, Tags: [{ Key: 'aws:x', Value: '' }] }),
      code('ValidationException'),
    );
    assert.equal((await list(ResourceArn)).Tags?.length, 30);
    await assert.rejects(call('sagemaker:ListTags', { ResourceArn, NextToken: 'x' }), code('ValidationException'));
  }));

test('tags added at the same time all arrive', () =>
  withTagging(async ({ call, store }) => {
    const ResourceArn = await create(store, PIPELINE, 'p');
    await Promise.all(
      Array.from({ length: 12 }, (_, at) => call('sagemaker:AddTags', { ResourceArn, Tags: [{ Key: `k${at}`, Value: '' }] })),
    );
    assert.equal((await call('sagemaker:ListTags', { ResourceArn })).Tags?.length, 12);
  }));
