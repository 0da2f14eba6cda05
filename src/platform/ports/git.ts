/** Which repository's folder: `git/<account>/<region>/<id>.git` of the data folder. */
export interface GitPlace {
  readonly account: string;
  readonly region: string;
  /** The repository's id, never a name that users choose. */
  readonly id: string;
}

export interface GitRun {
  readonly input?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Besides the few that every run gets; nothing is inherited. */
  readonly environment?: Readonly<Record<string, string>>;
  /** More output than this is a failure; 64 MiB when not given. */
  readonly outputBytesMax?: number;
  /** Ended after this long; no end when not given. */
  readonly timeoutMs?: number;
}

export interface GitResult {
  readonly exitCode: number;
  readonly output: Buffer;
  /** The end of what it wrote to its standard error. */
  readonly errors: string;
}

/** A request body laid down on the disk: so that a slow sender holds no process and no turn. */
export interface KeptBody {
  readonly sizeBytes: number;
  read(): AsyncIterable<Uint8Array>;
  /** Removes it. */
  drop(): Promise<void>;
}

export interface GitReference {
  /** e.g. `refs/heads/main`. */
  readonly name: string;
  readonly id: string;
  /** The commit that an annotated tag stands for. */
  readonly peeled?: string;
}

/**
 * The host's git over bare repositories. Every run has a fixed environment and configuration of ours: no hooks, no system or user
 * configuration, no collection of garbage by itself. Whoever changes references does it one after the other per repository.
 */
export interface Git {
  /** Once, before anything else: ends runs that an earlier server left behind and removes what they had not finished. */
  recover(): Promise<void>;
  /** Makes the folder, or what is missing of it. Repeatable. */
  prepare(place: GitPlace): Promise<void>;
  remove(place: GitPlace): Promise<void>;
  /** Removes locks and half received packs; only while nothing writes there. */
  unlock(place: GitPlace): Promise<void>;
  references(place: GitPlace): Promise<GitReference[]>;
  /** In how many packs the objects are: one more with each push. */
  countPacks(place: GitPlace): Promise<number>;
  /** Where HEAD points; the branch need not exist. */
  setHead(place: GitPlace, branch: string): Promise<void>;
  /** Makes sure that packs and these references outlive a loss of power. */
  persist(place: GitPlace, references: readonly string[]): Promise<void>;
  run(place: GitPlace, words: readonly string[], options?: GitRun): Promise<GitResult>;
  /** Its output as it comes; a failure throws BackendError behind the last piece. Leaving early ends the run. */
  stream(place: GitPlace, words: readonly string[], options?: GitRun): AsyncIterable<Uint8Array>;
  /**
   * Undefined when it has more than `bytesMax`; what comes behind is read away, up to as much again or 64 MiB, since
   * a client of git hears an answer best when it has sent all.
   */
  keep(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<KeptBody | undefined>;
}
