import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadModel } from '../../models/load.ts';
import { describedShapes, findKeyMember, findProperty, parsePropertyPath } from './properties.ts';

const model = loadModel('sagemaker');

test('paths are read in all their forms', () => {
  assert.deepEqual(parsePropertyPath("A.B['x.y'][3].C"), [
    { member: 'A' },
    { member: 'B' },
    { key: 'x.y' },
    { index: 3 },
    { member: 'C' },
  ]);
  for (const text of ['', '.A', 'A.', 'A..B', 'A[', 'A[x]', "A['x]", 'A B', 'A[-1]']) {
    assert.equal(parsePropertyPath(text), undefined, text);
  }
});

test('properties that pipelines use are found', () => {
  const found = [
    ['DescribeTrainingJobResponse', 'ModelArtifacts.S3ModelArtifacts', 'string'],
    ['DescribeTrainingJobResponse', "FinalMetricDataList['validation:auc'].Value", 'float'],
    ['DescribeTrainingJobResponse', "HyperParameters['max_depth']", 'string'],
    ['DescribeProcessingJobResponse', "ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri", 'string'],
    ['DescribeProcessingJobResponse', "ProcessingInputs['code'].S3Input.S3Uri", 'string'],
    ['DescribeProcessingJobResponse', 'ProcessingOutputConfig.Outputs[0].OutputName', 'string'],
    ['DescribeModelOutput', 'PrimaryContainer', 'structure'],
  ] as const;
  for (const [shape, path, type] of found) {
    const lookup = findProperty(model, shape, path);
    assert.equal(lookup.outcome === 'found' ? lookup.shape.type : lookup.reason, type, path);
  }
});

test('a wrong name is reported with the names that would be right', () => {
  const lookup = findProperty(model, 'DescribeProcessingJobResponse', "ProcessingOutputConfig.Outputs['train'].S3OutputLocation");
  assert.deepEqual(lookup, {
    outcome: 'wrong',
    reached: "ProcessingOutputConfig.Outputs['train']",
    part: 'S3OutputLocation',
    reason: 'is no member here',
    possible: ['OutputName', 'S3Output', 'FeatureStoreOutput', 'AppManaged'],
  });
});

test('steps that do not fit what they are asked of are reported', () => {
  const reasons = [
    ['TrainingJobName.Length', 'is asked of a string, which has no members'],
    ["ModelArtifacts['S3ModelArtifacts']", 'looks for an entry by name in a structure: write .S3ModelArtifacts'],
    ["SecondaryStatusTransitions['x']", 'looks for an element by name, but the elements of this list have none: use a position'],
    ['ModelArtifacts[0]', 'is asked of a structure, which has no elements'],
  ] as const;
  for (const [path, reason] of reasons) {
    const lookup = findProperty(model, 'DescribeTrainingJobResponse', path);
    assert.equal(lookup.outcome === 'wrong' ? lookup.reason : 'found', reason, path);
  }
});

test('lists of processing inputs and outputs are keyed by their names', () => {
  assert.equal(findKeyMember(model, model.shapes.ProcessingOutputs ?? { type: 'list' }), 'OutputName');
  assert.equal(findKeyMember(model, model.shapes.ProcessingInputs ?? { type: 'list' }), 'InputName');
});

test('the answers that step types are described by exist', () => {
  for (const shape of Object.values(describedShapes)) assert.ok(model.shapes[shape], shape);
});
