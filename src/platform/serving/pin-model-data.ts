import type { DescribeModelPackageOutput } from '../../contract/generated/sagemaker.ts';
import { ServiceError } from '../errors/families.ts';
import { pinObject, pinPrefix, type PinnedArtifact, type PinReader, type WithArtifacts } from '../objects/pin.ts';
import type { DataSource } from './model-container.ts';

/** What was registered is served, byte for byte, whatever its S3 URI names by now. */
export const registeredArtifact = (
  described: WithArtifacts<DescribeModelPackageOutput> | undefined,
  source: DataSource,
): PinnedArtifact | undefined => described?.artifacts?.find(({ uri }) => uri === source.uri);

/** The bytes behind a model's data as they are now. Throws ValidationException when there are none. */
export async function pinModelData(reader: PinReader, { uri, form }: DataSource, modelName: string): Promise<PinnedArtifact> {
  const object = form === 'prefix' ? undefined : await pinObject(reader, uri);
  const objects = form === 'prefix' ? await pinPrefix(reader, uri) : object ? [object] : [];
  if (objects.length === 0) {
    throw new ServiceError(
      'ValidationException',
      `Could not find model data at ${uri} for model "${modelName}". Check the S3 URI and that the object was uploaded.`,
    );
  }
  return { uri, form: form === 'object' ? 'object' : 'prefix', objects };
}
