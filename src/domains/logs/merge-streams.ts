import type { LogFiles, LogStreamName } from '../../platform/ports/log-files.ts';
import type { LogEvent } from './read-events.ts';
import type { StreamIndex } from './stream-index.ts';

/**
 * Events of several streams in one order: by time, then stream, then place in the file. Within a stream an event counts as no
 * earlier than those before it, so that the order is that of the files as well, and a position in it is all a token needs.
 */
export interface Position {
  readonly timeMs: number;
  readonly stream: string;
  readonly atByte: number;
}

export interface MergedEvent extends Position {
  readonly event: LogEvent;
}

export interface MergeSource {
  readonly name: string;
  readonly file: LogStreamName;
}

const CHUNK_BYTES = 128 * 1024;

const comparePositions = (a: Position, b: Position): number =>
  a.timeMs - b.timeMs || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.atByte - b.atByte);

/** One stream, read on as far as it is asked for. */
export class StreamReader {
  readonly #source: MergeSource;
  readonly #files: LogFiles;
  readonly #index: StreamIndex;
  #events: readonly LogEvent[] = [];
  #next = 0;
  #offset: number;
  #latestMs = Number.NEGATIVE_INFINITY;
  head: MergedEvent | undefined;
  bytesRead = 0;

  /** `fromMs`: earlier events are of no interest. */
  constructor(source: MergeSource, files: LogFiles, index: StreamIndex, fromMs: number | undefined) {
    this.#source = source;
    this.#files = files;
    this.#index = index;
    this.#offset = index.startOf(source.file, fromMs);
  }

  /** Moves `head` to the next event; undefined at the end of what is written. */
  async advance(): Promise<void> {
    while (this.#next >= this.#events.length) {
      const lines = await this.#files.read(this.#source.file, this.#offset, CHUNK_BYTES);
      this.#index.observe(this.#source.file, this.#offset, lines);
      this.bytesRead += Math.max(0, lines.nextOffset - this.#offset);
      if (lines.nextOffset <= this.#offset) {
        this.head = undefined;
        return;
      }
      this.#offset = lines.nextOffset;
      this.#events = lines.events;
      this.#next = 0;
    }
    const event = this.#events[this.#next] as LogEvent;
    this.#next += 1;
    this.#latestMs = Math.max(this.#latestMs, event.timeMs);
    this.head = { event, timeMs: this.#latestMs, stream: this.#source.name, atByte: event.atByte };
  }
}

/** The events behind `after`, in order. */
export async function* mergeStreams(readers: readonly StreamReader[], after: Position | undefined): AsyncGenerator<MergedEvent> {
  let waiting: StreamReader[] = [];
  for (const reader of readers) {
    do await reader.advance();
    while (reader.head && after && comparePositions(reader.head, after) <= 0);
    if (reader.head) waiting.push(reader);
  }
  while (waiting.length > 0) {
    let first = waiting[0] as StreamReader;
    let second: StreamReader | undefined;
    for (const reader of waiting.slice(1)) {
      if (comparePositions(headOf(reader), headOf(first)) < 0) [first, second] = [reader, first];
      else if (!second || comparePositions(headOf(reader), headOf(second)) < 0) second = reader;
    }
    // one stream mostly goes on for a while before another has its turn
    while (first.head && (!second?.head || comparePositions(first.head, second.head) < 0)) {
      yield first.head;
      await first.advance();
    }
    if (!first.head) waiting = waiting.filter((reader) => reader !== first);
  }
}

const headOf = (reader: StreamReader): MergedEvent => reader.head as MergedEvent;
