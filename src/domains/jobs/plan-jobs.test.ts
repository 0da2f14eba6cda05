import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import { processingCommand, processingFiles } from './plan-processing.ts';
import { artifactUris, isBuiltInXgboost, trainingCommand, trainingFiles } from './plan-training.ts';
import type { ProcessingJobDocument, TrainingJobDocument } from './resources.ts';

const IMAGE = { image: 'sagemaker-xgboost:1.7-1', trainCommand: ['train'] } as unknown as ResolvedImage;
const PYTHON = { image: 'python:3.11' } as ResolvedImage;

const training = (more: object = {}): TrainingJobDocument => ({
  name: 'job',
  arn: 'arn:job',
  status: 'InProgress',
  secondaryStatus: 'Starting',
  transitions: [],
  createdAtMs: 1,
  modifiedAtMs: 1,
  workId: 'w',
  requestId: 'r',
  request: {
    TrainingJobName: 'job',
    RoleArn: 'role',
    OutputDataConfig: { S3OutputPath: 's3://b/out/' },
    ResourceConfig: { InstanceType: 'ml.m5.large' },
    ...more,
  },
});

test("the training command: the image's own, or Docker's overrides", () => {
  const command = (specification: object, image = IMAGE) =>
    trainingCommand(training({ AlgorithmSpecification: specification }).request, image);
  assert.deepEqual(command({}), ['train']);
  assert.deepEqual(command({ ContainerEntrypoint: ['a', 'b'] }), ['a', 'b']);
  assert.deepEqual(command({ ContainerEntrypoint: ['a'], ContainerArguments: ['c'] }), ['a', 'c']);
  assert.ok('problem' in command({}, PYTHON));
});

test('the processing command: entry point then arguments, either alone', () => {
  const command = (specification: object) =>
    processingCommand(
      { AppSpecification: { ImageUri: 'x', ...specification } } as unknown as ProcessingJobDocument['request'],
      PYTHON,
    );
  assert.deepEqual(command({ ContainerEntrypoint: ['python3', 'x.py'], ContainerArguments: ['--a'] }), [
    'python3',
    'x.py',
    '--a',
  ]);
  assert.deepEqual(command({ ContainerArguments: ['ls'] }), ['ls']);
  assert.ok('problem' in command({}));
});

const ALONE = { current: 'algo-1', all: ['algo-1'] };

test("configuration files are those of AWS's contract", () => {
  const files = Object.fromEntries(
    trainingFiles(
      training({
        HyperParameters: { depth: '5' },
        AlgorithmSpecification: { TrainingInputMode: 'FastFile' },
        InputDataConfig: [{ ChannelName: 'train', DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://b/x' } } }],
      }),
      ALONE,
    ).map(({ path, text }) => [path, JSON.parse(text)]),
  );
  assert.deepEqual(files['/opt/ml/input/config/hyperparameters.json'], { depth: '5' });
  assert.deepEqual(files['/opt/ml/input/config/inputdataconfig.json'], {
    train: { TrainingInputMode: 'FastFile', S3DistributionType: 'FullyReplicated', RecordWrapperType: 'None' },
  });
  const resources = files['/opt/ml/input/config/resourceconfig.json'];
  assert.deepEqual(
    [resources.current_host, resources.hosts, resources.current_instance_type],
    ['algo-1', ['algo-1'], 'ml.m5.large'],
  );
  const echoed = processingFiles(
    {
      name: 'p',
      arn: 'arn:p',
      request: {
        AppSpecification: { ImageUri: 'python' },
        ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large' } },
        RoleArn: 'role',
      },
    } as unknown as ProcessingJobDocument,
    ALONE,
  );
  const config = JSON.parse(echoed[0]?.text ?? '');
  assert.deepEqual(config.AppSpecification, { ImageUri: 'python', ContainerEntrypoint: null, ContainerArguments: null });
  assert.deepEqual([config.ProcessingJobName, config.Environment, config.ProcessingInputs], ['p', {}, []]);
});

test("artefacts lie below the job's name, as an archive or as files", () => {
  assert.deepEqual(artifactUris(training()), {
    model: 's3://b/out/job/output/model.tar.gz',
    data: 's3://b/out/job/output/output.tar.gz',
  });
  const plain = training({ OutputDataConfig: { S3OutputPath: 's3://b', CompressionType: 'NONE' } });
  assert.equal(artifactUris(plain).model, 's3://b/job/output/model/');
});

test('XGBoost is built in unless a script or an entry point is named', () => {
  assert.ok(isBuiltInXgboost(training().request, 'xgboost'));
  assert.ok(!isBuiltInXgboost(training({ HyperParameters: { sagemaker_program: '"t.py"' } }).request, 'xgboost'));
  assert.ok(!isBuiltInXgboost(training().request, 'python'));
});
