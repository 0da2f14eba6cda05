/** Log streams as append-only files that shims write and readers read by byte offset, so that nothing is copied. */
export interface LogFiles {
  /** Absolute path of the stream's file; the folder exists on return. Lines: `<epoch ms> <text>\n`. */
  path(stream: LogStreamName): Promise<string>;
  append(stream: LogStreamName, lines: readonly { readonly timeMs: number; readonly text: string }[]): Promise<void>;
  /** Whole lines from a byte offset; `nextOffset` is where to go on. A half-written last line is left for later. */
  read(stream: LogStreamName, fromByte: number, limitBytes: number): Promise<LogLines>;
  sizeBytes(stream: LogStreamName): Promise<number>;
  remove(stream: LogStreamName): Promise<void>;
  /**
   * Takes the bytes before `beforeByte` (the start of a line) off the disk for good. Offsets stay, also for whoever is just appending;
   * reading from an erased place goes on behind it. A few bytes at the start of a file are not erased alone.
   */
  erase(stream: LogStreamName, beforeByte: number): Promise<void>;
}

export interface LogStreamName {
  readonly account: string;
  readonly region: string;
  readonly group: string;
  readonly stream: string;
}

export interface LogLines {
  readonly events: readonly { readonly timeMs: number; readonly text: string; readonly atByte: number }[];
  readonly nextOffset: number;
}
