import { BackendError } from '../errors/families.ts';
import type { RuntimeCatalogue } from '../ports/runtime.ts';

/**
 * The name of an image of this data folder with the digest it has now, so that a tag which moves later changes nothing; undefined for
 * names of the image table, which mean the same for ever, and for those that stand for nothing.
 */
export function pinnedImageName(runtimes: RuntimeCatalogue, image: string): string | undefined {
  try {
    const resolved = runtimes.resolve(image);
    if ('problem' in resolved || resolved.digest === undefined) return undefined;
    return image.includes('@') ? image : `${image}@${resolved.digest}`;
  } catch (error) {
    if (error instanceof BackendError) return undefined; // a runtime that is not built: whoever starts it says so
    throw error;
  }
}

/** As AWS shows what a tag was resolved to: the repository with the digest in place of the tag. */
export const digestName = (image: string, digest: string | undefined): string =>
  digest === undefined ? image : `${image.replace(/@.*$/, '').replace(/:[^/:]*$/, '')}@${digest}`;
