import {
  integerParameter,
  LambdaStep,
  ModelStep,
  Pipeline,
  ProcessingStep,
  sklearnImage,
  stringParameter,
  TrainingStep,
  TransformStep,
  xgboost,
  xgboostImage,
} from '@slipway/sdk';

/** The pipeline of `../seeds/abalone`, authored in TypeScript: the same definition in meaning. */
const account = '123456789012';
const bucket = `sagemaker-us-east-1-${account}`;
const processingInstanceCount = integerParameter('ProcessingInstanceCount', { defaultValue: 1 });
const trainingInstanceCount = integerParameter('TrainingInstanceCount', { defaultValue: 1 });
const approval = stringParameter('ModelApprovalStatus', { defaultValue: 'PendingManualApproval' });
const inputData = stringParameter('InputData', { defaultValue: `s3://${bucket}/abalone/abalone.csv` });

const abalone = new ProcessingStep('AbaloneProcess', {
  image: sklearnImage('0.23-1'),
  instanceType: 'ml.m5.xlarge',
  instanceCount: processingInstanceCount,
  code: '../seeds/abalone/preprocessing.py',
  inputs: { 'input-1': { source: inputData, path: '/opt/ml/processing/input' } },
  outputs: {
    train: '/opt/ml/processing/train',
    validation: '/opt/ml/processing/validation',
    test: '/opt/ml/processing/test',
  },
});

const train = new TrainingStep('AbaloneTrain', {
  image: xgboostImage('1.0-1'),
  instanceType: 'ml.m5.xlarge',
  instanceCount: trainingInstanceCount,
  outputPath: `s3://${bucket}/AbaloneTrain`,
  hyperParameters: {
    ...xgboost('1.0-1', {
      objective: 'reg:linear',
      num_round: 50,
      max_depth: 5,
      eta: 0.2,
      gamma: 4,
      min_child_weight: 6,
      subsample: 0.7,
    }).hyperParameters,
    silent: 0, // legal in this version, and gone from later ones
  },
  channels: {
    train: { source: abalone.outputs.train, contentType: 'text/csv' },
    validation: { source: abalone.outputs.validation, contentType: 'text/csv' },
  },
});

const model = new ModelStep('AbaloneCreateModel', { image: xgboostImage('1.0-1'), modelData: train.modelData });

const transform = new TransformStep('AbaloneTransform', {
  modelName: model.properties.ModelName,
  source: abalone.outputs.test,
  outputPath: `s3://${bucket}/AbaloneTransform`,
  instanceType: 'ml.m5.xlarge',
  contentType: 'text/csv',
  splitType: 'Line',
  strategy: 'MultiRecord',
  accept: 'text/csv',
  assembleWith: 'Line',
  dataProcessing: { InputFilter: '$[1:]', JoinSource: 'Input', OutputFilter: '$[0,-1]' },
});

const record = new LambdaStep('LambdaRecordModelNameToParameterStore', {
  functionArn: `arn:aws:lambda:us-east-1:${account}:function:RecordModelName`,
  inputs: { model_name: model.properties.ModelName },
  outputs: { recorded_name: 'String' },
});

export const pipeline = new Pipeline('AbalonePipelineTestPrintName', {
  parameters: [processingInstanceCount, trainingInstanceCount, approval, inputData],
  steps: [abalone, train, model, transform, record],
});
