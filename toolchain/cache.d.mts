/** A message for the person at the terminal: what is wrong and what to do. */
export class SetupError extends Error {}

/** `$SLIPWAY_CACHE`, else `~/.cache/slipway`; absolute, created. Throws SetupError when it cannot be created. */
export function cacheDirectory(): string;

/** Name of the file that marks a finished folder; its time of change is its last use. */
export const READY_FILE: string;
