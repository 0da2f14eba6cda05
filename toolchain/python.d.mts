/** What a finished runtime's `ready.json` says. */
export interface ReadyRuntime {
  readonly name: string;
  readonly lock: string;
  /** `3.11.2` */
  readonly python: string;
  /** Real path of the host's interpreter the environment links to. */
  readonly interpreter: string;
  /** Prefix of that interpreter's installation: `/usr`, or a folder a sandbox must show on purpose. */
  readonly basePrefix: string;
  readonly machine: string;
  /** Every installed distribution, lower case, with its version. */
  readonly libraries: Readonly<Record<string, string>>;
}

/** A Python 3.11 to 3.13 of this host. */
export interface HostPython {
  readonly version: string;
  readonly executable: string;
  readonly machine: string;
}

export function findPython(): HostPython | undefined;

/** `lockFolder` holds `requirements.txt`; default: the runtime's own under `runtimes/`. */
export function findRuntime(
  name: string,
  lockFolder?: string,
): { readonly path: string; readonly ready: ReadyRuntime } | undefined;

/** Builds it, unless it is there, and returns its folder. Several processes at once wait for each other. */
export function buildRuntime(name: string, python: HostPython, log: (text: string) => void, lockFolder?: string): Promise<string>;
