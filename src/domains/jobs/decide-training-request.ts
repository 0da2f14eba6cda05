import { invalid, type Rejection } from '../../platform/errors/rejection.ts';
import type { Channel, CreateTrainingJobRequest, S3DataSource } from '../../contract/generated/sagemaker.ts';
import { checkS3Uri, cleanPath, duplicate, type ChannelRequest, type StreamRequest } from './decide-channel.ts';
import { HOSTS_MAX } from './decide-hosts.ts';
import { checkpointsOf } from './plan-training.ts';
import { compileMetrics } from './decide-metrics.ts';
import { notYet } from './rejection.ts';

/** What the API model cannot say about a CreateTrainingJob request. Pure. */
export function checkTrainingRequest(request: CreateTrainingJobRequest, sandbox: string): Rejection | undefined {
  return (
    checkResources(request) ??
    checkHosts(request.ResourceConfig?.InstanceCount, sandbox) ??
    checkAlgorithm(request) ??
    checkChannels(request) ??
    checkOutput(request) ??
    checkSynced(request) ??
    checkTimes(request) ??
    checkUnbuilt(request) ??
    checkIsolation(request.EnableNetworkIsolation, sandbox)
  );
}

function checkResources({ ResourceConfig, ServerlessJobConfig }: CreateTrainingJobRequest): Rejection | undefined {
  if (ServerlessJobConfig) return notYet('ServerlessJobConfig', 'Name an image and a ResourceConfig.');
  if (!ResourceConfig) return invalid('ResourceConfig is required: name InstanceType, InstanceCount and VolumeSizeInGB.');
  if (ResourceConfig.InstanceGroups) return notYet('ResourceConfig.InstanceGroups', 'Use InstanceType with InstanceCount.');
  if (ResourceConfig.InstanceType === undefined) return invalid('ResourceConfig.InstanceType is required.');
  return undefined;
}

/** How many hosts a job may have here. */
export function checkHosts(count: number | undefined, sandbox: string): Rejection | undefined {
  if (count === undefined) return invalid('InstanceCount is required.');
  if (count < 1) return invalid(`InstanceCount is ${count}. A job has at least one host.`);
  if (count === 1) return undefined;
  if (count > HOSTS_MAX) return notYet(`InstanceCount ${count}: more than ${HOSTS_MAX} hosts on one machine`, 'Use fewer.');
  if (sandbox === 'plain') {
    return notYet(
      `InstanceCount ${count} without isolation (\`sandbox: plain\`), where all hosts would share one /opt/ml`,
      'Use InstanceCount 1.',
    );
  }
  return undefined;
}

export function checkIsolation(wanted: boolean | undefined, sandbox: string): Rejection | undefined {
  if (!wanted || sandbox !== 'plain') return undefined;
  return invalid(
    'EnableNetworkIsolation cannot be kept here: this server runs jobs without isolation (`sandbox: plain` in slipway.yaml).',
  );
}

function checkAlgorithm({ AlgorithmSpecification: algorithm }: CreateTrainingJobRequest): Rejection | undefined {
  if (!algorithm) return invalid('AlgorithmSpecification is required.');
  if (algorithm.AlgorithmName !== undefined)
    return notYet('AlgorithmSpecification.AlgorithmName', 'Name the image as TrainingImage.');
  if (algorithm.TrainingImage === undefined) return invalid('AlgorithmSpecification must name a TrainingImage.');
  const problem = compileMetrics(algorithm.MetricDefinitions ?? []).problem;
  return problem === undefined ? undefined : invalid(problem);
}

function checkChannels({ InputDataConfig = [], AlgorithmSpecification }: CreateTrainingJobRequest): Rejection | undefined {
  const twice = duplicate(InputDataConfig.map(({ ChannelName }) => ChannelName));
  if (twice !== undefined)
    return invalid(`InputDataConfig names the channel "${twice}" more than once. Channel names must be unique.`);
  for (const channel of InputDataConfig) {
    const rejection = checkChannel(channel, AlgorithmSpecification);
    if (rejection) return rejection;
  }
  return undefined;
}

function checkChannel(channel: Channel, algorithm: CreateTrainingJobRequest['AlgorithmSpecification']): Rejection | undefined {
  const label = `channel ${channel.ChannelName}`;
  const source = channel.DataSource.S3DataSource;
  if (!source) return notYet(`A DataSource other than S3DataSource (${label})`, 'Put the data into S3.');
  if (source.S3DataType === 'Converse') return notYet(`S3DataType Converse (${label})`, 'Use S3Prefix or ManifestFile.');
  if (source.ModelAccessConfig) return notYet(`ModelAccessConfig (${label})`, 'Put the model into S3.');
  if (source.HubAccessConfig) return notYet(`HubAccessConfig (${label})`, 'Put the data into S3.');
  const mode = inputMode(channel, algorithm);
  return (
    (mode === 'Pipe' ? undefined : checkPipeOnly(channel, label, mode)) ??
    checkAugmented(source, label) ??
    (mode === 'FastFile' && source.S3DataType === 'ManifestFile'
      ? invalid(`The ${label} has InputMode FastFile, which AWS offers for S3Prefix only.`)
      : undefined) ??
    checkS3Uri(label, source.S3Uri)
  );
}

/** What AWS does in Pipe mode and nowhere else. */
function checkPipeOnly(
  { CompressionType, RecordWrapperType, DataSource }: Channel,
  label: string,
  mode: string,
): Rejection | undefined {
  const why = `is for InputMode Pipe; the ${label} has ${mode}.`;
  if (DataSource.S3DataSource?.S3DataType === 'AugmentedManifestFile') return invalid(`S3DataType AugmentedManifestFile ${why}`);
  if (CompressionType === 'Gzip')
    return invalid(`CompressionType Gzip ${why} Store the data uncompressed, or let the job unpack it.`);
  return RecordWrapperType === 'RecordIO' ? invalid(`RecordWrapperType RecordIO ${why}`) : undefined;
}

function checkAugmented({ S3DataType, AttributeNames = [] }: S3DataSource, label: string): Rejection | undefined {
  if (S3DataType === 'AugmentedManifestFile')
    return AttributeNames.length > 0
      ? undefined
      : invalid(`The ${label} has S3DataType AugmentedManifestFile and needs AttributeNames.`);
  return AttributeNames.length > 0
    ? invalid(`The ${label} has AttributeNames, which belong to S3DataType AugmentedManifestFile.`)
    : undefined;
}

function checkOutput({ OutputDataConfig }: CreateTrainingJobRequest): Rejection | undefined {
  return checkS3Uri('OutputDataConfig.S3OutputPath', OutputDataConfig.S3OutputPath);
}

function checkSynced({
  CheckpointConfig: checkpoints,
  TensorBoardOutputConfig: board,
}: CreateTrainingJobRequest): Rejection | undefined {
  return (
    (checkpoints && checkS3Uri('CheckpointConfig.S3Uri', checkpoints.S3Uri)) ??
    checkOwnFolder('CheckpointConfig.LocalPath', checkpoints?.LocalPath) ??
    (board && checkS3Uri('TensorBoardOutputConfig.S3OutputPath', board.S3OutputPath)) ??
    checkOwnFolder('TensorBoardOutputConfig.LocalPath', board?.LocalPath)
  );
}

const TAKEN_FOLDERS = ['/opt/ml/input', '/opt/ml/model', '/opt/ml/output/data', '/opt/ml/output/failure'];

/** A folder of the job that nothing else is written to or read from. */
function checkOwnFolder(label: string, path: string | undefined): Rejection | undefined {
  if (path === undefined) return undefined;
  const clean = cleanPath(path);
  if (!clean?.startsWith('/opt/ml/')) return notYet(`${label} "${path}", outside of /opt/ml`, 'Use /opt/ml/checkpoints.');
  const taken = TAKEN_FOLDERS.find((folder) => `${clean}/`.startsWith(`${folder}/`) || `${folder}/`.startsWith(`${clean}/`));
  return taken === undefined ? undefined : invalid(`${label} is "${path}", which belongs to ${taken}. Use a folder of its own.`);
}

/** Members whose work would silently not be done. Records (experiments, profiler, debug hooks, networks) are kept and described. */
function checkUnbuilt({ ModelPackageConfig, MlflowConfig, ResourceConfig }: CreateTrainingJobRequest): Rejection | undefined {
  if (ModelPackageConfig) return notYet('ModelPackageConfig', 'Register the model with CreateModelPackage.');
  if (MlflowConfig) return notYet('MlflowConfig', 'Leave it out.');
  return ResourceConfig?.TrainingPlanArn === undefined
    ? undefined
    : notYet('ResourceConfig.TrainingPlanArn', 'Leave it out: this machine is always there.');
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

const CHANNEL_FOLDER = '/opt/ml/input/data';

const inputMode = (channel: Channel, algorithm: CreateTrainingJobRequest['AlgorithmSpecification']): string =>
  channel.InputMode ?? algorithm?.TrainingInputMode ?? 'File';

function dataTypeOf({ DataSource: { S3DataSource } }: Channel): ChannelRequest['dataType'] {
  const type = S3DataSource?.S3DataType;
  return type === 'ManifestFile' || type === 'AugmentedManifestFile' ? type : 'S3Prefix';
}

const streamOf = ({ CompressionType, RecordWrapperType, ShuffleConfig, DataSource }: Channel): StreamRequest => ({
  decompress: CompressionType === 'Gzip',
  wrap: RecordWrapperType === 'RecordIO',
  ...(ShuffleConfig && { shuffleSeed: ShuffleConfig.Seed }),
  attributeNames: DataSource.S3DataSource?.AttributeNames ?? [],
});

export function trainingChannels({
  InputDataConfig = [],
  AlgorithmSpecification,
  CheckpointConfig,
}: Omit<CreateTrainingJobRequest, 'Tags'>): ChannelRequest[] {
  const checkpoints = checkpointsOf({ CheckpointConfig });
  const channels = InputDataConfig.map((channel) => ({
    label: `channel ${channel.ChannelName}`,
    uri: channel.DataSource.S3DataSource?.S3Uri ?? '',
    dataType: dataTypeOf(channel),
    sharded: channel.DataSource.S3DataSource?.S3DataDistributionType === 'ShardedByS3Key',
    path: `${CHANNEL_FOLDER}/${channel.ChannelName}`,
    fastFile: inputMode(channel, AlgorithmSpecification) === 'FastFile',
    ...(inputMode(channel, AlgorithmSpecification) === 'Pipe' && { stream: streamOf(channel) }),
  }));
  if (!checkpoints) return channels;
  const { path, uri } = checkpoints;
  return [
    ...channels,
    { label: 'checkpoints', uri, dataType: 'S3Prefix', sharded: false, path, fastFile: false, checkpoints: true },
  ];
}
