import type { DescribeModelPackageOutput } from '../../contract/generated/sagemaker.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { InvariantError } from '../../platform/errors/families.ts';
import type { WithArtifacts } from '../../platform/objects/pin.ts';
import { accepted, refuse } from '../../platform/errors/rejection.ts';
import { checkApproval } from '../../platform/serving/check-approval.ts';
import { pinContainers } from '../../platform/serving/pin-containers.ts';
import type { PinnedContainer } from '../../platform/serving/pinned-container.ts';
import { containersAsked } from './decide-model.ts';
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

/** A model as it will be served: containers, images, artefact digests. Checked and read anew for every deployment. */
export async function pinModel(ports: PinPorts, context: OperationContext, model: ModelDocument): Promise<PinnedModel> {
  const pinned: PinnedContainer[] = [];
  for (const container of accepted(containersAsked(model)))
    pinned.push(...(await pinContainers(ports, context, model, container, (name) => approvedPackage(ports, context, name))));
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
