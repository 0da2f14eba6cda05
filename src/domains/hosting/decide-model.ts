import { invalid, missing, type Rejection } from '../../platform/errors/rejection.ts';
import type { ContainerDefinition, CreateModelInput } from '../../contract/generated/sagemaker.ts';

/** AWS: an inference pipeline has at most this many. */
const CONTAINERS_MAX = 15;

/** The containers of a model, in order. */
export function containersAsked(
  input: Pick<CreateModelInput, 'PrimaryContainer' | 'Containers' | 'InferenceExecutionConfig'>,
): readonly ContainerDefinition[] | Rejection {
  const { PrimaryContainer, Containers = [], InferenceExecutionConfig } = input;
  if (PrimaryContainer && Containers.length > 0) return invalid('Give PrimaryContainer or Containers, not both.');
  const containers = PrimaryContainer ? [PrimaryContainer] : Containers;
  if (containers.length === 0)
    return invalid('A model needs a container: give PrimaryContainer, or Containers with at least one member.');
  if (containers.length > CONTAINERS_MAX)
    return invalid(`A model has at most ${CONTAINERS_MAX} containers; this one has ${containers.length}.`);
  if (
    containers.length > 1 &&
    InferenceExecutionConfig?.Mode !== 'Direct' &&
    containers.some(({ Mode }) => Mode === 'MultiModel')
  )
    return missing(
      'Multi-model containers in an inference pipeline are not implemented yet. Use InferenceExecutionConfig Mode Direct.',
    );
  const names = containers.map(({ ContainerHostname }, place) => ContainerHostname ?? `container-${place + 1}`);
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) return invalid(`Two containers are called ${twice}. Each needs a ContainerHostname of its own.`);
  const nameless = containers.findIndex(({ ContainerHostname }) => ContainerHostname === undefined);
  if (InferenceExecutionConfig?.Mode === 'Direct' && containers.length > 1 && nameless >= 0) {
    return invalid(
      `With InferenceExecutionConfig Mode Direct each container needs a ContainerHostname, by which requests name it; container ${nameless + 1} has none.`,
    );
  }
  return containers;
}

/** What the API's model cannot say about a container. */
export function checkContainer(container: ContainerDefinition): Rejection | undefined {
  if (container.Mode === 'MultiModel') {
    const rejection = checkMultiModel(container);
    if (rejection) return rejection;
  }
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

/**
 * A multi-model container serves whatever archive a request names below its prefix. A registered version is one set of bytes, which was
 * approved: the two do not go together.
 */
function checkMultiModel(container: ContainerDefinition): Rejection | undefined {
  if (container.ModelPackageName !== undefined)
    return invalid(
      'A multi-model container (Mode MultiModel) cannot come from a model package: what was approved is one set of bytes, not all that a prefix may hold. Use Mode SingleModel, or give Image and ModelDataUrl.',
    );
  if (container.ModelDataSource)
    return missing(
      'ModelDataSource of multi-model containers is not implemented yet. Give ModelDataUrl, the prefix of the archives.',
    );
  const { ModelDataUrl } = container;
  if (!ModelDataUrl?.startsWith('s3://') || ModelDataUrl.endsWith('.tar.gz'))
    return invalid(
      'A multi-model container (Mode MultiModel) needs a ModelDataUrl that is the S3 prefix below which the archives are.',
    );
  if (container.MultiModelConfig?.ModelCacheSetting === 'Disabled')
    return missing(
      'MultiModelConfig.ModelCacheSetting Disabled is not implemented yet. Models stay loaded while there is memory.',
    );
  return undefined;
}
