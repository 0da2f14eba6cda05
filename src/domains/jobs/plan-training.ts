import type { CreateTrainingJobRequest } from '../../contract/generated/sagemaker.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import type { WorkOutput } from '../../platform/ports/work.ts';
import { cleanPath } from './decide-channel.ts';
import type { SyncedOutput } from './synced-outputs.ts';
import type { HostNames } from './job-kind.ts';
import type { TrainingJobDocument } from './resources.ts';

/** What a training job's process finds; runtime.md of AWS's contract: files, command, environment. Pure. */

export const MODEL_OUTPUT: WorkOutput = { name: 'model', path: '/opt/ml/model' };
export const DATA_OUTPUT: WorkOutput = { name: 'data', path: '/opt/ml/output/data' };

/** Where checkpoints are in the job and in S3. */
export const checkpointsOf = ({
  CheckpointConfig: config,
}: Pick<Request, 'CheckpointConfig'>): { readonly path: string; readonly uri: string } | undefined =>
  config && { path: cleanPath(config.LocalPath ?? '') ?? '/opt/ml/checkpoints', uri: config.S3Uri };

/** Outputs that are in S3 while the job runs. */
export function syncedOutputs({ name, request }: Pick<TrainingJobDocument, 'name' | 'request'>): (SyncedOutput & WorkOutput)[] {
  const checkpoints = checkpointsOf(request);
  const board = request.TensorBoardOutputConfig;
  return [
    ...(checkpoints ? [{ name: 'checkpoints', ...checkpoints }] : []),
    ...(board
      ? [
          {
            name: 'tensorboard',
            path: cleanPath(board.LocalPath ?? '') ?? '/opt/ml/output/tensorboard',
            uri: `${board.S3OutputPath.replace(/\/+$/, '')}/${name}/tensorboard-output`,
          },
        ]
      : []),
  ];
}

export const FAILURE_FILE = '/opt/ml/output/failure';
export const GRACE_SECONDS = 120;
const RUNTIME_SECONDS_DEFAULT = 86_400;

type Request = Omit<CreateTrainingJobRequest, 'Tags'>;

export const trainingRuntimeSeconds = ({ StoppingCondition }: Request): number =>
  StoppingCondition?.MaxRuntimeInSeconds ?? RUNTIME_SECONDS_DEFAULT;

/** Docker's rules with AWS's argument: `<ENTRYPOINT> train`, each part replaceable. */
export function trainingCommand(
  { AlgorithmSpecification }: Request,
  image: ResolvedImage,
): readonly string[] | { readonly problem: string } {
  const { ContainerEntrypoint, ContainerArguments } = AlgorithmSpecification ?? {};
  if (ContainerEntrypoint) return [...ContainerEntrypoint, ...(ContainerArguments ?? [])];
  if (image.trainCommand && !ContainerArguments) return image.trainCommand;
  if (ContainerArguments) return [...(image.entrypoint ?? []), ...ContainerArguments];
  return {
    problem: `The image ${image.image} has no command of its own to train. Name one in AlgorithmSpecification.ContainerEntrypoint.`,
  };
}

export function trainingEnvironment(job: TrainingJobDocument): Record<string, string> {
  return { ...job.request.Environment, TRAINING_JOB_NAME: job.name, TRAINING_JOB_ARN: job.arn };
}

export function trainingFiles({ request }: TrainingJobDocument, hosts: HostNames): { path: string; text: string }[] {
  const folder = '/opt/ml/input/config';
  const checkpoints = checkpointsOf(request);
  const instanceType = request.ResourceConfig?.InstanceType ?? '';
  const group = { instance_group_name: GROUP, instance_type: instanceType, hosts: hosts.all };
  return [
    json(`${folder}/hyperparameters.json`, request.HyperParameters ?? {}),
    json(`${folder}/inputdataconfig.json`, inputDataConfig(request)),
    json(`${folder}/resourceconfig.json`, {
      current_host: hosts.current,
      current_instance_type: instanceType,
      // the toolkit reads one name here and the other there
      current_group_name: GROUP,
      current_instance_group: GROUP,
      hosts: hosts.all,
      instance_groups: [group],
      network_interface_name: networkInterface(hosts),
    }),
    ...(checkpoints ? [json(`${folder}/checkpointconfig.json`, { S3Uri: checkpoints.uri, LocalPath: checkpoints.path })] : []),
  ];
}

/** Several hosts meet on the loopback device; one alone is told what AWS tells. */
export const networkInterface = ({ all }: HostNames): string => (all.length > 1 ? 'lo' : 'eth0');

const GROUP = 'homogeneousCluster';

function inputDataConfig({ InputDataConfig = [], AlgorithmSpecification }: Request): Record<string, object> {
  return Object.fromEntries(
    InputDataConfig.map((channel) => [
      channel.ChannelName,
      {
        ...(channel.ContentType !== undefined && { ContentType: channel.ContentType }),
        TrainingInputMode: channel.InputMode ?? AlgorithmSpecification?.TrainingInputMode ?? 'File',
        S3DistributionType: channel.DataSource.S3DataSource?.S3DataDistributionType ?? 'FullyReplicated',
        RecordWrapperType: channel.RecordWrapperType ?? 'None',
      },
    ]),
  );
}

export const json = (path: string, document: object): { path: string; text: string } => ({
  path,
  text: JSON.stringify(document),
});

/** Without a script the XGBoost image runs the built-in algorithm, which has metric definitions of its own. */
export const isBuiltInXgboost = (request: Request, framework: string | undefined): boolean =>
  framework === 'xgboost' &&
  request.HyperParameters?.['sagemaker_program'] === undefined &&
  request.Environment?.['SAGEMAKER_PROGRAM'] === undefined &&
  request.AlgorithmSpecification?.ContainerEntrypoint === undefined;

/** `<S3OutputPath>/<job>/output/…`. */
export function artifactUris({ name, request }: TrainingJobDocument): { readonly model: string; readonly data: string } {
  const folder = `${request.OutputDataConfig.S3OutputPath.replace(/\/+$/, '')}/${name}/output`;
  return request.OutputDataConfig.CompressionType === 'NONE'
    ? { model: `${folder}/model/`, data: `${folder}/data/` }
    : { model: `${folder}/model.tar.gz`, data: `${folder}/output.tar.gz` };
}
