/** Waits between two looks at the server; the only place in the CLI that sleeps. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
