import type { CreateModelPackageInput, InferenceSpecification } from '../../contract/generated/sagemaker.ts';
import type { Calls, OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { pinObject, pinPrefix, type PinnedArtifact, type PinnedObject, type PinReader } from '../../platform/objects/pin.ts';
import type { RuntimeCatalogue } from '../../platform/ports/runtime.ts';
import { imageDigest } from '../../platform/serving/pinned-image.ts';
import { artifactSources, evidenceUris } from './decide-package.ts';

const reader = (calls: Calls, context: OperationContext): PinReader => ({
  calls,
  principal: context.principal,
  origin: { region: context.region, requestId: context.requestId },
});

/** The bytes behind every artefact of some specifications, read as the caller; an absent one is refused by its URI. */
export async function pinArtifacts(
  calls: Calls,
  context: OperationContext,
  specifications: readonly Pick<InferenceSpecification, 'Containers'>[],
): Promise<PinnedArtifact[]> {
  const pinned: PinnedArtifact[] = [];
  for (const { uri, form } of artifactSources(specifications)) {
    const object = form === 'object' ? await pinObject(reader(calls, context), uri) : undefined;
    const objects = form === 'prefix' ? await pinPrefix(reader(calls, context), uri) : object ? [object] : [];
    if (objects.length === 0) {
      throw new ServiceError(
        'ValidationException',
        `Could not find model data at ${uri}. Check the S3 URI and that the object was uploaded.`,
      );
    }
    pinned.push({ uri, form, objects });
  }
  return pinned;
}

/**
 * The reports a version is judged by. AWS takes their URIs on trust, so what is absent or closed to the caller is left
 * unpinned instead of refused; the ledger entry shows which were pinned.
 */
export async function pinEvidence(
  calls: Calls,
  context: OperationContext,
  input: Pick<CreateModelPackageInput, 'ModelMetrics' | 'DriftCheckBaselines'>,
): Promise<PinnedObject[]> {
  const pinned: PinnedObject[] = [];
  for (const uri of evidenceUris(input)) {
    const object = await pinObject(reader(calls, context), uri).catch((error: unknown) => {
      if (error instanceof ServiceError && error.code.startsWith('AccessDenied')) return undefined;
      throw error;
    });
    if (object) pinned.push(object);
  }
  return pinned;
}

/** A package's specifications with the digests of images of this data folder, as AWS fills them in: a tag that moves changes no version. */
export function withImageDigests<
  S extends Pick<InferenceSpecification, 'Containers'>,
  I extends {
    readonly InferenceSpecification?: S;
    readonly AdditionalInferenceSpecifications?: readonly S[];
    readonly AdditionalInferenceSpecificationsToAdd?: readonly S[];
  },
>(runtimes: RuntimeCatalogue | undefined, input: I): I {
  if (!runtimes) return input;
  const pinned = <T extends Pick<InferenceSpecification, 'Containers'>>(specification: T): T => ({
    ...specification,
    Containers: specification.Containers.map((container) => {
      const digest = container.Image === undefined ? undefined : imageDigest(runtimes, container.Image);
      return digest === undefined || container.ImageDigest !== undefined ? container : { ...container, ImageDigest: digest };
    }),
  });
  const {
    InferenceSpecification: own,
    AdditionalInferenceSpecifications: more,
    AdditionalInferenceSpecificationsToAdd: added,
  } = input;
  return {
    ...input,
    ...(own && { InferenceSpecification: pinned(own) }),
    ...(more && { AdditionalInferenceSpecifications: more.map(pinned) }),
    ...(added && { AdditionalInferenceSpecificationsToAdd: added.map(pinned) }),
  };
}
