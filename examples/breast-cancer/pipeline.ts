import {
  ConditionStep,
  executionVariables,
  floatParameter,
  greaterThanOrEqualTo,
  integerParameter,
  jsonGet,
  Pipeline,
  ProcessingStep,
  RegisterModelStep,
  sklearnImage,
  stringParameter,
  TrainingStep,
  xgboostImage,
} from '@slipway/sdk';

/** From raw biopsy measurements to a registered model, if it is good enough. */
const threshold = floatParameter('AccuracyThreshold', { defaultValue: 0.8 });
const rounds = integerParameter('NumRound', { defaultValue: 60 });
const approval = stringParameter('ModelApprovalStatus', {
  defaultValue: 'PendingManualApproval',
  enumValues: ['PendingManualApproval', 'Approved', 'Rejected'],
});

/** A step whose code, inputs and arguments have not changed takes its earlier result. */
const cacheConfig = { enabled: true, expireAfter: 'P30D' };
const sklearn = { image: sklearnImage('1.2-1'), instanceType: 'ml.m5.large', cacheConfig };

const ingest = new ProcessingStep('Ingest', {
  ...sklearn,
  code: 'scripts/ingest.py',
  outputs: { raw: '/opt/ml/processing/output' },
});

const preprocess = new ProcessingStep('Preprocess', {
  ...sklearn,
  code: 'scripts/preprocess.py',
  inputs: { raw: { source: ingest.outputs.raw, path: '/opt/ml/processing/input' } },
  outputs: {
    train: '/opt/ml/processing/output/train',
    validation: '/opt/ml/processing/output/validation',
    test: '/opt/ml/processing/output/test',
  },
});

const train = new TrainingStep('Train', {
  image: xgboostImage('1.7-1'),
  instanceType: 'ml.m5.large',
  cacheConfig,
  script: { folder: 'scripts', entryPoint: 'train.py' },
  channels: {
    train: { source: preprocess.outputs.train, contentType: 'text/csv' },
    validation: { source: preprocess.outputs.validation, contentType: 'text/csv' },
  },
  hyperParameters: { 'num-round': rounds, 'max-depth': 4, eta: 0.2 },
  metricDefinitions: {
    'train:logloss': '.*\\[[0-9]+\\].*train-logloss:(\\S+)',
    'validation:logloss': '.*\\[[0-9]+\\].*validation-logloss:(\\S+)',
    'validation:auc': '.*\\[[0-9]+\\].*validation-auc:(\\S+)',
  },
});

const evaluate = new ProcessingStep('Evaluate', {
  image: xgboostImage('1.7-1'),
  instanceType: 'ml.m5.large',
  cacheConfig,
  code: 'scripts/evaluate.py',
  inputs: {
    model: { source: train.modelData, path: '/opt/ml/processing/model' },
    test: { source: preprocess.outputs.test, path: '/opt/ml/processing/test' },
  },
  outputs: { evaluation: '/opt/ml/processing/evaluation' },
  propertyFiles: { EvaluationReport: { outputName: 'evaluation', path: 'evaluation.json' } },
});

const register = new RegisterModelStep('Register', {
  modelPackageGroupName: 'breast-cancer',
  approvalStatus: approval,
  image: xgboostImage('1.7-1'),
  modelData: train.modelData,
  contentTypes: ['text/csv'],
  responseTypes: ['text/csv'],
  inferenceInstanceTypes: ['ml.m5.large'],
  transformInstanceTypes: ['ml.m5.large'],
  modelMetrics: {
    ModelQuality: {
      Statistics: { ContentType: 'application/json', S3Uri: `${evaluate.outputs.evaluation}/evaluation.json` },
    },
  },
  customerMetadata: { execution: executionVariables.pipelineExecutionId },
});

const goodEnough = new ConditionStep('GoodEnough', {
  conditions: [greaterThanOrEqualTo(jsonGet(evaluate, 'EvaluationReport', 'metrics.accuracy.value'), threshold)],
  ifSteps: [register],
});

export const pipeline = new Pipeline('breast-cancer', {
  description: 'Gradient-boosted trees on the breast-cancer data that comes with scikit-learn.',
  parameters: [threshold, rounds, approval],
  steps: [ingest, preprocess, train, evaluate, goodEnough],
});
