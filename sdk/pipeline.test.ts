import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadModel } from '../models/load.ts';
import { findKeyMember } from '../src/contract/properties.ts';
import { parseDefinition } from './definition/index.ts';
import type { Json } from './definition/language.ts';
import {
  booleanParameter,
  CallbackStep,
  ConditionStep,
  CleanupStep,
  currentItem,
  EndpointConfigStep,
  EndpointStep,
  equals,
  executionVariables,
  FailStep,
  floatParameter,
  ForEachStep,
  greaterThan,
  greaterThanOrEqualTo,
  integerParameter,
  isIn,
  join,
  jsonGet,
  LambdaStep,
  lessThan,
  lessThanOrEqualTo,
  ModelStep,
  not,
  or,
  Pipeline,
  ProcessingStep,
  placeAssets,
  RegisterModelStep,
  sklearnImage,
  stringParameter,
  TrainingStep,
  TransformStep,
  xgboost,
  xgboostImage,
} from './index.ts';
import { keyedMembers } from './properties.ts';

const bucket = 'sagemaker-us-east-1-123456789012';
const where = { region: 'us-east-1', bucket, role: 'arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole' };
const large = { instanceType: 'ml.m5.large' } as const;

/** The programs of tests/goldens/definitions/python/emit.py, whose definitions the Python SDK wrote, in TypeScript. */
const programs: Record<string, () => Pipeline> = {
  'seed-000': () => {
    const approval = stringParameter('ModelApprovalStatus', { defaultValue: 'PendingManualApproval' });
    const algorithm = xgboost('1.7-1', { objective: 'binary:logistic', num_round: 20, max_depth: 3 });
    const train = new TrainingStep('TrainModel', {
      ...algorithm,
      ...large,
      outputPath: `s3://${bucket}/models`,
      channels: { train: { source: `s3://${bucket}/clinical/train.csv`, contentType: 'text/csv' } },
    });
    const register = new RegisterModelStep('RegisterModel-RegisterModel', {
      image: algorithm.image,
      modelData: train.modelData,
      modelPackageGroupName: 'clinical-dropout-risk',
      approvalStatus: approval,
      contentTypes: ['text/csv'],
      responseTypes: ['text/csv'],
      inferenceInstanceTypes: ['ml.m5.large'],
      transformInstanceTypes: ['ml.m5.large'],
    });
    return new Pipeline('ClinicalRiskPipeline', { parameters: [approval], steps: [train, register] });
  },

  'seed-002': () => {
    const count = integerParameter('ProcessingInstanceCount', { defaultValue: 1 });
    const data = stringParameter('InputData', { defaultValue: `s3://${bucket}/my-input-data/` });
    const processing = { image: sklearnImage('0.23-1'), ...large };
    const prepare = new ProcessingStep('DataProcessing', {
      ...processing,
      instanceCount: count,
      code: 'preprocess.py',
      inputs: { 'input-1': { source: data, path: '/opt/ml/processing/input' } },
      outputs: { train: '/opt/ml/processing/train', validation: '/opt/ml/processing/validation' },
    });
    const train = new TrainingStep('ModelTraining', {
      ...xgboost('1.7-1', { objective: 'binary:logistic', num_round: 20 }),
      ...large,
      outputPath: `s3://${bucket}/models`,
      channels: { train: { source: prepare.outputs.train, contentType: 'text/csv' } },
    });
    const evaluate = new ProcessingStep('ModelEvaluation', {
      ...processing,
      code: 'evaluate.py',
      inputs: {
        'input-1': { source: train.modelData, path: '/opt/ml/processing/model' },
        'input-2': { source: prepare.outputs.validation, path: '/opt/ml/processing/validation' },
      },
      outputs: { evaluation: '/opt/ml/processing/evaluation' },
      propertyFiles: { EvaluationReport: { outputName: 'evaluation', path: 'evaluation.json' } },
    });
    const register = new RegisterModelStep('RegisterModel-RegisterModel', {
      image: xgboostImage('1.7-1'),
      modelData: train.modelData,
      environment: {},
      modelPackageGroupName: 'my-ml-group',
      contentTypes: ['text/csv'],
      responseTypes: ['text/csv'],
      inferenceInstanceTypes: ['ml.m5.large'],
      transformInstanceTypes: ['ml.m5.large'],
    });
    const check = new ConditionStep('CheckAccuracy', {
      conditions: [greaterThanOrEqualTo(jsonGet(evaluate, 'EvaluationReport', 'metrics.accuracy.value'), 0.8)],
      ifSteps: [register],
    });
    return new Pipeline('MyMLPipeline', { parameters: [count, data], steps: [prepare, train, evaluate, check] });
  },

  'every-executed-step': () => {
    const data = stringParameter('InputData', {
      defaultValue: `s3://${bucket}/in`,
      enumValues: [`s3://${bucket}/in`, 's3://other/in'],
    });
    const depth = integerParameter('MaxDepth', { defaultValue: 5 });
    const eta = floatParameter('Eta', { defaultValue: 0.3 });
    const verbose = booleanParameter('Verbose', { defaultValue: true });
    const owner = stringParameter('Owner');
    const cacheConfig = { enabled: true, expireAfter: 'P30D' };
    const prepare = new ProcessingStep('Preprocess', {
      displayName: 'Split the data',
      description: 'Splits the rows.',
      image: sklearnImage('1.2-1'),
      ...large,
      code: 'preprocess.py',
      arguments: ['--depth', depth, '--name', 'x'],
      environment: { OWNER: owner },
      inputs: { raw: { source: data, path: '/opt/ml/processing/input' } },
      outputs: {
        train: {
          path: '/opt/ml/processing/train',
          uri: join('/', ['s3:/', bucket, 'runs', executionVariables.pipelineExecutionId, 'train']),
        },
      },
      cacheConfig,
      retryPolicies: [
        {
          exceptionTypes: ['Step.SERVICE_FAULT', 'Step.THROTTLING'],
          backoffRate: 2,
          intervalSeconds: 10,
          maxAttempts: 3,
        },
        {
          exceptionTypes: ['SageMaker.RESOURCE_LIMIT', 'SageMaker.JOB_INTERNAL_ERROR'],
          backoffRate: 2,
          intervalSeconds: 60,
          expireAfterMin: 60,
        },
      ],
    });
    const train = new TrainingStep('Train', {
      image: sklearnImage('1.2-1'),
      ...large,
      script: 'train_sk.py',
      hyperParameters: { max_depth: depth, eta, verbose },
      metricDefinitions: { accuracy: 'accuracy=([0-9.]+)' },
      channels: { train: prepare.properties.ProcessingOutputConfig.Outputs.train.S3Output.S3Uri },
      dependsOn: [prepare],
      cacheConfig,
    });
    const evaluate = new ProcessingStep('Evaluate', {
      image: sklearnImage('0.23-1'),
      ...large,
      code: 'evaluate.py',
      inputs: { 'input-1': { source: train.modelData, path: '/opt/ml/processing/model' } },
      outputs: { evaluation: '/opt/ml/processing/evaluation' },
      propertyFiles: { Report: { outputName: 'evaluation', path: 'evaluation.json' } },
    });
    const create = new ModelStep('Risk-CreateModel', {
      image: xgboostImage('1.7-1'),
      modelData: train.modelData,
      environment: { RUN: executionVariables.pipelineExecutionId },
    });
    const fail = new FailStep('TooWeak', {
      errorMessage: join(' ', ['accuracy of', executionVariables.pipelineName, 'is below', eta]),
    });
    const accuracy = jsonGet(evaluate, 'Report', "metrics['accuracy'].values[0]");
    const inner = new ConditionStep('Inner', {
      conditions: [
        or(lessThan(accuracy, 1), equals(verbose, true)),
        not(isIn(owner, ['nobody', data])),
        lessThanOrEqualTo(depth, 10),
      ],
      ifSteps: [create],
    });
    const outer = new ConditionStep('Outer', {
      conditions: [greaterThan(accuracy, eta)],
      ifSteps: [inner],
      elseSteps: [fail],
      dependsOn: ['Train'],
    });
    const parameters = [data, depth, eta, verbose, owner];
    return new Pipeline('Everything', { parameters, steps: [prepare, train, evaluate, outer] });
  },

  'service-steps': () => {
    const rows = stringParameter('Rows', { defaultValue: `s3://${bucket}/rows` });
    const limit = integerParameter('Limit', { defaultValue: 10 });
    const transform = new TransformStep('Score', {
      modelName: 'risk',
      ...large,
      source: rows,
      contentType: 'text/csv',
      splitType: 'Line',
      outputPath: `s3://${bucket}/scores`,
      strategy: 'MultiRecord',
      assembleWith: 'Line',
      accept: 'text/csv',
      maxPayloadInMB: 6,
      maxConcurrentTransforms: 2,
      environment: { MODE: 'fast' },
      dataProcessing: { InputFilter: '$[1:]', JoinSource: 'Input' },
      cacheConfig: { enabled: true, expireAfter: 'P1D' },
    });
    const count = new LambdaStep('Count', {
      functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:count',
      inputs: { where: transform.properties.TransformOutput.S3OutputPath, limit, nested: { list: [1, true, 'x'] } },
      outputs: { rows: 'Integer', message: 'String' },
    });
    const ask = new CallbackStep('Ask', {
      queueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/q',
      inputs: { rows: count.outputs.rows },
      outputs: { agreed: 'Boolean' },
      displayName: 'Ask somebody',
    });
    const refused = new FailStep('Refused', { errorMessage: join(': ', ['refused', count.outputs.message]) });
    const check = new ConditionStep('Agreed', { conditions: [equals(ask.outputs.agreed, true)], elseSteps: [refused] });
    return new Pipeline('Services', { parameters: [rows, limit], steps: [transform, count, ask, check] });
  },
};

programs['v3/steps-of-v3'] = () => {
  const items = stringParameter('Items', { defaultValue: '["{\\"depth\\": 1}"]' });
  const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:score';
  const score = (name: string, inputs: object) => new LambdaStep(name, { functionArn, inputs, outputs: { score: 'Float' } });
  const prepare = score('Prepare', { all: currentItem, depth: currentItem.depth, name: currentItem['a name'] });
  const fit = score('Fit', { of: prepare.outputs.score });
  const each = new ForEachStep('Each', {
    items,
    maxConcurrency: 3,
    body: [prepare, fit],
    selector: { pick: 'MaxBy', field: fit.outputs.score },
    displayName: 'Every depth',
  });
  const body = [score('Other', { x: currentItem })];
  const fixed = new ForEachStep('Fixed', { items: ['a', items, 3], maxConcurrency: 50, body });
  const best = score('Best', {
    best: each.selected(fit.outputs.score),
    first: each.iteration(0, prepare.outputs.score),
    failed: each.counts.failed,
    status: each.status,
  });
  const tell = new CallbackStep('Tell', {
    queueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/q',
    inputs: { step: 'Best' },
    outputs: { seen: 'Boolean' },
    dependsOn: [
      { step: best, trigger: 'Failed' },
      { step: fixed, trigger: 'Any' },
    ],
  });
  const config = new EndpointConfigStep('Config', {
    endpointConfigName: join('-', ['risk', executionVariables.pipelineExecutionId]),
    variants: [{ modelName: 'risk', ...large }],
    dependsOn: [best],
  });
  const deploy = new EndpointStep('Deploy', {
    endpointName: 'risk',
    endpointConfigName: config.properties.EndpointConfigName,
  });
  return new Pipeline('Third', { parameters: [items], steps: [each, fixed, best, tell, config, deploy] });
};

/**
 * What may differ without a difference in meaning: where code is uploaded to, and the debugger and profiler settings that the Python SDK
 * adds to every training job unasked; what is null or an empty list of tags.
 */
function normalise(value: Json): Json {
  if (typeof value === 'string') return value.replace(/s3:\/\/[^"]*\/([\w.-]+\.(?:py|tar\.gz))/, 's3://code/$1');
  if (Array.isArray(value)) return value.map(normalise);
  if (typeof value !== 'object' || value === null) return value;
  const { DebugHookConfig, ProfilerConfig, ...rest } = value;
  const isNothing = (name: string, member: Json) =>
    member === null || (name === 'Tags' && Array.isArray(member) && member.length === 0);
  const members = Object.entries(rest).filter(([name, member]) => !isNothing(name, member));
  return Object.fromEntries(members.map(([name, member]) => [name, normalise(member)]));
}

for (const [name, program] of Object.entries(programs)) {
  test(`${name} means what the Python SDK writes for the same program`, () => {
    const path = name.includes('/') ? name : `newest/${name}`;
    const golden = new URL(`../tests/goldens/definitions/python/${path}.json`, import.meta.url);
    const compiled = program().compile(where);
    assert.deepEqual(
      normalise(compiled.definition as unknown as Json),
      normalise(JSON.parse(readFileSync(golden, 'utf8')) as Json),
    );
  });

  test(`${name} passes the checker`, () => {
    const parsed = parseDefinition(JSON.stringify(program().compile(where).definition));
    assert.deepEqual(parsed.problems ?? [], []);
    assert.ok(parsed.graph);
  });
}

test('compiling twice gives the same', () => {
  const program = programs['every-executed-step'];
  assert.deepEqual(program?.().compile(where), program?.().compile(where));
});

test('local files become assets, once each, and their digests become part of their place', () => {
  const pipeline = new Pipeline('P', {
    steps: [
      new ProcessingStep('A', {
        image: 'python:3.11',
        ...large,
        code: { folder: './scripts', entryPoint: 'a.py' },
        inputs: { rows: './rows.csv', far: 's3://b/k' },
      }),
      new TrainingStep('B', { image: 'x', ...large, script: { folder: './scripts', entryPoint: 'b.py' } }),
      new ProcessingStep('C', { image: 'python:3.11', ...large, code: { folder: './scripts', entryPoint: 'c.py' } }),
    ],
  });
  const compiled = pipeline.compile(where);
  const prefix = `s3://${bucket}/P/assets`;
  assert.deepEqual(compiled.assets, [
    { id: 'asset-1', path: './rows.csv', format: 'plain', uri: `${prefix}/{asset-1}/rows.csv` },
    { id: 'asset-2', path: './scripts', format: 'plain', uri: `${prefix}/{asset-2}/scripts` },
    { id: 'asset-3', path: './scripts', format: 'tar.gz', uri: `${prefix}/{asset-3}/sourcedir.tar.gz` },
  ]);
  const placed = placeAssets(compiled, { 'asset-1': 'aa', 'asset-2': 'bb', 'asset-3': 'cc' });
  assert.deepEqual(
    placed.uploads.map(({ uri }) => uri),
    [`${prefix}/aa/rows.csv`, `${prefix}/bb/scripts`, `${prefix}/cc/sourcedir.tar.gz`],
  );
  const text = JSON.stringify(placed.definition);
  assert.ok(!text.includes('{asset-'));
  assert.ok(text.includes(JSON.stringify(JSON.stringify(`${prefix}/cc/sourcedir.tar.gz`))));
  assert.deepEqual(
    placeAssets(compiled, { 'asset-2': 'bb' }).missing.map(({ id }) => id),
    ['asset-1', 'asset-3'],
  );
});

test('an expression in a template string becomes a join', () => {
  const name = stringParameter('Name');
  const step = new ProcessingStep('A', {
    image: 'python:3.11',
    ...large,
    inputs: { rows: `s3://${name}/x/${executionVariables.pipelineExecutionId}` },
    arguments: [`--depth=${integerParameter('Depth')}`],
    outputs: { out: '/o' },
  });
  const next = new ProcessingStep('B', { image: 'i', ...large, environment: { X: `${step.outputs.out}/f.json` } });
  const { definition, assets } = new Pipeline('P', { parameters: [name], steps: [step, next] }).compile(where);
  assert.deepEqual(assets, []);
  const text = JSON.stringify(definition);
  const source = ['s3://', { Get: 'Parameters.Name' }, '/x/', { Get: 'Execution.PipelineExecutionId' }];
  assert.ok(text.includes(`"S3Uri":${JSON.stringify({ 'Std:Join': { On: '', Values: source } })}`));
  assert.ok(text.includes(JSON.stringify({ 'Std:Join': { On: '', Values: ['--depth=', { Get: 'Parameters.Depth' }] } })));
  const output = { Get: "Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" };
  assert.ok(text.includes(JSON.stringify({ 'Std:Join': { On: '', Values: [output, '/f.json'] } })));
});

test('a Cleanup step waits for its sources; a property of no body step is refused by the checker', () => {
  const train = new TrainingStep('Train', { image: 'i', ...large });
  const prepare = new ProcessingStep('Prepare', { image: 'i', ...large, outputs: { rows: '/o' } });
  const clean = new CleanupStep('Clean', {
    sources: [train, { step: prepare, uris: [`${prepare.outputs.rows}/rows.csv`] }],
    dependsOn: [{ step: train, trigger: 'Any' }],
  });
  const { definition } = new Pipeline('P', { steps: [prepare, train, clean] }).compile(where);
  assert.deepEqual(definition.Steps[2]?.DependsOn, [{ Step: 'Train', Trigger: 'Any' }, 'Prepare']);
  assert.deepEqual(parseDefinition(definition).problems ?? [], []);
  const each = new ForEachStep('Each', { items: ['a'], maxConcurrency: 1, body: [train] });
  const wrong = new FailStep('F', { errorMessage: each.iteration(0, prepare.properties.ProcessingJobName) });
  const { problems } = parseDefinition(new Pipeline('P', { steps: [prepare, each, wrong] }).compile(where).definition);
  assert.match(problems![0]!.message, /A ForEach step has no property '\(no property of its body/);
});

test('the request option is laid over the rest, in the words of the API', () => {
  const step = new TrainingStep('T', {
    image: 'i',
    ...large,
    request: {
      ResourceConfig: { KeepAlivePeriodInSeconds: 60 },
      EnableNetworkIsolation: true,
      VpcConfig: { Subnets: ['s'] },
    },
  });
  const { definition } = new Pipeline('P', { steps: [step] }).compile(where);
  const args = definition.Steps[0]?.Arguments as Record<string, unknown>;
  assert.deepEqual(args.ResourceConfig, {
    VolumeSizeInGB: 30,
    InstanceCount: 1,
    InstanceType: 'ml.m5.large',
    KeepAlivePeriodInSeconds: 60,
  });
  assert.equal(args.EnableNetworkIsolation, true);
});

test('images have the addresses of their region', () => {
  assert.equal(xgboostImage('1.7-1').uri('eu-west-1'), '141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1');
  assert.equal(
    sklearnImage('1.2-1').uri('cn-north-1'),
    '450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-scikit-learn:1.2-1-cpu-py3',
  );
});

test('members reached by keys are those the API names by keys, in every answer a step can refer to', () => {
  const model = loadModel('sagemaker');
  const roots = ['Processing', 'Training', 'Transform'].map((job) => `Describe${job}Job`);
  roots.push('DescribeModel', 'DescribeModelPackage', 'DescribeEndpointConfig', 'DescribeEndpoint');
  const pending = roots.map((name) => model.operations[name]?.output?.shape ?? '');
  const seen = new Set<string>();
  const keyed = new Set<string>();
  const plain = new Set<string>();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const shape = model.shapes[name];
    for (const [member, ref] of Object.entries(shape?.members ?? {})) {
      const target = model.shapes[ref.shape];
      const isKeyed = target?.type === 'map' || (target?.type === 'list' && findKeyMember(model, target) !== undefined);
      if (isKeyed) keyed.add(member);
      else if (target?.type === 'structure') plain.add(member);
    }
    for (const ref of [...Object.values(shape?.members ?? {}), shape?.member, shape?.value]) if (ref) pending.push(ref.shape);
  }
  assert.deepEqual([...keyed].sort(), [...keyedMembers].sort());
  assert.deepEqual(
    [...plain].filter((member) => keyedMembers.has(member)),
    [],
  );
});
