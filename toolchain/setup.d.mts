/** Brings Node, packages and (with `all`) the Python runtime and bubblewrap up to date; all output on stderr. Throws SetupError. */
export function ensureSetup(options?: { quiet?: boolean; what?: 'cli' | 'all' }): Promise<{ node: string }>;
