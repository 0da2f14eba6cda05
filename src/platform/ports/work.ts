import type { RootImage } from './images.ts';

/**
 * The port behind which processes run: a sandbox on this machine now, a container engine, Kubernetes or SageMaker later.
 * A specification is serialisable, names are deterministic, content is named by digest, nothing assumes a shared disk.
 */
export interface WorkBackend {
  readonly name: string;
  /** Idempotent by `spec.id`: starting what was started is a no-op. Returns when the work is claimed, not when it runs. */
  start(spec: WorkSpec): Promise<void>;
  status(id: string): Promise<WorkStatus>;
  /** Asks for an end: SIGTERM, `graceSeconds`, SIGKILL. Idempotent; also effective if the process dies on the way. */
  stop(id: string): Promise<void>;
  /** Tells that the status of `id` may have changed (started, ready, exited). A hint: always re-read. */
  onChange(listener: (id: string) => void): () => void;
  /** Files under an output after the end (or so far), symlinks and other non-files left out and counted. */
  outputs(id: string, output: string): Promise<WorkOutputTree>;
  /** The start of a file inside the work's tree, e.g. `/opt/ml/output/failure`; undefined when absent. */
  readText(id: string, path: string, sizeBytesMax: number): Promise<string | undefined>;
  /** Where a service listens. */
  address(id: string): WorkAddress;
  /** One HTTP request to a service, over a connection of its own. Resolves with the head of the answer; never throws. */
  ask(id: string, asked: WorkRequest): Promise<WorkAnswer>;
  /** Forgets the work and its files. Only after its end; idempotent. */
  release(id: string): Promise<void>;
}

export interface WorkSpec {
  /** Deterministic, `[a-z0-9-]{1,120}`; names the run folder. */
  readonly id: string;
  readonly kind: 'job' | 'service';
  /** `algo-1`. */
  readonly hostname: string;
  readonly hosts: readonly string[];
  /** Common to the works that are hosts of one job: under the names in `hosts` they find each other. */
  readonly cluster?: string;
  /** The other works of the cluster: when one of them fails this one is ended, also while no server lives. */
  readonly peers?: readonly string[];
  /** Ids of services this work talks to: their addresses (`unix:…`, `tcp:…`) are a JSON list in SLIPWAY_SERVICES. */
  readonly services?: readonly string[];
  /**
   * An environment of this host by name, or an image of this data folder by the digest of its manifest (`sha256:…`): the work then
   * runs on the image's root file system, in its working directory, and a service listens on port 8080 of a network of its own. `root`
   * serves when the image was deleted meanwhile.
   */
  readonly runtime: { readonly name: string; readonly root?: RootImage };
  /** The image as asked for, for messages and the log. */
  readonly image: string;
  readonly command: readonly string[];
  readonly workingDirectory: string;
  /** The whole environment of the process: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** Small files written before the start (config JSON). */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly inputs: readonly WorkInput[];
  readonly outputs: readonly WorkOutput[];
  readonly limits: WorkLimits;
  readonly network: 'host' | 'none';
  /** Where log lines go: a file of the log port (`<epoch ms> <line>\n`), appended while the work runs. */
  readonly logFile: string;
  /** Lines at the head of the log; `{isolation}` becomes the isolation used, in words. */
  readonly preamble?: readonly string[];
}

export interface WorkInput {
  /** Absolute directory inside, e.g. `/opt/ml/input/data/train`. */
  readonly path: string;
  /**
   * `additive`: files may be added beside the staged ones, which cannot be changed (a backend may make very large inputs
   * read-only instead).
   */
  readonly access: 'read-only' | 'additive' | 'writable';
  /** Files by digest, relative to `path`. */
  readonly entries: readonly { readonly relativePath: string; readonly digest: string; readonly sizeBytes: number }[];
  /** The single entry is an archive to be unpacked into `path`; members that would leave it are refused. */
  readonly extract?: 'tar.gz' | 'zip';
  /** Not shown as files: fed through named pipes `<path>_<epoch>`. */
  readonly stream?: WorkStream;
}

/** One epoch after the other, each through a pipe of its own, whose reader may leave early; each epoch has all items. */
export interface WorkStream {
  /** Entries are gzip files and arrive unpacked. */
  readonly decompress: boolean;
  /** Each part arrives as one RecordIO record. */
  readonly wrap: boolean;
  /** Items come in another order in each epoch, the same for the same seed. */
  readonly shuffleSeed?: number;
  /** What is fed, in order: contents of entries by their number, or texts. All entries, one by one, when not given. */
  readonly items?: readonly (readonly WorkStreamPart[])[];
}

export type WorkStreamPart = { readonly entry: number } | { readonly text: string };

export interface WorkOutput {
  readonly name: string;
  /** Absolute directory inside, created empty and writable. */
  readonly path: string;
}

export interface WorkLimits {
  readonly maxRuntimeSeconds?: number;
  readonly graceSeconds: number;
  readonly memoryBytes: number;
  readonly cpus: number;
}

export type WorkStatus =
  | { readonly phase: 'absent' }
  | { readonly phase: 'preparing' }
  | { readonly phase: 'running'; readonly startedAtMs: number; readonly isolation: string }
  | WorkEnd;

export interface WorkEnd {
  readonly phase: 'ended';
  /** `failed-to-start`: staging or the sandbox failed, `message` says why. `lost`: the shim vanished without a record. */
  readonly reason: 'exited' | 'stopped' | 'max-runtime' | 'out-of-memory' | 'failed-to-start' | 'lost';
  /** 128 + n when killed by signal n; 137 out of memory. */
  readonly exitCode?: number;
  readonly message?: string;
  readonly startedAtMs?: number;
  readonly endedAtMs: number;
  readonly isolation: string;
}

export interface WorkOutputTree {
  readonly files: readonly WorkOutputFile[];
  /** Symbolic links, sockets, devices: never followed, never published. */
  readonly skipped: readonly string[];
}
export interface WorkOutputFile {
  readonly relativePath: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Mode bits worth keeping (executable). */
  readonly executable: boolean;
  open(): AsyncIterable<Uint8Array>;
}

export interface WorkRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: WorkRequestBody;
  /** Ends it at any time, also while the answer is being read. */
  readonly signal?: AbortSignal;
}

export interface WorkRequestBody {
  readonly parts: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
}

/** `refused`: the service saw nothing of it. `broken`: it went away before its answer's head. `late`: the signal ended it. */
export type WorkAnswer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
      /** To be read to its end, or ended by the signal. Throws when the service goes away on the way. */
      readonly body: AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'refused' | 'broken' | 'late' };

export type WorkAddress =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };
