/**
 * In the `runs` folder of a restored data folder: work that had begun when the backup was made. A backend that works on this machine
 * records each as lost before it is asked anything, and removes the file.
 */
export const LOST_WORKS_FILE = '.lost.json';

export interface LostWorks {
  readonly works: readonly string[];
  readonly endedAtMs: number;
  /** For whoever asks why. */
  readonly message: string;
}
