import type { ContainerDefinition, DescribeModelPackageOutput } from '../../contract/generated/sagemaker.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { PinnedArtifact, PinReader, WithArtifacts } from '../../platform/objects/pin.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import { refuse, rejectionError } from '../../platform/errors/rejection.ts';
import { type Checked, containerOfPackage, dataSourceOf, type DataSource } from '../../platform/serving/model-container.ts';
import { pinModelData, registeredArtifact } from '../../platform/serving/pin-model-data.ts';
import { checkApproval, theContainer } from './decide-model.ts';
import type { HostingPorts } from './ports.ts';
import type { ModelDocument, PinnedModel } from './resources.ts';

type PinPorts = Pick<HostingPorts, 'calls' | 'roles' | 'runtimes' | 'settings'>;

/** The package behind a container, as the caller may see it; refused when the approval rule forbids to serve it. */
export async function approvedPackage(
  ports: Pick<HostingPorts, 'calls' | 'settings'>,
  context: OperationContext,
  name: string,
): Promise<WithArtifacts<DescribeModelPackageOutput>> {
  const origin = { region: context.region, requestId: context.requestId };
  const described = await ports.calls.call(context.principal, origin, 'sagemaker:DescribeModelPackage', {
    ModelPackageName: name,
  });
  refuse(checkApproval(described, ports.settings.approval));
  return described;
}

/** What stands behind an image name, as long as it can serve. */
export function servingImage(
  runtimes: HostingPorts['runtimes'],
  image: string,
): ResolvedImage & { readonly serveCommand: readonly string[] } {
  const resolved = runtimes.resolve(image);
  if ('problem' in resolved) throw new ServiceError('ValidationException', resolved.problem);
  const { serveCommand } = resolved;
  if (!serveCommand)
    throw new ServiceError(
      'ValidationException',
      `The image ${image} has no serve program, so it cannot stand behind a model. Use a framework image.`,
    );
  return { ...resolved, serveCommand };
}

/** A model as it will be served: container, image, artefact digests. Checked and read anew for every deployment. */
export async function pinModel(ports: PinPorts, context: OperationContext, model: ModelDocument): Promise<PinnedModel> {
  const container = accepted(theContainer(model));
  const described =
    container.ModelPackageName === undefined ? undefined : await approvedPackage(ports, context, container.ModelPackageName);
  const effective: ContainerDefinition = described ? accepted(containerOfPackage(container, described)) : container;
  const image = servingImage(ports.runtimes, effective.Image ?? '');
  const source = accepted(dataSourceOf(effective));
  const artifact = source && (registeredArtifact(described, source) ?? (await readArtifact(ports, context, model, source)));
  return {
    ModelName: model.ModelName,
    image: image.image,
    runtime: image.runtime,
    command: image.serveCommand,
    profile: image.profile,
    environment: effective.Environment ?? {},
    artifacts: artifact ? [artifact] : [],
    networkIsolation: model.EnableNetworkIsolation ?? false,
    ...(model.ExecutionRoleArn !== undefined && { executionRoleArn: model.ExecutionRoleArn }),
    ...(described && { modelPackage: { arn: described.ModelPackageArn, approval: described.ModelApprovalStatus } }),
  };
}

/** The bytes behind a model's data as they are now, read as its role. */
export async function readArtifact(
  ports: Pick<PinPorts, 'calls' | 'roles'>,
  context: OperationContext,
  model: Pick<ModelDocument, 'ModelName' | 'ModelArn' | 'ExecutionRoleArn'>,
  source: DataSource,
): Promise<PinnedArtifact> {
  const reader = await modelReader(ports, context, model.ExecutionRoleArn, model.ModelArn);
  return pinModelData(reader, source, model.ModelName);
}

/** On AWS the execution role fetches model data; a model without one is read as the caller. */
async function modelReader(
  ports: Pick<PinPorts, 'calls' | 'roles'>,
  context: OperationContext,
  roleArn: string | undefined,
  onBehalfOf: string,
): Promise<PinReader> {
  const origin = { region: context.region, requestId: context.requestId };
  if (roleArn === undefined) return { calls: ports.calls, principal: context.principal, origin };
  const principal = await ports.roles.assume({
    account: context.account,
    roleArn,
    service: 'sagemaker.amazonaws.com',
    sessionName: 'SageMaker',
    onBehalfOf,
  });
  return { calls: ports.calls, principal, origin };
}

export function accepted<T>(checked: Checked<T>): T {
  if (checked.rejection) throw rejectionError(checked.rejection);
  return checked.value;
}
