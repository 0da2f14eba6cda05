import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadModel } from '../../../models/load.ts';
import { type Json, parseDefinition } from '../../../sdk/definition/index.ts';
import { checkOptionsOf } from './check-options.ts';

const model = loadModel('sagemaker');
const options = checkOptionsOf(() => model);

const problems = (steps: Json[]) =>
  (parseDefinition({ Version: '2020-12-01', Steps: steps }, options).problems ?? []).map(
    ({ path, message }) => `${path}: ${message}`,
  );

test('what the Python SDK emits is right by the API model', () => {
  const folder = new URL('../../../tests/goldens/definitions/python/', import.meta.url).pathname;
  const files = globSync('*/*.json', { cwd: folder });
  assert.ok(files.length >= 8);
  for (const file of files)
    assert.deepEqual(parseDefinition(readFileSync(`${folder}${file}`, 'utf8'), options).problems, undefined, file);
});

test('misspelled, missing and mistyped arguments are told with their place', () => {
  const step = (given: Json) => ({ Name: 'A', Type: 'Processing', Arguments: given });
  const right = {
    AppSpecification: { ImageUri: { Get: 'Execution.PipelineName' }, ContainerArguments: ['--x'] },
    RoleArn: 'arn:aws:iam::123456789012:role/R',
    ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } },
    NetworkConfig: null,
  };
  assert.deepEqual(problems([step(right)]), []);
  const { RoleArn: _role, ...wrong } = right;
  assert.deepEqual(
    problems([
      step({
        ...wrong,
        AppSpecification: { ImageUrl: 'x', ContainerArguments: ['--x', 5] },
        ProcessingResources: { ClusterConfig: { ...right.ProcessingResources.ClusterConfig, InstanceCount: '1' } },
        Environment: { A: true },
      }),
    ]),
    [
      "Steps[0].Arguments.AppSpecification.ImageUrl: Cannot parse object, unknown property 'ImageUrl' in AppSpecification. Remove it. Did you mean 'ImageUri'?",
      'Steps[0].Arguments.AppSpecification.ContainerArguments[1]: A string is expected here, but it is an integer.',
      "Steps[0].Arguments.AppSpecification: 'ImageUri' is required in AppSpecification. Add it.",
      'Steps[0].Arguments.ProcessingResources.ClusterConfig.InstanceCount: An integer is expected here, but it is a string.',
      'Steps[0].Arguments.Environment.A: A string is expected here, but it is a boolean.',
      "Steps[0].Arguments: 'RoleArn' is required in the arguments. Add it.",
    ],
  );
});

test('a property that does not exist is told with what would be right', () => {
  const given = { PrimaryContainer: { Image: { Get: 'Steps.B.PrimaryContainer.Imag' } } };
  const [found, ...rest] = problems([
    { Name: 'A', Type: 'Model', Arguments: given },
    { Name: 'B', Type: 'Model', Arguments: {} },
  ]);
  assert.deepEqual(rest, []);
  assert.match(
    found ?? '',
    /^Steps\[0\]\.Arguments\.PrimaryContainer\.Image: A Model step has no property 'PrimaryContainer\.Imag' .*Did you mean 'Image'/,
  );
});
