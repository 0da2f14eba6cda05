/** All executables of that name on PATH, in order. */
export function onPath(name: string): string[];
