import { invalid, type Rejection } from '../../platform/errors/rejection.ts';
import type { Channel, CreateTrainingJobRequest } from '../../contract/generated/sagemaker.ts';
import { checkS3Uri, duplicate, type ChannelRequest } from './decide-channel.ts';
import { compileMetrics } from './decide-metrics.ts';
import { notYet } from './rejection.ts';

/** What the API model cannot say about a CreateTrainingJob request. Pure. */
export function checkTrainingRequest(request: CreateTrainingJobRequest, sandbox: string): Rejection | undefined {
  return (
    checkResources(request) ??
    checkAlgorithm(request) ??
    checkChannels(request) ??
    checkOutput(request) ??
    checkTimes(request) ??
    checkIsolation(request.EnableNetworkIsolation, sandbox)
  );
}

function checkResources({ ResourceConfig, ServerlessJobConfig }: CreateTrainingJobRequest): Rejection | undefined {
  if (ServerlessJobConfig) return notYet('ServerlessJobConfig', 'Name an image and a ResourceConfig.');
  if (!ResourceConfig) return invalid('ResourceConfig is required: name InstanceType, InstanceCount and VolumeSizeInGB.');
  if (ResourceConfig.InstanceGroups) return notYet('ResourceConfig.InstanceGroups', 'Use InstanceType with InstanceCount 1.');
  if (ResourceConfig.InstanceType === undefined) return invalid('ResourceConfig.InstanceType is required.');
  return checkInstanceCount(ResourceConfig.InstanceCount);
}

export function checkInstanceCount(count: number | undefined): Rejection | undefined {
  if (count === undefined) return invalid('InstanceCount is required.');
  return count > 1 ? notYet(`InstanceCount ${count}: running a job on several hosts`, 'Use InstanceCount 1.') : undefined;
}

export function checkIsolation(wanted: boolean | undefined, sandbox: string): Rejection | undefined {
  if (!wanted || sandbox !== 'plain') return undefined;
  return invalid(
    'EnableNetworkIsolation cannot be kept here: this server runs jobs without isolation (`sandbox: plain` in slipway.yaml).',
  );
}

function checkAlgorithm({
  AlgorithmSpecification: algorithm,
  CheckpointConfig,
}: CreateTrainingJobRequest): Rejection | undefined {
  if (!algorithm) return invalid('AlgorithmSpecification is required.');
  if (algorithm.AlgorithmName !== undefined)
    return notYet('AlgorithmSpecification.AlgorithmName', 'Name the image as TrainingImage.');
  if (algorithm.TrainingImage === undefined) return invalid('AlgorithmSpecification must name a TrainingImage.');
  if (algorithm.TrainingInputMode === 'Pipe') return notYet('TrainingInputMode Pipe', 'Use File or FastFile.');
  if (CheckpointConfig) return notYet('CheckpointConfig', 'Leave it out.');
  const problem = compileMetrics(algorithm.MetricDefinitions ?? []).problem;
  return problem === undefined ? undefined : invalid(problem);
}

function checkChannels({ InputDataConfig = [] }: CreateTrainingJobRequest): Rejection | undefined {
  const twice = duplicate(InputDataConfig.map(({ ChannelName }) => ChannelName));
  if (twice !== undefined)
    return invalid(`InputDataConfig names the channel "${twice}" more than once. Channel names must be unique.`);
  for (const channel of InputDataConfig) {
    const rejection = checkChannel(channel);
    if (rejection) return rejection;
  }
  return undefined;
}

function checkChannel({
  ChannelName,
  DataSource,
  CompressionType,
  RecordWrapperType,
  InputMode,
}: Channel): Rejection | undefined {
  const label = `channel ${ChannelName}`;
  const source = DataSource.S3DataSource;
  if (!source) return notYet(`A DataSource other than S3DataSource (${label})`, 'Put the data into S3.');
  if (source.S3DataType !== 'S3Prefix' && source.S3DataType !== 'ManifestFile') {
    return notYet(`S3DataType ${source.S3DataType} (${label})`, 'Use S3Prefix or ManifestFile.');
  }
  if (InputMode === 'Pipe') return notYet(`InputMode Pipe (${label})`, 'Use File or FastFile.');
  if (CompressionType === 'Gzip')
    return notYet(`CompressionType Gzip (${label})`, 'AWS decompresses in Pipe mode only; store the data uncompressed.');
  if (RecordWrapperType === 'RecordIO') return notYet(`RecordWrapperType RecordIO (${label})`, 'Leave it out.');
  return checkS3Uri(label, source.S3Uri);
}

function checkOutput({ OutputDataConfig }: CreateTrainingJobRequest): Rejection | undefined {
  return checkS3Uri('OutputDataConfig.S3OutputPath', OutputDataConfig.S3OutputPath);
}

function checkTimes({ StoppingCondition, EnableManagedSpotTraining }: CreateTrainingJobRequest): Rejection | undefined {
  const { MaxRuntimeInSeconds, MaxWaitTimeInSeconds } = StoppingCondition ?? {};
  if (MaxWaitTimeInSeconds === undefined) {
    return EnableManagedSpotTraining ? invalid('MaxWaitTimeInSeconds is required with EnableManagedSpotTraining.') : undefined;
  }
  if (!EnableManagedSpotTraining) return invalid('MaxWaitTimeInSeconds is only allowed with EnableManagedSpotTraining.');
  return MaxRuntimeInSeconds !== undefined && MaxWaitTimeInSeconds < MaxRuntimeInSeconds
    ? invalid('MaxWaitTimeInSeconds must be at least MaxRuntimeInSeconds.')
    : undefined;
}

export const CHANNEL_FOLDER = '/opt/ml/input/data';

export function trainingChannels({
  InputDataConfig = [],
  AlgorithmSpecification,
}: Omit<CreateTrainingJobRequest, 'Tags'>): ChannelRequest[] {
  return InputDataConfig.map((channel) => ({
    label: `channel ${channel.ChannelName}`,
    uri: channel.DataSource.S3DataSource?.S3Uri ?? '',
    dataType: channel.DataSource.S3DataSource?.S3DataType === 'ManifestFile' ? 'ManifestFile' : 'S3Prefix',
    path: `${CHANNEL_FOLDER}/${channel.ChannelName}`,
    fastFile: (channel.InputMode ?? AlgorithmSpecification?.TrainingInputMode) === 'FastFile',
  }));
}
