/** What builds find on this machine beside Python: the AWS CLI, uv, Node. */
export interface BuildTools {
  /** Brings along what is missing, once for all builds; a problem is told, not thrown: builds run without. */
  prepare(): Promise<PreparedTools>;
  /** Whether `prepare` will answer at once. */
  prepared(): boolean;
}

export interface PreparedTools {
  /** For the log, e.g. `python` to `3.11.7`. */
  readonly versions: Readonly<Record<string, string>>;
  /** Why the AWS CLI is missing. */
  readonly problem?: string;
}

/** What WorkSpec.runtime is to name. */
export const BUILD_RUNTIME = 'build';
