import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { CreateModelPackageInput, DescribeModelPackageOutput } from '../../contract/generated/sagemaker.ts';
import type { WithArtifacts } from '../../platform/objects/pin.ts';
import { IMAGE, refusal, RegistryRig, user } from './registry-rig.ts';

const MODEL = 's3://bucket/job-1/output/model.tar.gz';
const REPORT = 's3://bucket/evaluation.json';
const versionOf = (group: string, more: Partial<CreateModelPackageInput> = {}): CreateModelPackageInput => ({
  ModelPackageGroupName: group,
  InferenceSpecification: {
    Containers: [{ Image: IMAGE, ModelDataUrl: MODEL }],
    SupportedContentTypes: ['text/csv'],
    SupportedResponseMIMETypes: ['text/csv'],
  },
  ...more,
});

async function withRegistry(run: (rig: RegistryRig) => Promise<void>): Promise<void> {
  const rig = new RegistryRig().open();
  try {
    await rig.putObject(MODEL, 'the model');
    await rig.putObject(REPORT, '{"metrics":{"accuracy":{"value":0.97}}}');
    await rig.call('sagemaker:CreateModelPackageGroup', {
      ModelPackageGroupName: 'Abalone',
      ModelPackageGroupDescription: 'sea snails',
    });
    await run(rig);
  } finally {
    await rig.close();
  }
}

test('versions of a group are numbered without gaps, also when many are made at once', () =>
  withRegistry(async (rig) => {
    const made = await Promise.all(
      Array.from({ length: 25 }, () => rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'))),
    );
    const numbers = made.map(({ ModelPackageArn }) => Number(ModelPackageArn.split('/').at(-1))).sort((a, b) => a - b);
    assert.deepEqual(
      numbers,
      Array.from({ length: 25 }, (_, index) => index + 1),
    );
    await rig.call('sagemaker:DeleteModelPackage', { ModelPackageName: 'Abalone/25' });
    const next = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'));
    assert.match(next.ModelPackageArn, /:model-package\/Abalone\/26$/);
  }));

test('a repeated client token makes one version, and only for the same request', () =>
  withRegistry(async (rig) => {
    const input = versionOf('Abalone', { ClientToken: 'token-1' });
    const answers = await Promise.all([
      rig.call('sagemaker:CreateModelPackage', input),
      rig.call('sagemaker:CreateModelPackage', input),
    ]);
    const [first, second] = [...answers, await rig.call('sagemaker:CreateModelPackage', input)].map(
      ({ ModelPackageArn }) => ModelPackageArn,
    );
    assert.equal(first, second);
    await assert.rejects(
      rig.call('sagemaker:CreateModelPackage', { ...input, ModelPackageDescription: 'other' }),
      refusal('ConflictException', /token-1/),
    );
    const { ModelPackageSummaryList } = await rig.call('sagemaker:ListModelPackages', { ModelPackageGroupName: 'Abalone' });
    assert.equal(ModelPackageSummaryList.length, 1);
  }));

test('a version pins its model data and reports by digest, and keeps the bytes when S3 forgets them', () =>
  withRegistry(async (rig) => {
    const metrics = { ModelQuality: { Statistics: { ContentType: 'application/json', S3Uri: REPORT } } };
    const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone', { ModelMetrics: metrics }));
    const described: WithArtifacts<DescribeModelPackageOutput> = await rig.call('sagemaker:DescribeModelPackage', {
      ModelPackageName: ModelPackageArn,
    });
    const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');
    const digest = digestOf('the model');
    const digests = [digest, digestOf('{"metrics":{"accuracy":{"value":0.97}}}')];
    assert.equal(described.artifacts?.[0]?.objects[0]?.digest, digest);
    assert.deepEqual(described.ModelMetrics, metrics);
    await rig.call('s3:DeleteObject', { Bucket: 'bucket', Key: 'job-1/output/model.tar.gz' });
    await rig.call('s3:DeleteObject', { Bucket: 'bucket', Key: 'evaluation.json' });
    assert.deepEqual(await rig.store.unusedBlobs(digests), []);
    await rig.call('sagemaker:DeleteModelPackage', { ModelPackageName: ModelPackageArn });
    assert.deepEqual([...(await rig.store.unusedBlobs(digests))].sort(), digests.sort());
  }));

test('model data that is not there is named; a report that is not there is no hindrance', () =>
  withRegistry(async (rig) => {
    const absent = { Containers: [{ Image: IMAGE, ModelDataUrl: 's3://bucket/nowhere/model.tar.gz' }] };
    await assert.rejects(
      rig.call('sagemaker:CreateModelPackage', versionOf('Abalone', { InferenceSpecification: absent })),
      refusal('ValidationException', /Could not find model data at s3:\/\/bucket\/nowhere\/model\.tar\.gz/),
    );
    const metrics = { ModelQuality: { Statistics: { ContentType: 'application/json', S3Uri: 's3://bucket/none.json' } } };
    const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone', { ModelMetrics: metrics }));
    assert.match(ModelPackageArn, /\/1$/);
  }));

test('approval changes with its reason in the ledger, and an event tells of it', () =>
  withRegistry(async (rig) => {
    const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'));
    await rig.call('sagemaker:UpdateModelPackage', {
      ModelPackageArn,
      ModelApprovalStatus: 'Approved',
      ApprovalDescription: 'better than 2',
    });
    const described = await rig.call('sagemaker:DescribeModelPackage', { ModelPackageName: ModelPackageArn.toLowerCase() });
    assert.equal(described.ModelApprovalStatus, 'Approved');
    assert.equal(described.ApprovalDescription, 'better than 2');
    assert.equal(described.LastModifiedBy?.IamIdentity?.Arn, user('admin').arn);
    const entries = await rig.store.ledger({ afterSequence: 0, limit: 100 });
    const { entry } = entries.find((one) => one.entry.action === 'sagemaker:UpdateModelPackage') ?? {};
    assert.deepEqual(entry?.changes?.['ModelApprovalStatus'], ['PendingManualApproval', 'Approved']);
    assert.equal(entry?.reason, 'better than 2');
    const events = await rig.store.events({ afterSequence: 0, limit: 100 });
    const told = events.filter(({ detailType }) => detailType === 'SageMaker Model Package State Change');
    assert.deepEqual(
      told.map(({ detail }) => detail['ModelApprovalStatus']),
      ['PendingManualApproval', 'Approved'],
    );
    const before = (await rig.ledger()).length;
    await rig.call('sagemaker:UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus: 'Approved' });
    assert.equal((await rig.ledger()).length, before, 'what changes nothing is not written');
  }));

test('who may register but not approve is held to that, also at registration', () =>
  withRegistry(async (rig) => {
    rig.policies.set('scientist', [
      {
        Statement: [
          { Effect: 'Allow', Action: '*', Resource: '*' },
          {
            Effect: 'Deny',
            Action: ['sagemaker:UpdateModelPackage', 'sagemaker:CreateModelPackage'],
            Resource: '*',
            Condition: { StringEquals: { 'sagemaker:ModelApprovalStatus': 'Approved' } },
          },
        ],
      },
    ]);
    const scientist = user('scientist');
    const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'), scientist);
    const denied = refusal('AccessDeniedException', /user\/scientist is not authorized to perform: sagemaker:/);
    await assert.rejects(
      rig.call('sagemaker:UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus: 'Approved' }, scientist),
      denied,
    );
    await assert.rejects(
      rig.call('sagemaker:CreateModelPackage', versionOf('Abalone', { ModelApprovalStatus: 'Approved' }), scientist),
      denied,
    );
    await rig.call('sagemaker:UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus: 'Rejected' }, scientist);
  }));

test('lists: newest first, by approval, in pages, versioned and not', () =>
  withRegistry(async (rig) => {
    for (let step = 0; step < 12; step += 1) await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'));
    await rig.call('sagemaker:UpdateModelPackage', {
      ModelPackageArn: `arn:aws:sagemaker:us-east-1:123456789012:model-package/abalone/4`,
      ModelApprovalStatus: 'Approved',
    });
    const lone = { ...versionOf('x'), ModelPackageGroupName: undefined, ModelPackageName: 'lone' };
    await rig.call('sagemaker:CreateModelPackage', lone);
    const group = { ModelPackageGroupName: 'abalone' };
    const first = await rig.call('sagemaker:ListModelPackages', { ...group, MaxResults: 7 });
    const second = await rig.call('sagemaker:ListModelPackages', { ...group, MaxResults: 7, NextToken: first.NextToken });
    const numbers = [first, second].flatMap(({ ModelPackageSummaryList }) =>
      ModelPackageSummaryList.map(({ ModelPackageVersion }) => ModelPackageVersion),
    );
    assert.deepEqual(numbers, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    const names = async (input: object) =>
      (await rig.call('sagemaker:ListModelPackages', input)).ModelPackageSummaryList.map(({ ModelPackageArn }) =>
        ModelPackageArn.split(':').at(-1),
      );
    assert.deepEqual(await names({ ...group, ModelApprovalStatus: 'Approved' }), ['model-package/Abalone/4']);
    assert.deepEqual(await names({}), ['model-package/lone']);
    assert.equal((await names({ ModelPackageType: 'Both', MaxResults: 100 })).length, 13);
    assert.deepEqual(await names({ ...group, NameContains: 'zzz' }), []);
    await assert.rejects(names({ NextToken: 'nonsense' }), refusal('ValidationException', /Invalid NextToken/));
    await assert.rejects(
      rig.call('sagemaker:CreateModelPackage', lone),
      refusal('ValidationException', /ModelPackage already exists/),
    );
  }));

test('a group exists once, whatever the case, and goes only when it is empty', () =>
  withRegistry(async (rig) => {
    await assert.rejects(
      rig.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'ABALONE' }),
      refusal('ValidationException', /already exists/),
    );
    const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'));
    await assert.rejects(
      rig.call('sagemaker:DeleteModelPackageGroup', { ModelPackageGroupName: 'Abalone' }),
      refusal('ConflictException', /still contains/),
    );
    await rig.call('sagemaker:DeleteModelPackage', { ModelPackageName: ModelPackageArn });
    await assert.rejects(
      rig.call('sagemaker:DescribeModelPackage', { ModelPackageName: ModelPackageArn }),
      refusal('ValidationException', /does not exist/),
    );
    await rig.call('sagemaker:DeleteModelPackageGroup', { ModelPackageGroupName: 'abalone' });
    assert.deepEqual((await rig.call('sagemaker:ListModelPackageGroups', {})).ModelPackageGroupSummaryList, []);
    await assert.rejects(
      rig.call('sagemaker:CreateModelPackage', versionOf('Abalone')),
      refusal('ValidationException', /ModelPackageGroup .* does not exist/),
    );
  }));

test('many are described at once, each absent one as an error of its own', () =>
  withRegistry(async (rig) => {
    const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'));
    const absent = ModelPackageArn.replace('/1', '/9');
    const answer = await rig.call('sagemaker:BatchDescribeModelPackage', { ModelPackageArnList: [ModelPackageArn, absent] });
    assert.equal(answer.ModelPackageSummaries?.[ModelPackageArn]?.ModelPackageVersion, 1);
    assert.equal(answer.BatchDescribeModelPackageErrorMap?.[absent]?.ErrorCode, 'ValidationException');
  }));

test('a deny on a group holds however the caller spells it: names that differ only in case are one resource', () =>
  withRegistry(async (rig) => {
    const { ModelPackageArn } = await rig.call('sagemaker:CreateModelPackage', versionOf('Abalone'));
    rig.policies.set('scientist', [
      {
        Statement: [
          { Effect: 'Allow', Action: 'sagemaker:*', Resource: '*' },
          { Effect: 'Deny', Action: 'sagemaker:UpdateModelPackage', Resource: 'arn:aws:sagemaker:*:*:model-package/Abalone/*' },
        ],
      },
    ]);
    for (const spelling of [ModelPackageArn, ModelPackageArn.toLowerCase(), ModelPackageArn.replace('Abalone', 'ABALONE')]) {
      await assert.rejects(
        rig.call(
          'sagemaker:UpdateModelPackage',
          { ModelPackageArn: spelling, ModelApprovalStatus: 'Approved' },
          user('scientist'),
        ),
        refusal('AccessDeniedException', /with an explicit deny/),
        spelling,
      );
    }
  }));
