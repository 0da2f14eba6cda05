import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, processing, start, steps, world } from '../../../tests/pipelines/programs.ts';
import { scientist } from '../../../tests/pipelines/world.ts';

test('a version is registered Approved only for one who may approve', async () => {
  const at = await world();
  const register = {
    Name: 'R',
    Type: 'RegisterModel',
    Arguments: { ModelPackageGroupName: 'g', ModelApprovalStatus: 'Approved' },
  };
  await create(at, [register]);
  const allowed = { Effect: 'Allow' as const, Action: 'sagemaker:*', Resource: '*' };
  at.policies.set('scientist', [
    { Statement: [allowed, { Effect: 'Deny', Action: 'sagemaker:UpdateModelPackage', Resource: '*' }] },
  ]);
  const denied = await start(at, {}, scientist);
  assert.match(
    (await steps(at, denied))[0]!.FailureReason!,
    /only if whoever started the execution may approve.*scientist is not authorized to perform: sagemaker:UpdateModelPackage.*PendingManualApproval/,
  );
  assert.equal(at.packages.length, 0);
  const ledger = await at.store.ledger({ afterSequence: 0, limit: 100 });
  assert.ok(
    ledger.some(
      ({ entry }) =>
        entry.outcome === 'denied' && entry.action === 'sagemaker:UpdateModelPackage' && entry.actor === scientist.arn,
    ),
  );
  const granted = await start(at);
  assert.equal((await describe(at, granted)).PipelineExecutionStatus, 'Succeeded');
  assert.equal(at.packages.length, 1);
});

test('the right to approve is asked for the group itself, also when the step names it by its ARN', async () => {
  const at = await world();
  const group = `arn:aws:sagemaker:us-east-1:123456789012:model-package-group/prod`;
  at.groups.add(group);
  await create(at, [
    { Name: 'R', Type: 'RegisterModel', Arguments: { ModelPackageGroupName: group, ModelApprovalStatus: 'Approved' } },
  ]);
  at.policies.set('scientist', [
    {
      Statement: [
        { Effect: 'Allow', Action: 'sagemaker:*', Resource: '*' },
        { Effect: 'Deny', Action: 'sagemaker:UpdateModelPackage', Resource: 'arn:aws:sagemaker:*:*:model-package/prod/*' },
      ],
    },
  ]);
  const denied = await start(at, {}, scientist);
  assert.match((await steps(at, denied))[0]!.FailureReason!, /resource: \S+:model-package\/prod\/\* with an explicit deny/);
  assert.equal(at.packages.length, 0);
});

test("the calls of an execution are those of the pipeline's role", async () => {
  const at = await world();
  await create(at, [processing('A')]);
  at.policies.set('SageMakerPipelineExecutionRole', []);
  const arn = await start(at);
  assert.match(
    (await steps(at, arn))[0]!.FailureReason!,
    /assumed-role\/SageMakerPipelineExecutionRole\/pipelines-[a-z0-9]{12} is not authorized to perform: sagemaker:CreateProcessingJob/,
  );
});
