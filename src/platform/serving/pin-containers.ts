import type {
  ContainerDefinition,
  DescribeModelPackageOutput,
  ModelPackageContainerDefinition,
} from '../../contract/generated/sagemaker.ts';
import type { RoleSessions } from '../authorization/port.ts';
import type { Calls, OperationContext } from '../calls/operation.ts';
import { ServiceError } from '../errors/families.ts';
import { accepted } from '../errors/rejection.ts';
import type { PinnedArtifact, PinReader, WithArtifacts } from '../objects/pin.ts';
import type { ResolvedImage, RuntimeCatalogue } from '../ports/runtime.ts';
import { containersOfPackage, dataSourceOf, type DataSource } from './model-container.ts';
import { pinModelData, registeredArtifact } from './pin-model-data.ts';
import type { PinnedContainer } from './pinned-container.ts';
import { registeredImage } from './pinned-image.ts';

/** What pinning needs; a room has all of it. */
export interface PinPorts {
  readonly calls: Calls;
  readonly roles: RoleSessions;
  readonly runtimes: RuntimeCatalogue;
}

/** Whose model it is and by which role its data is read. */
export interface ModelIdentity {
  readonly ModelName: string;
  readonly ModelArn: string;
  readonly ExecutionRoleArn?: string;
  /** Image names as asked for, to the names with a digest that they stood for when the model was made. */
  readonly pinnedImages?: Readonly<Record<string, string>>;
}

/** What stands behind an image name, as long as it can serve. */
export function servingImage(
  runtimes: RuntimeCatalogue,
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

/** One container of a model with its image and the digests of its data, or those of the package that it names. */
export async function pinContainers(
  ports: PinPorts,
  context: OperationContext,
  model: ModelIdentity,
  container: ContainerDefinition,
  describePackage: (name: string) => Promise<WithArtifacts<DescribeModelPackageOutput>>,
): Promise<readonly PinnedContainer[]> {
  const { ModelPackageName } = container;
  const described = ModelPackageName === undefined ? undefined : await describePackage(ModelPackageName);
  const pinned: PinnedContainer[] = [];
  for (const effective of described ? accepted(containersOfPackage(container, described)) : [container]) {
    const asked = effective.Image ?? '';
    const registered = described
      ? registeredImage(ports.runtimes, asked, (effective as ModelPackageContainerDefinition).ImageDigest)
      : asked;
    const image = servingImage(ports.runtimes, model.pinnedImages?.[asked] ?? registered);
    // nothing is read below the prefix of a multi-model container: that happens when a model is asked for
    const isMultiModel = container.Mode === 'MultiModel';
    const source = isMultiModel ? undefined : accepted(dataSourceOf(effective));
    const artifact = source && (registeredArtifact(described, source) ?? (await readArtifact(ports, context, model, source)));
    pinned.push({
      ...(effective.ContainerHostname !== undefined && { hostname: effective.ContainerHostname }),
      image: asked,
      ...(image.digest !== undefined && { digest: image.digest }),
      ...(image.root && { root: image.root }),
      runtime: image.runtime,
      command: image.serveCommand,
      profile: image.profile,
      environment: effective.Environment ?? {},
      artifacts: artifact ? [artifact] : [],
      ...(isMultiModel && { multiModel: { prefix: container.ModelDataUrl ?? '' } }),
      ...(described && { modelPackage: { arn: described.ModelPackageArn, approval: described.ModelApprovalStatus } }),
    });
  }
  return pinned;
}

/** The bytes behind a model's data as they are now, read as its role. */
export async function readArtifact(
  ports: Pick<PinPorts, 'calls' | 'roles'>,
  context: OperationContext,
  model: ModelIdentity,
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
