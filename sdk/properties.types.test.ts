import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Expression, jsonGet, ModelStep, ProcessingStep, RegisterModelStep, TrainingStep } from './index.ts';

/**
 * The type check is the test: each line marked `@ts-expect-error` must not compile, and `tsc` refuses a mark without an error.
 */
const process = new ProcessingStep('P', {
  image: 'i',
  instanceType: 'ml.m5.large',
  outputs: { train: '/o/train', report: '/o/report' },
  propertyFiles: { Report: { outputName: 'report', path: 'r.json' } },
});
const train = new TrainingStep('T', { image: 'i', instanceType: 'ml.m5.large' });
const model = new ModelStep('M', { image: 'i', modelData: train.modelData });
const register = new RegisterModelStep('R', {
  image: 'i',
  modelData: train.modelData,
  modelPackageGroupName: 'g',
  contentTypes: ['text/csv'],
  responseTypes: ['text/csv'],
});

/** Never called: only compiled. */
export function mustNotCompile(): unknown[] {
  return [
    // @ts-expect-error no such member of DescribeTrainingJob
    train.properties.ModelArtifacts.S3ModelArtefacts,
    // @ts-expect-error the member of the model is S3Output.S3Uri
    process.properties.ProcessingOutputConfig.Outputs.train.S3OutputLocation,
    // @ts-expect-error no such output
    process.properties.ProcessingOutputConfig.Outputs.trian,
    // @ts-expect-error no such output
    process.outputs.validation,
    // @ts-expect-error no such property file
    jsonGet(process, 'Reprot', 'a'),
    // @ts-expect-error a step without property files
    jsonGet(new ProcessingStep('Q', { image: 'i', instanceType: 'ml.m5.large' }), 'Report', 'a'),
    new ProcessingStep('Q', {
      image: 'i',
      instanceType: 'x',
      outputs: { a: '/a' },
      // @ts-expect-error a property file in no output
      propertyFiles: { F: { outputName: 'b', path: 'f' } },
    }),
    // @ts-expect-error no such member of DescribeModel
    model.properties.ModelUrl,
    // @ts-expect-error no such member of DescribeModelPackage
    register.properties.PackageArn,
    // @ts-expect-error a number is no S3 URI
    new ModelStep('N', { image: 'i', modelData: train.properties.ResourceConfig.InstanceCount }),
    // @ts-expect-error no such member of CreateTrainingJob
    new TrainingStep('N', { image: 'i', instanceType: 'x', request: { Tagz: [] } }),
  ];
}

test('properties that exist have the type of the API', () => {
  const uris: Expression<string>[] = [
    train.modelData,
    train.properties.ModelArtifacts.S3ModelArtifacts,
    process.outputs.train,
    process.properties.ProcessingOutputConfig.Outputs.report.S3Output.S3Uri,
    model.properties.ModelName,
    register.properties.ModelPackageArn,
  ];
  const count: Expression<number> = train.properties.ResourceConfig.InstanceCount;
  const metric: Expression<number> | undefined = train.properties.FinalMetricDataList['auc']?.Value;
  const second: Expression<string> | undefined = train.properties.SecondaryStatusTransitions[1]?.StatusMessage;
  const rendered = [...uris, count, metric, second].map((expression) => `${expression}`.slice(1, -1));
  assert.deepEqual(rendered, [
    '{"Get":"Steps.T.ModelArtifacts.S3ModelArtifacts"}',
    '{"Get":"Steps.T.ModelArtifacts.S3ModelArtifacts"}',
    '{"Get":"Steps.P.ProcessingOutputConfig.Outputs[\'train\'].S3Output.S3Uri"}',
    '{"Get":"Steps.P.ProcessingOutputConfig.Outputs[\'report\'].S3Output.S3Uri"}',
    '{"Get":"Steps.M.ModelName"}',
    '{"Get":"Steps.R.ModelPackageArn"}',
    '{"Get":"Steps.T.ResourceConfig.InstanceCount"}',
    '{"Get":"Steps.T.FinalMetricDataList[\'auc\'].Value"}',
    '{"Get":"Steps.T.SecondaryStatusTransitions[1].StatusMessage"}',
  ]);
});
