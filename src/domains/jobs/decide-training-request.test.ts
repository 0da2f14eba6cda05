import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, CreateTrainingJobRequest } from '../../contract/generated/sagemaker.ts';
import { checkTrainingRequest, trainingChannels } from './decide-training-request.ts';
import { channel, trainingJob } from './jobs-rig.ts';

const SOURCE = channel('train', 's3://b/x/');
const withSource = (more: object, channelMore: Partial<Channel> = {}): Channel => ({
  ...SOURCE,
  ...channelMore,
  DataSource: { S3DataSource: { ...SOURCE.DataSource.S3DataSource, ...more } },
});
const request = (train: Channel, more: Partial<CreateTrainingJobRequest> = {}) =>
  trainingJob('j', { InputDataConfig: [train], ...more });

test('what AWS offers in one input mode only is refused in the others', () => {
  const cases: [Channel, RegExp | undefined][] = [
    [withSource({}), undefined],
    [withSource({}, { CompressionType: 'Gzip' }), /CompressionType Gzip is for InputMode Pipe; the channel train has File/],
    [withSource({}, { CompressionType: 'Gzip', InputMode: 'Pipe' }), undefined],
    [withSource({}, { RecordWrapperType: 'RecordIO', InputMode: 'FastFile' }), /RecordIO is for InputMode Pipe; .* FastFile/],
    [withSource({ S3DataType: 'ManifestFile' }, { InputMode: 'FastFile' }), /for S3Prefix only/],
    [withSource({ S3DataType: 'AugmentedManifestFile', AttributeNames: ['a'] }), /AugmentedManifestFile is for InputMode Pipe/],
    [withSource({ S3DataType: 'AugmentedManifestFile' }, { InputMode: 'Pipe' }), /needs AttributeNames/],
    [withSource({ S3DataType: 'AugmentedManifestFile', AttributeNames: ['a'] }, { InputMode: 'Pipe' }), undefined],
    [withSource({ AttributeNames: ['a'] }), /AttributeNames, which belong to S3DataType AugmentedManifestFile/],
    [withSource({ S3DataType: 'Converse' }), /Converse.*not implemented yet/],
  ];
  for (const [train, expected] of cases) {
    const rejection = checkTrainingRequest(request(train), 'auto');
    if (expected) assert.match(rejection?.message ?? '', expected);
    else assert.equal(rejection, undefined);
  }
});

test('the input mode of a channel wins over that of the algorithm', () => {
  const pipe = { AlgorithmSpecification: { TrainingInputMode: 'Pipe' as const, TrainingImage: 'python:3.9' } };
  const [whole] = trainingChannels(request(SOURCE, pipe));
  assert.deepEqual(whole?.stream, { decompress: false, wrap: false, attributeNames: [] });
  const [file] = trainingChannels(request(withSource({}, { InputMode: 'File' }), pipe));
  assert.equal(file?.stream, undefined);
  const shuffled = withSource({}, { InputMode: 'Pipe', CompressionType: 'Gzip', ShuffleConfig: { Seed: 3 } });
  assert.deepEqual(trainingChannels(request(shuffled))[0]?.stream, {
    decompress: true,
    wrap: false,
    shuffleSeed: 3,
    attributeNames: [],
  });
});

test('what would silently not be done is refused by name', () => {
  const resources = { InstanceCount: 1, InstanceType: 'ml.m5.large' as const, VolumeSizeInGB: 1 };
  for (const [more, name] of [
    [{ ModelPackageConfig: { ModelPackageGroupArn: 'arn:g' } }, 'ModelPackageConfig'],
    [{ MlflowConfig: { MlflowResourceArn: 'arn:m' } }, 'MlflowConfig'],
    [{ ResourceConfig: { ...resources, TrainingPlanArn: 'arn:p' } }, 'TrainingPlanArn'],
    [
      { ResourceConfig: { InstanceGroups: [{ InstanceType: 'ml.m5.large', InstanceCount: 1, InstanceGroupName: 'a' }] } },
      'InstanceGroups',
    ],
  ] as [Partial<CreateTrainingJobRequest>, string][]) {
    assert.match(
      checkTrainingRequest(request(SOURCE, more), 'auto')?.message ?? '',
      new RegExp(`${name} is not implemented yet`),
    );
  }
  const kept = { ...resources, KeepAlivePeriodInSeconds: 600 };
  assert.equal(
    checkTrainingRequest(request(SOURCE, { ResourceConfig: kept, RetryStrategy: { MaximumRetryAttempts: 3 } }), 'auto'),
    undefined,
  );
});

test('without isolation there is one host', () => {
  const two = { ResourceConfig: { InstanceCount: 2, InstanceType: 'ml.m5.large' as const, VolumeSizeInGB: 1 } };
  assert.match(
    checkTrainingRequest(request(SOURCE, two), 'plain')?.message ?? '',
    /InstanceCount 2 without isolation .*not implemented yet/,
  );
  assert.equal(checkTrainingRequest(request(SOURCE, two), 'auto'), undefined);
});
