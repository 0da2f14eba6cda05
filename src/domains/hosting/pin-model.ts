import type { ContainerDefinition, DescribeModelPackageOutput } from '../../contract/generated/sagemaker.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { InvariantError, ServiceError } from '../../platform/errors/families.ts';
import type { PinnedArtifact, PinReader, WithArtifacts } from '../../platform/objects/pin.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import { refuse, rejectionError } from '../../platform/errors/rejection.ts';
import { type Checked, containersOfPackage, dataSourceOf, type DataSource } from '../../platform/serving/model-container.ts';
import { pinModelData, registeredArtifact } from '../../platform/serving/pin-model-data.ts';
import { checkApproval, containersAsked } from './decide-model.ts';
import type { HostingPorts } from './ports.ts';
import type { ModelDocument, PinnedContainer, PinnedModel } from './resources.ts';

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

/** A model as it will be served: containers, images, artefact digests. Checked and read anew for every deployment. */
export async function pinModel(ports: PinPorts, context: OperationContext, model: ModelDocument): Promise<PinnedModel> {
  const pinned: PinnedContainer[] = [];
  for (const container of accepted(containersAsked(model)))
    pinned.push(...(await pinContainers(ports, context, model, container)));
  const [first, ...following] = pinned;
  if (!first) throw new InvariantError('a model has at least one container', { model: model.ModelArn });
  return {
    ModelName: model.ModelName,
    ...first,
    networkIsolation: model.EnableNetworkIsolation ?? false,
    ...(model.ExecutionRoleArn !== undefined && { executionRoleArn: model.ExecutionRoleArn }),
    ...(following.length > 0 && { following }),
    ...(following.length > 0 && model.InferenceExecutionConfig?.Mode === 'Direct' && { direct: true }),
  };
}

/** One container, or those of the package that it names. */
async function pinContainers(
  ports: PinPorts,
  context: OperationContext,
  model: ModelDocument,
  container: ContainerDefinition,
): Promise<readonly PinnedContainer[]> {
  const { ModelPackageName } = container;
  const described = ModelPackageName === undefined ? undefined : await approvedPackage(ports, context, ModelPackageName);
  const pinned: PinnedContainer[] = [];
  for (const effective of described ? accepted(containersOfPackage(container, described)) : [container]) {
    const image = servingImage(ports.runtimes, effective.Image ?? '');
    const source = accepted(dataSourceOf(effective));
    const artifact = source && (registeredArtifact(described, source) ?? (await readArtifact(ports, context, model, source)));
    pinned.push({
      ...(effective.ContainerHostname !== undefined && { hostname: effective.ContainerHostname }),
      image: image.image,
      runtime: image.runtime,
      command: image.serveCommand,
      profile: image.profile,
      environment: effective.Environment ?? {},
      artifacts: artifact ? [artifact] : [],
      ...(described && { modelPackage: { arn: described.ModelPackageArn, approval: described.ModelApprovalStatus } }),
    });
  }
  return pinned;
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
