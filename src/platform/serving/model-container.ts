import type {
  ContainerDefinition,
  DescribeModelPackageOutput,
  ModelPackageContainerDefinition,
} from '../../contract/generated/sagemaker.ts';
import { invalid, missing, type Rejection } from '../errors/rejection.ts';

/** What stands behind a model's container, for all that run models: endpoints and batch transform. Pure. */

export type Checked<T> = { readonly rejection: Rejection } | { readonly rejection?: undefined; readonly value: T };

const reject = <T>(rejection: Rejection): Checked<T> => ({ rejection });

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
