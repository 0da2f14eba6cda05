import type {
  ContainerDefinition,
  DescribeModelPackageOutput,
  ModelPackageContainerDefinition,
} from '../../contract/generated/sagemaker.ts';
import { invalid, missing, type Rejection } from '../errors/rejection.ts';

/** What stands behind a model's container, for all that run models: endpoints and batch transform. Pure. */

/** The containers a package stands for, with the model's own environment over the package's. At least one; each has an Image. */
export function containersOfPackage(
  container: ContainerDefinition,
  described: DescribeModelPackageOutput,
): readonly ModelPackageContainerDefinition[] | Rejection {
  const { InferenceSpecificationName: name, ContainerHostname } = container;
  const specification =
    name === undefined
      ? described.InferenceSpecification
      : described.AdditionalInferenceSpecifications?.find(({ Name }) => Name === name);
  const containers = specification?.Containers ?? [];
  if (containers.length === 0) {
    const which = name === undefined ? 'no InferenceSpecification' : `no inference specification "${name}"`;
    return invalid(`${described.ModelPackageArn} has ${which}, so nothing says how to serve it.`);
  }
  if (containers.some(({ Image }) => Image === undefined)) {
    const which = containers.length === 1 ? 'The container' : 'A container';
    return invalid(`${which} of ${described.ModelPackageArn} has no Image.`);
  }
  return containers.map((one) => ({
    ...one,
    ...(ContainerHostname !== undefined && containers.length === 1 && { ContainerHostname }),
    Environment: { ...one.Environment, ...container.Environment },
  }));
}

export interface DataSource {
  readonly uri: string;
  /** `object`: an archive that is unpacked. `file`: one object as it is. `prefix`: every object under it, as they are. */
  readonly form: 'object' | 'file' | 'prefix';
}

/** Where a container's model data is; undefined when it has none. */
export function dataSourceOf(
  container: Pick<ContainerDefinition, 'ModelDataUrl' | 'ModelDataSource'>,
): DataSource | Rejection | undefined {
  const source = container.ModelDataSource?.S3DataSource;
  if (!source) return container.ModelDataUrl === undefined ? undefined : { uri: container.ModelDataUrl, form: 'object' };
  const { S3Uri, S3DataType, CompressionType } = source;
  if (source.HubAccessConfig) return missing('Model data of a hub (HubAccessConfig) is not implemented yet.');
  if (source.ManifestS3Uri !== undefined) return missing('Manifests of model data (ManifestS3Uri) are not implemented yet.');
  if (S3DataType === 'S3Object') return { uri: S3Uri, form: CompressionType === 'Gzip' ? 'object' : 'file' };
  if (CompressionType === 'None' && S3DataType === 'S3Prefix') return { uri: S3Uri, form: 'prefix' };
  return invalid(
    `ModelDataSource with S3DataType ${S3DataType} and CompressionType ${CompressionType} is not supported. Use S3Prefix with None, or S3Object with Gzip or None.`,
  );
}
