import { BackendError, ServiceError } from '../errors/families.ts';
import type { RuntimeCatalogue } from '../ports/runtime.ts';

/**
 * The name of an image of this data folder with the digest it has now, so that a tag which moves later changes nothing; undefined for
 * names of the image table and for those that stand for nothing.
 */
export function pinnedImageName(runtimes: RuntimeCatalogue, image: string): string | undefined {
  const digest = imageDigest(runtimes, image);
  return digest === undefined || image.includes('@') ? undefined : `${image}@${digest}`;
}

/** What the name of an image of this data folder stands for now, `sha256:…`; undefined for all other names. */
export function imageDigest(runtimes: RuntimeCatalogue, image: string): string | undefined {
  try {
    const resolved = runtimes.resolve(image);
    return 'problem' in resolved ? undefined : resolved.digest;
  } catch (error) {
    if (error instanceof BackendError) return undefined; // a runtime that is not built: whoever starts it says so
    throw error;
  }
}

/**
 * The image that a registered container means: of one of this data folder the one that was there at its registration, also when its
 * tag has moved or gone. A digest beside a name of the image table says nothing here. Without a digest the name was none of an image
 * here: one brought here under it since is not what was registered, and perhaps approved, and is refused (ValidationException).
 */
export function registeredImage(runtimes: RuntimeCatalogue, image: string, digest: string | undefined): string {
  if (image.includes('@')) return image;
  const now = runtimes.resolve(image);
  const isHere = !('problem' in now) && now.digest !== undefined;
  if (digest !== undefined) return 'problem' in now || isHere ? `${image}@${digest}` : image;
  if (!isHere) return image;
  throw new ServiceError(
    'ValidationException',
    `The image ${image} was pushed or imported here after the model package was registered, so it is not the image of that version. Register a new version with it, or delete the image.`,
  );
}

/** As AWS shows what a tag was resolved to: the repository with the digest in place of the tag. */
export const digestName = (image: string, digest: string | undefined): string =>
  digest === undefined ? image : `${image.replace(/@.*$/, '').replace(/:[^/:]*$/, '')}@${digest}`;
