const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ia32: '386', arm: 'arm' };

/** This host as images name it: `linux/amd64`. */
export const hostPlatform = (): string => `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;
