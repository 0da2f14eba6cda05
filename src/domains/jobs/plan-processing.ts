import type { CreateProcessingJobRequest } from '../../contract/generated/sagemaker.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import type { WorkOutput } from '../../platform/ports/work.ts';
import { cleanPath } from './decide-channel.ts';
import type { HostNames } from './job-kind.ts';
import { json, networkInterface } from './plan-training.ts';
import type { ProcessingJobDocument } from './resources.ts';

/** What a processing job's process finds. Pure. */

type Request = Omit<CreateProcessingJobRequest, 'Tags'>;

const RUNTIME_SECONDS_DEFAULT = 86_400;
export const MESSAGE_FILE = '/opt/ml/output/message';

export const processingRuntimeSeconds = ({ StoppingCondition }: Request): number =>
  StoppingCondition?.MaxRuntimeInSeconds ?? RUNTIME_SECONDS_DEFAULT;

/** Docker's override rules: arguments replace CMD, an entry point replaces ENTRYPOINT and CMD. */
export function processingCommand(
  { AppSpecification }: Request,
  image: ResolvedImage,
): readonly string[] | { readonly problem: string } {
  const { ContainerEntrypoint, ContainerArguments } = AppSpecification;
  const words = ContainerArguments ?? (ContainerEntrypoint ? [] : (image.command ?? []));
  const command = [...(ContainerEntrypoint ?? image.entrypoint ?? []), ...words];
  if (command.length > 0) return command;
  return {
    problem: `The image ${image.image} has no command of its own to process. Name one in AppSpecification.ContainerEntrypoint.`,
  };
}

export const processingEnvironment = ({ request }: ProcessingJobDocument): Record<string, string> => ({ ...request.Environment });

export function processingFiles(job: ProcessingJobDocument, hosts: HostNames): { path: string; text: string }[] {
  const { request } = job;
  const cluster = request.ProcessingResources.ClusterConfig;
  return [
    json('/opt/ml/config/processingjobconfig.json', {
      ProcessingJobArn: job.arn,
      ProcessingJobName: job.name,
      Environment: request.Environment ?? {},
      AppSpecification: {
        ImageUri: request.AppSpecification.ImageUri,
        ContainerEntrypoint: request.AppSpecification.ContainerEntrypoint ?? null,
        ContainerArguments: request.AppSpecification.ContainerArguments ?? null,
      },
      ProcessingInputs: request.ProcessingInputs ?? [],
      ProcessingOutputConfig: request.ProcessingOutputConfig ?? { Outputs: [] },
      ProcessingResources: request.ProcessingResources,
      RoleArn: request.RoleArn,
      StoppingCondition: { MaxRuntimeInSeconds: processingRuntimeSeconds(request) },
    }),
    json('/opt/ml/config/resourceconfig.json', {
      current_host: hosts.current,
      hosts: hosts.all,
      network_interface_name: networkInterface(hosts),
      current_instance_type: cluster?.InstanceType ?? '',
    }),
  ];
}

export interface ProcessingOutputPlan extends WorkOutput {
  readonly uri: string;
  readonly continuous: boolean;
}

export function processingOutputs({ ProcessingOutputConfig }: Request): ProcessingOutputPlan[] {
  return (ProcessingOutputConfig?.Outputs ?? []).map(({ OutputName, S3Output }) => ({
    name: OutputName,
    path: cleanPath(S3Output?.LocalPath ?? '') ?? '',
    uri: S3Output?.S3Uri ?? '',
    continuous: S3Output?.S3UploadMode === 'Continuous',
  }));
}
