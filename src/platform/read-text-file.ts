import { readFileSync } from 'node:fs';

/** The text of a file; undefined when there is none. What else keeps it from being read throws. */
export function readTextFile(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): string | undefined {
  try {
    return readFileSync(path, encoding);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
