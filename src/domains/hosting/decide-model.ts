import { invalid, missing, type Rejection } from '../../platform/errors/rejection.ts';
import type {
  ContainerDefinition,
  CreateModelInput,
  DescribeModelPackageOutput,
  ModelPackageContainerDefinition,
} from '../../contract/generated/sagemaker.ts';

export type Checked<T> = { readonly rejection: Rejection } | { readonly rejection?: undefined; readonly value: T };

/** The one container of a model that can be served today. */
export function theContainer(input: Pick<CreateModelInput, 'PrimaryContainer' | 'Containers'>): Checked<ContainerDefinition> {
  const { PrimaryContainer, Containers = [] } = input;
  if (PrimaryContainer && Containers.length > 0) return reject(invalid('Give PrimaryContainer or Containers, not both.'));
  const containers = PrimaryContainer ? [PrimaryContainer] : Containers;
  const [container] = containers;
  if (!container) return reject(invalid('A model needs a container: give PrimaryContainer, or Containers with one member.'));
  if (containers.length > 1) {
    return reject(
      missing(`Models of several containers (inference pipelines) are not implemented yet; this one has ${containers.length}.`),
    );
  }
  return { value: container };
}

const reject = <T>(rejection: Rejection): Checked<T> => ({ rejection });

/** What the API's model cannot say about a container. */
export function checkContainer(container: ContainerDefinition): Rejection | undefined {
  if (container.Mode === 'MultiModel')
    return missing('Multi-model containers (Mode MultiModel) are not implemented yet. Use SingleModel.');
  if (container.AdditionalModelDataSources?.length)
    return missing('AdditionalModelDataSources are not implemented yet. Put all files into the model data.');
  if (container.ModelPackageName === undefined && container.Image === undefined) {
    return invalid('A container needs an Image, or a ModelPackageName that has one.');
  }
  if (
    container.ModelPackageName !== undefined &&
    (container.Image !== undefined || container.ModelDataUrl !== undefined || container.ModelDataSource)
  ) {
    return invalid(
      'A container with a ModelPackageName takes image and model data from the package: leave Image, ModelDataUrl and ModelDataSource out.',
    );
  }
  if (container.InferenceSpecificationName !== undefined && container.ModelPackageName === undefined) {
    return invalid('InferenceSpecificationName names a specification of a package: give ModelPackageName, too.');
  }
  if (container.ModelDataUrl !== undefined && container.ModelDataSource)
    return invalid('Give ModelDataUrl or ModelDataSource, not both.');
  return undefined;
}

/** The container a package stands for, with the model's own environment over the package's. */
export function containerOfPackage(
  container: ContainerDefinition,
  described: DescribeModelPackageOutput,
): Checked<ModelPackageContainerDefinition> {
  const { InferenceSpecificationName: name } = container;
  const specification =
    name === undefined
      ? described.InferenceSpecification
      : described.AdditionalInferenceSpecifications?.find(({ Name }) => Name === name);
  const [first, second] = specification?.Containers ?? [];
  if (!first) {
    const which = name === undefined ? 'no InferenceSpecification' : `no inference specification "${name}"`;
    return reject(invalid(`${described.ModelPackageArn} has ${which}, so nothing says how to serve it.`));
  }
  if (second)
    return reject(
      missing(`${described.ModelPackageArn} has several containers (an inference pipeline), which is not implemented yet.`),
    );
  if (first.Image === undefined) return reject(invalid(`The container of ${described.ModelPackageArn} has no Image.`));
  return { value: { ...first, Environment: { ...first.Environment, ...container.Environment } } };
}

/**
 * The approval rule: what is registered as a version is served only when it is Approved. Unversioned packages carry no
 * approval on AWS, nor does model data that was never registered.
 */
export function checkApproval(described: DescribeModelPackageOutput, rule: 'required' | 'open'): Rejection | undefined {
  const status = described.ModelApprovalStatus;
  if (rule === 'open' || status === undefined || status === 'Approved') return undefined;
  return invalid(
    `Model package ${described.ModelPackageArn} cannot be served: its ModelApprovalStatus is ${status}. Approve it first (update-model-package --model-approval-status Approved), or set approval: open in slipway.yaml.`,
  );
}

export interface DataSource {
  readonly uri: string;
  readonly form: 'object' | 'prefix';
}

/** Where a container's model data is; undefined when it has none. */
export function dataSourceOf(
  container: Pick<ContainerDefinition, 'ModelDataUrl' | 'ModelDataSource'>,
): Checked<DataSource | undefined> {
  const source = container.ModelDataSource?.S3DataSource;
  if (!source)
    return { value: container.ModelDataUrl === undefined ? undefined : { uri: container.ModelDataUrl, form: 'object' } };
  const { S3Uri, S3DataType, CompressionType } = source;
  if (CompressionType === 'Gzip' && S3DataType === 'S3Object') return { value: { uri: S3Uri, form: 'object' } };
  if (CompressionType === 'None' && S3DataType === 'S3Prefix') return { value: { uri: S3Uri, form: 'prefix' } };
  return reject(
    invalid(
      `ModelDataSource with S3DataType ${S3DataType} and CompressionType ${CompressionType} is not supported. Use S3Prefix with None, or S3Object with Gzip.`,
    ),
  );
}
