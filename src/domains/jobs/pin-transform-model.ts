import type { DescribeModelOutput, DescribeModelPackageOutput } from '../../contract/generated/sagemaker.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { refuse } from '../../platform/errors/rejection.ts';
import type { WithArtifacts } from '../../platform/objects/pin.ts';
import { checkApproval } from '../../platform/serving/check-approval.ts';
import { pinContainers } from '../../platform/serving/pin-containers.ts';
import type { PinnedContainer } from '../../platform/serving/pinned-container.ts';
import type { JobsPorts } from './ports.ts';
import type { TransformModel } from './resources.ts';

/**
 * The model of a transform job as it is now, by digest: deleting or overwriting anything later changes nothing. What was registered
 * is taken as it was registered, and only while it is approved: the model may be older than a rejection.
 */
export async function pinTransformModel(
  ports: Pick<JobsPorts, 'calls' | 'roles' | 'runtimes' | 'settings'>,
  context: OperationContext,
  name: string,
): Promise<TransformModel> {
  const origin = { region: context.region, requestId: context.requestId };
  const model = await ports.calls.call(context.principal, origin, 'sagemaker:DescribeModel', { ModelName: name });
  const roleArn = transformRole(model);
  const { pinnedImages } = model as { pinnedImages?: Readonly<Record<string, string>> }; // for rooms, see the hosting room
  const identity = {
    ModelName: model.ModelName ?? name,
    ModelArn: model.ModelArn ?? '',
    ExecutionRoleArn: roleArn,
    ...(pinnedImages && { pinnedImages }),
  };
  const describePackage = async (packageName: string): Promise<WithArtifacts<DescribeModelPackageOutput>> => {
    const described = await ports.calls.call(context.principal, origin, 'sagemaker:DescribeModelPackage', {
      ModelPackageName: packageName,
    });
    refuse(checkApproval(described, ports.settings.approval));
    return described;
  };
  const containers: PinnedContainer[] = [];
  for (const container of model.PrimaryContainer ? [model.PrimaryContainer] : (model.Containers ?? [])) {
    if (container.Mode === 'MultiModel')
      throw refused(`The model "${name}" is a multi-model container, which batch transform does not support.`);
    containers.push(...(await pinContainers(ports, context, identity, container, describePackage)));
  }
  return { arn: identity.ModelArn, roleArn, networkIsolation: model.EnableNetworkIsolation ?? false, containers };
}

function transformRole({ ModelName, ExecutionRoleArn, InferenceExecutionConfig }: DescribeModelOutput): string {
  if (InferenceExecutionConfig?.Mode === 'Direct')
    throw refused(
      `The containers of model "${ModelName}" are invoked directly (InferenceExecutionConfig), which batch transform cannot do.`,
    );
  if (ExecutionRoleArn !== undefined) return ExecutionRoleArn;
  throw refused(
    `The model "${ModelName}" has no ExecutionRoleArn, by which a transform job reads its input and writes its output. Create a model with one.`,
  );
}

const refused = (message: string): ServiceError => new ServiceError('ValidationException', message);
