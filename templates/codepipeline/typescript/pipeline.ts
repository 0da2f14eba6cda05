import { readFileSync } from 'node:fs';
import {
  ConditionStep,
  executionVariables,
  FailStep,
  greaterThanOrEqualTo,
  integerParameter,
  join,
  jsonGet,
  type MetricRule,
  Pipeline,
  ProcessingStep,
  ProductionComparison,
  registerByRule,
  sklearnImage,
  stringParameter,
  TrainingStep,
  xgboostImage,
} from '@slipway/sdk';

/** From raw data to a registered model version, if it is good enough and better than the one in production. */
const read = (name: string) => JSON.parse(readFileSync(new URL(`config/${name}.json`, import.meta.url), 'utf8'));
const parameters = read('parameters') as Record<string, number> & { comparedMetric: string };
const environments = read('environments');
const rule = read('approval-rule') as MetricRule;

const attempt = integerParameter('RetrainAttempt', { defaultValue: 0 });
const commit = stringParameter('CommitId', { defaultValue: 'none' });
const cacheConfig = { enabled: true, expireAfter: 'P30D' };
const instanceType = 'ml.m5.large';

const preprocess = new ProcessingStep('Preprocess', {
  image: sklearnImage('1.2-1'),
  instanceType,
  cacheConfig,
  code: 'preprocessing.py',
  arguments: ['--test-fraction', parameters.testFraction ?? 0.2, '--seed', parameters.seed ?? 7],
  outputs: {
    train: '/opt/ml/processing/output/train',
    validation: '/opt/ml/processing/output/validation',
    test: '/opt/ml/processing/output/test',
  },
});

const train = new TrainingStep('Train', {
  image: xgboostImage('1.7-1'),
  instanceType,
  cacheConfig,
  script: 'train.py',
  channels: {
    train: { source: preprocess.outputs.train, contentType: 'text/csv' },
    validation: { source: preprocess.outputs.validation, contentType: 'text/csv' },
  },
  hyperParameters: {
    'num-round': parameters.numRound ?? 10,
    'max-depth': parameters.maxDepth ?? 3,
    eta: parameters.eta ?? 0.3,
    seed: attempt,
  },
  metricDefinitions: { 'validation:auc': '.*\\[[0-9]+\\].*validation-auc:(\\S+)' },
});

const evaluate = new ProcessingStep('Evaluate', {
  image: xgboostImage('1.7-1'),
  instanceType,
  cacheConfig,
  code: 'evaluate.py',
  inputs: {
    model: { source: train.modelData, path: '/opt/ml/processing/model' },
    test: { source: preprocess.outputs.test, path: '/opt/ml/processing/test' },
  },
  outputs: { evaluation: '/opt/ml/processing/evaluation' },
  propertyFiles: { Report: { outputName: 'evaluation', path: 'evaluation.json' } },
});

const compare = new ProductionComparison('CompareWithProduction', {
  image: xgboostImage('1.7-1'),
  instanceType,
  endpoint: environments.environments.production.endpoint,
  candidate: evaluate.outputs.evaluation,
  test: preprocess.outputs.test,
  metric: parameters.comparedMetric,
});

const register = registerByRule('Register', {
  rule,
  report: { step: evaluate, propertyFile: 'Report' },
  modelPackageGroupName: environments.modelPackageGroup,
  image: xgboostImage('1.7-1'),
  modelData: train.modelData,
  contentTypes: ['text/csv'],
  responseTypes: ['text/csv'],
  inferenceInstanceTypes: [instanceType],
  transformInstanceTypes: [instanceType],
  modelMetrics: {
    ModelQuality: { Statistics: { ContentType: 'application/json', S3Uri: `${evaluate.outputs.evaluation}/evaluation.json` } },
  },
  customerMetadata: { CommitId: commit, RetrainAttempt: attempt, Execution: executionVariables.pipelineExecutionId },
});

const stop = new FailStep('NotGoodEnough', {
  errorMessage: join(' ', [
    'RetrainAttempt',
    attempt,
    'has accuracy',
    jsonGet(evaluate, 'Report', 'metrics.accuracy.value'),
    `(at least ${parameters.minimumAccuracy}); against production:`,
    jsonGet(compare, 'Comparison', 'verdict'),
    'with',
    jsonGet(compare, 'Comparison', 'candidate'),
  ]),
});

const gate = new ConditionStep('GoodEnough', {
  conditions: [
    greaterThanOrEqualTo(jsonGet(evaluate, 'Report', 'metrics.accuracy.value'), parameters.minimumAccuracy ?? 0),
    compare.deploys,
  ],
  ifSteps: register,
  elseSteps: [stop],
});

export const pipeline = new Pipeline(environments.project, {
  description: 'From raw data to a registered model version, if it is better than the one in production.',
  parameters: [attempt, commit],
  steps: [preprocess, train, evaluate, compare, gate],
});
