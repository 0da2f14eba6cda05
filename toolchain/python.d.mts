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

export function findRuntime(name: string): { readonly path: string; readonly ready: ReadyRuntime } | undefined;
