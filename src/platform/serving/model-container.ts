import type {
  ContainerDefinition,
  DescribeModelPackageOutput,
  ModelPackageContainerDefinition,
} from '../../contract/generated/sagemaker.ts';
import { invalid, missing, type Rejection } from '../errors/rejection.ts';

/** What stands behind a model's container, for all that run models: endpoints and batch transform. Pure. */

export type Checked<T> = { readonly rejection: Rejection } | { readonly rejection?: undefined; readonly value: T };

const reject = <T>(rejection: Rejection): Checked<T> => ({ rejection });

/** The containers a package stands for, with the model's own environment over the package's. At least one; each has an Image. */
export function containersOfPackage(
  container: ContainerDefinition,
  described: DescribeModelPackageOutput,
): Checked<readonly ModelPackageContainerDefinition[]> {
  const { InferenceSpecificationName: name, ContainerHostname } = container;
  const specification =
    name === undefined
      ? described.InferenceSpecification
      : described.AdditionalInferenceSpecifications?.find(({ Name }) => Name === name);
  const containers = specification?.Containers ?? [];
  if (containers.length === 0) {
    const which = name === undefined ? 'no InferenceSpecification' : `no inference specification "${name}"`;
    return reject(invalid(`${described.ModelPackageArn} has ${which}, so nothing says how to serve it.`));
  }
  if (containers.some(({ Image }) => Image === undefined)) {
    const which = containers.length === 1 ? 'The container' : 'A container';
    return reject(invalid(`${which} of ${described.ModelPackageArn} has no Image.`));
  }
  return {
    value: containers.map((one) => ({
      ...one,
      ...(ContainerHostname !== undefined && containers.length === 1 && { ContainerHostname }),
      Environment: { ...one.Environment, ...container.Environment },
    })),
  };
}

export interface DataSource {
  readonly uri: string;
  /** `object`: an archive that is unpacked. `file`: one object as it is. `prefix`: every object under it, as they are. */
  readonly form: 'object' | 'file' | 'prefix';
}

/** Where a container's model data is; undefined when it has none. */
export function dataSourceOf(
  container: Pick<ContainerDefinition, 'ModelDataUrl' | 'ModelDataSource'>,
): Checked<DataSource | undefined> {
  const source = container.ModelDataSource?.S3DataSource;
  if (!source)
    return { value: container.ModelDataUrl === undefined ? undefined : { uri: container.ModelDataUrl, form: 'object' } };
  const { S3Uri, S3DataType, CompressionType } = source;
  if (source.HubAccessConfig) return reject(missing('Model data of a hub (HubAccessConfig) is not implemented yet.'));
  if (source.ManifestS3Uri !== undefined)
    return reject(missing('Manifests of model data (ManifestS3Uri) are not implemented yet.'));
  if (S3DataType === 'S3Object') return { value: { uri: S3Uri, form: CompressionType === 'Gzip' ? 'object' : 'file' } };
  if (CompressionType === 'None' && S3DataType === 'S3Prefix') return { value: { uri: S3Uri, form: 'prefix' } };
  return reject(
    invalid(
      `ModelDataSource with S3DataType ${S3DataType} and CompressionType ${CompressionType} is not supported. Use S3Prefix with None, or S3Object with Gzip or None.`,
    ),
  );
}
