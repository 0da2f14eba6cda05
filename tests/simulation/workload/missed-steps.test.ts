import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missedSteps } from './missed-steps.ts';

const ARN = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/Group-a/1';
const failed = (StepName: string, FailureReason: string) => ({ StepName, StepStatus: 'Failed', FailureReason });

test('a step that failed over a package is excused by the deletion of that very package', () => {
  const steps = [
    failed('Register', `ClientError: ModelPackage ${ARN.toLowerCase()} does not exist.`),
    failed('Other', `ClientError: ModelPackage ${ARN}0 does not exist.`),
    { StepName: 'Well', StepStatus: 'Succeeded' },
  ];
  assert.deepEqual([...missedSteps(steps, { packages: [ARN], rounds: 0 })], ['Register']);
  assert.deepEqual([...missedSteps(steps, { packages: [], rounds: 0 })], [], 'nobody asked for it');
});

test('an endpoint that cannot be updated since it failed was left so by an earlier round', () => {
  const steps = [failed('Deploy', 'ClientError: Cannot update failed endpoint "e".'), failed('Job', 'AlgorithmError: no')];
  assert.deepEqual([...missedSteps(steps, { packages: [], rounds: 1 })], ['Deploy']);
  assert.deepEqual([...missedSteps(steps, { packages: [], rounds: 0 })], [], 'there was none');
});
