import assert from 'node:assert/strict';
import { test } from 'node:test';
import { artifactSources, checkCreatePackage, decideUpdate, evidenceUris, planPackage } from './decide-package.ts';
import type { PackageDocument } from './resources.ts';

const required = { approvalRequired: true };
const container = { Image: 'sagemaker-xgboost:1.7-1', ModelDataUrl: 's3://b/j/output/model.tar.gz' };

function version(members: Partial<PackageDocument> = {}): PackageDocument {
  const facts = {
    arn: 'arn:aws:sagemaker:us-east-1:1:model-package/g/1',
    version: { groupName: 'g', number: 1 },
    nowMs: 5,
    requestId: 'r',
    by: {},
    artifacts: [],
    evidence: [],
  };
  return {
    ...planPackage({ ModelPackageGroupName: 'g', InferenceSpecification: { Containers: [container] } }, facts),
    ...members,
  };
}

test('a version waits for approval unless the request says otherwise; an unversioned package has no approval', () => {
  assert.equal(version().ModelApprovalStatus, 'PendingManualApproval');
  assert.equal(version().ModelPackageVersion, 1);
  const facts = { arn: 'a', nowMs: 5, requestId: 'r', by: {}, artifacts: [], evidence: [] };
  const lone = planPackage({ ModelPackageName: 'p', InferenceSpecification: { Containers: [container] } }, facts);
  assert.equal(lone.ModelApprovalStatus, undefined);
  assert.equal(lone.ModelPackageVersion, undefined);
});

test('creation refuses what it could not keep', () => {
  assert.match(checkCreatePackage({})?.message ?? '', /Either ModelPackageName or ModelPackageGroupName/);
  assert.match(checkCreatePackage({ ModelPackageName: 'p', ModelPackageGroupName: 'g' })?.message ?? '', /not both/);
  assert.equal(
    checkCreatePackage({ ModelPackageGroupName: 'g', SourceAlgorithmSpecification: { SourceAlgorithms: [] } })?.code,
    'NotImplementedException',
  );
  assert.match(
    checkCreatePackage({ ModelPackageName: 'p', ModelApprovalStatus: 'Approved', InferenceSpecification: { Containers: [] } })
      ?.message ?? '',
    /versions/,
  );
  assert.equal(checkCreatePackage({ ModelPackageGroupName: 'g' }), undefined);
});

test('model data and evidence are found wherever the API allows them', () => {
  const prefix = { S3DataSource: { S3Uri: 's3://b/tree/', S3DataType: 'S3Prefix' as const, CompressionType: 'None' as const } };
  assert.deepEqual(artifactSources([{ Containers: [container, { Image: 'i', ModelDataSource: prefix }] }]), [
    { uri: 's3://b/j/output/model.tar.gz', form: 'object' },
    { uri: 's3://b/tree/', form: 'prefix' },
  ]);
  const report = (S3Uri: string) => ({ ContentType: 'application/json', S3Uri });
  assert.deepEqual(
    evidenceUris({
      ModelMetrics: { ModelQuality: { Statistics: report('s3://b/evaluation.json') } },
      DriftCheckBaselines: { Bias: { ConfigFile: { S3Uri: 's3://b/bias' } } },
    }),
    ['s3://b/evaluation.json', 's3://b/bias'],
  );
});

test('a new decision without a description does not keep the old words', () => {
  const before = version({ ModelApprovalStatus: 'Rejected', ApprovalDescription: 'too slow' });
  const approved = decideUpdate(before, { ModelPackageArn: 'a', ModelApprovalStatus: 'Approved' }, required);
  assert.equal(approved.rejection, undefined);
  assert.equal(!approved.rejection && approved.document.ApprovalDescription, undefined);
  const retold = decideUpdate(before, { ModelPackageArn: 'a', SourceUri: 's3://x' }, required);
  assert.equal(!retold.rejection && retold.document.ApprovalDescription, 'too slow');
});

test('what was approved cannot be exchanged behind the approval', () => {
  const change = { ModelPackageArn: 'a', InferenceSpecification: { Containers: [{ Image: 'other' }] } };
  const approved = version({ ModelApprovalStatus: 'Approved' });
  assert.match(decideUpdate(approved, change, required).rejection?.message ?? '', /is Approved/);
  assert.equal(
    decideUpdate(approved, { ...change, ModelApprovalStatus: 'PendingManualApproval' }, required).rejection,
    undefined,
  );
  assert.equal(decideUpdate(approved, change, { approvalRequired: false }).rejection, undefined);
  assert.equal(decideUpdate(version(), change, required).rejection, undefined);
});

test('metadata is merged, removed and bounded', () => {
  const before = version({ CustomerMetadataProperties: { a: '1', b: '2' } });
  const decision = decideUpdate(
    before,
    { ModelPackageArn: 'x', CustomerMetadataProperties: { c: '3' }, CustomerMetadataPropertiesToRemove: ['a'] },
    required,
  );
  assert.deepEqual(!decision.rejection && decision.document.CustomerMetadataProperties, { b: '2', c: '3' });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, 'v']));
  assert.match(
    decideUpdate(before, { ModelPackageArn: 'x', CustomerMetadataProperties: many }, required).rejection?.message ?? '',
    /at most 50/,
  );
});
