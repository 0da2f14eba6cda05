/** A message for the person at the terminal: what is wrong and what to do. */
export class SetupError extends Error {}

/** `$SLIPWAY_CACHE`, else `~/.cache/slipway`; absolute, created. Throws SetupError when it cannot be created. */
export function cacheDirectory(): string;

/** Name of the file that marks a finished folder; its time of change is its last use. */
export const READY_FILE: string;

/** What the ready file of a finished folder says; undefined when the folder is absent or unfinished. */
export function readReady(directory: string): unknown;

/** Marks a finished folder as used now. */
export function touchReady(directory: string): void;

/** Builds `target` once: in a folder beside it, renamed when complete. `build` returns what the ready file shall say. */
export function buildOnce(
  target: string,
  log: (line: string) => void,
  build: (folder: string) => Promise<unknown>,
): Promise<unknown>;
