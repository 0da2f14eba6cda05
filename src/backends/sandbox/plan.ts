/** What a supervisor (shim/supervisor.py) is told to do: `plan.json` of a run's folder. Relative paths start at that folder. */
export interface RunPlan {
  readonly isolation: Isolation;
  /** Path of the bubblewrap program, where that is the isolation. */
  readonly bubblewrap: string;
  /** Who makes the sandbox, where a container engine does. */
  readonly container: ContainerPlan | null;
  readonly hostname: string;
  readonly command: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly network: 'host' | 'none';
  /** Without the host's network: the job whose hosts share one of their own. */
  readonly sharedNetwork: string | null;
  /** Work on a root file system of its own; null: on the host's system folders. */
  readonly image: ImagePlan | null;
  /** A server of an image, which listens on a port in a network of its own; null where the work listens on a socket itself. */
  readonly serve: ServePlan | null;
  /** In order: later ones cover earlier ones. */
  readonly mounts: readonly Mount[];
  /** Empty folder on which `unshare` builds the new root, each in a mount namespace of its own. */
  readonly root: string;
  /** The host's path of `/opt/ml`. */
  readonly tree: string;
  /** Without isolation: the host's own /opt/ml points here while it runs. */
  readonly ownsPlainRoot: boolean;
  /** Work is ended before the disk has less than this left: the store must be able to write what happened. */
  readonly diskReserveBytes: number;
  readonly directories: readonly string[];
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly archives: readonly { readonly from: string; readonly to: string; readonly form: 'tar.gz' | 'zip' }[];
  readonly unpackBytesMax: number;
  /** Fed through named pipes while the work runs (shim/feeder.py). */
  readonly streams: readonly StreamPlan[];
  readonly socketFolder: string | null;
  readonly logFile: string;
  readonly preamble: readonly string[];
  readonly maxRuntimeSeconds: number | null;
  readonly graceSeconds: number;
  /** Runs whose failure ends this one. */
  readonly peers: readonly string[];
  /** 0: unbounded. */
  readonly memoryBytes: number;
  readonly showStartAfterSeconds: number;
  /** Processors to run on; empty: all. */
  readonly cpus: readonly number[];
  /** Not for the supervisor: name to folder of each output, for the server's walk. */
  readonly outputs: Readonly<Record<string, string>>;
}

export interface StreamPlan {
  /** Of the pipes `<name>_<epoch>`. */
  readonly folder: string;
  readonly name: string;
  readonly items: readonly (readonly ({ readonly file: string } | { readonly text: string })[])[];
  readonly decompress: boolean;
  readonly wrap: boolean;
  readonly shuffleSeed: number | null;
}

export interface ImagePlan {
  /** The unpacked image, shared with other runs and never written. */
  readonly tree: string;
  /** Made where the image lacks them. */
  readonly folders: readonly string[];
}

export interface ServePlan {
  /** Where requests come in. */
  readonly socket: string;
  /** Where the server listens on the loopback address of its network. */
  readonly port: number;
  /** Ports of this host's loopback address that the work reaches under the same address. */
  readonly reach: readonly number[];
  /** Where the work finds a proxy to the internet; null: there is none. */
  readonly proxyPort: number | null;
}

export interface ContainerPlan extends ContainerEngine {
  /** Of the container, the same whenever it is asked for. */
  readonly name: string;
  /** Where the shim talks with the container's first process. */
  readonly folder: string;
}

/** A container engine that answers, as shim/probe.py tells of it. */
export interface ContainerEngine {
  readonly engine: 'podman' | 'docker';
  /** Path of its client. */
  readonly program: string;
  /** By which the client finds its engine. */
  readonly environment: Readonly<Record<string, string>>;
}

export type Isolation = 'bubblewrap' | 'unshare' | 'container' | 'plain';

/** `from` is a path of the host (or the target of a symlink), `to` one inside. */
export type Mount =
  | { readonly kind: 'read-only' | 'writable' | 'symlink'; readonly from: string; readonly to: string }
  | { readonly kind: 'empty' | 'processes' | 'devices'; readonly to: string };
