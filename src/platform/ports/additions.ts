/**
 * Of a backend whose work can be given files while it runs: below a read-only input that it was started with, so that nothing it does
 * can lead these files elsewhere. `path` is that input's, `place` a plain relative path below it.
 */
export interface WorkAdditions {
  /** Unpacks an archive (tar.gz) of stored content into the folder `place`. What is there already stays as it is. */
  addArchive(id: string, path: string, place: string, digest: string): Promise<void>;
  /** Removes the folder, if it is there. */
  removeAdded(id: string, path: string, place: string): Promise<void>;
}
