import { invalid, type Rejection } from '../../platform/errors/rejection.ts';
import type { CreateProcessingJobRequest, ProcessingInput, ProcessingOutput } from '../../contract/generated/sagemaker.ts';
import { checkS3Uri, cleanPath, duplicate, type ChannelRequest } from './decide-channel.ts';
import { checkHosts, checkIsolation } from './decide-training-request.ts';
import { notYet } from './rejection.ts';

const PROCESSING_FOLDER = '/opt/ml/processing';

/** What the API model cannot say about a CreateProcessingJob request. Pure. */
export function checkProcessingRequest(request: CreateProcessingJobRequest, sandbox: string): Rejection | undefined {
  const cluster = request.ProcessingResources.ClusterConfig;
  if (!cluster) return invalid('ProcessingResources.ClusterConfig is required.');
  if (cluster.InstanceType === undefined) return invalid('ProcessingResources.ClusterConfig.InstanceType is required.');
  return (
    checkHosts(cluster.InstanceCount, sandbox) ??
    checkNames(request) ??
    firstOf(request.ProcessingInputs, checkInput) ??
    firstOf(request.ProcessingOutputConfig?.Outputs, checkOutput) ??
    checkIsolation(request.NetworkConfig?.EnableNetworkIsolation, sandbox)
  );
}

function firstOf<T>(items: readonly T[] | undefined, check: (item: T) => Rejection | undefined): Rejection | undefined {
  for (const item of items ?? []) {
    const rejection = check(item);
    if (rejection) return rejection;
  }
  return undefined;
}

function checkNames({ ProcessingInputs = [], ProcessingOutputConfig }: CreateProcessingJobRequest): Rejection | undefined {
  const outputs = ProcessingOutputConfig?.Outputs ?? [];
  const input = duplicate(ProcessingInputs.map(({ InputName }) => InputName));
  if (input !== undefined)
    return invalid(`ProcessingInputs names the input "${input}" more than once. Input names must be unique.`);
  const output = duplicate(outputs.map(({ OutputName }) => OutputName));
  if (output !== undefined)
    return invalid(`ProcessingOutputConfig names the output "${output}" more than once. Output names must be unique.`);
  const inputPath = duplicate(ProcessingInputs.map(({ S3Input }) => cleanPath(S3Input?.LocalPath ?? '') ?? '').filter(Boolean));
  if (inputPath !== undefined) return invalid(`Two ProcessingInputs have the LocalPath ${inputPath}. Give each its own.`);
  const outputPath = duplicate(outputs.map(({ S3Output }) => cleanPath(S3Output?.LocalPath ?? '') ?? '').filter(Boolean));
  return outputPath === undefined ? undefined : invalid(`Two outputs have the LocalPath ${outputPath}. Give each its own.`);
}

function checkInput({ InputName, S3Input, DatasetDefinition, AppManaged }: ProcessingInput): Rejection | undefined {
  const label = `input ${InputName}`;
  if (DatasetDefinition) return notYet(`DatasetDefinition (${label})`, 'Put the data into S3 and use S3Input.');
  if (AppManaged) return notYet(`AppManaged (${label})`, 'Use S3Input with a LocalPath.');
  if (!S3Input) return invalid(`The ${label} needs an S3Input.`);
  if (S3Input.S3CompressionType === 'Gzip' && S3Input.S3InputMode !== 'Pipe')
    return invalid(`S3CompressionType Gzip is for S3InputMode Pipe; the ${label} has ${S3Input.S3InputMode ?? 'File'}.`);
  return checkS3Uri(label, S3Input.S3Uri) ?? checkLocalPath(label, S3Input.LocalPath);
}

function checkOutput({ OutputName, S3Output, FeatureStoreOutput, AppManaged }: ProcessingOutput): Rejection | undefined {
  const label = `output ${OutputName}`;
  if (FeatureStoreOutput) return notYet(`FeatureStoreOutput (${label})`, 'Use S3Output.');
  if (AppManaged) return notYet(`AppManaged (${label})`, 'Use S3Output with a LocalPath.');
  if (!S3Output) return invalid(`The ${label} needs an S3Output.`);
  return checkS3Uri(label, S3Output.S3Uri) ?? checkLocalPath(label, S3Output.LocalPath);
}

function checkLocalPath(label: string, path: string | undefined): Rejection | undefined {
  if (path === undefined) return invalid(`The ${label} needs a LocalPath under ${PROCESSING_FOLDER}.`);
  const clean = cleanPath(path);
  if (clean?.startsWith(`${PROCESSING_FOLDER}/`)) return undefined;
  return invalid(`The LocalPath "${path}" of ${label} must be a directory under ${PROCESSING_FOLDER}/.`);
}

export function processingChannels({ ProcessingInputs = [] }: Omit<CreateProcessingJobRequest, 'Tags'>): ChannelRequest[] {
  return ProcessingInputs.map(({ InputName, S3Input }) => ({
    label: `input ${InputName}`,
    uri: S3Input?.S3Uri ?? '',
    dataType: S3Input?.S3DataType === 'ManifestFile' ? 'ManifestFile' : 'S3Prefix',
    path: cleanPath(S3Input?.LocalPath ?? '') ?? '',
    sharded: S3Input?.S3DataDistributionType === 'ShardedByS3Key',
    fastFile: false,
    ...(S3Input?.S3InputMode === 'Pipe' && {
      stream: { decompress: S3Input.S3CompressionType === 'Gzip', wrap: false, attributeNames: [] },
    }),
  }));
}
