import type { LogFiles, LogLines, LogStreamName } from '../../platform/ports/log-files.ts';

const CHECKPOINT_BYTES = 256 * 1024;
const STREAMS_KEPT = 500;
const PROBE_BYTES = 4096;
const LINE_BYTES_MAX = 4 * 1024 * 1024;

interface Checkpoint {
  readonly atByte: number;
  /** No event before `atByte` is later than this. */
  readonly latestMs: number;
}

interface Known {
  /** The file has been seen without gaps up to here. */
  frontier: Checkpoint;
  readonly checkpoints: Checkpoint[];
  firstMs?: number;
  last?: { readonly sizeBytes: number; readonly timeMs: number | undefined };
}

/**
 * What reading has taught about streams' files: a projection that may be thrown away at any time. Clients that follow a job
 * ask again and again for everything since a moment; this tells where in the file that moment can begin.
 */
export interface StreamIndex {
  /** Every event at or after `timeMs` lies at or behind the returned byte. */
  startOf(stream: LogStreamName, timeMs: number | undefined): number;
  observe(stream: LogStreamName, fromByte: number, lines: LogLines): void;
  /** First and last event's time, read from the file (at most its two ends). */
  times(stream: LogStreamName): Promise<{ firstMs?: number; lastMs?: number }>;
  forget(stream: LogStreamName): void;
}

export function createStreamIndex(files: LogFiles): StreamIndex {
  const streams = new Map<string, Known>();
  const nameOf = (stream: LogStreamName): string => JSON.stringify([stream.account, stream.region, stream.group, stream.stream]);
  const knownOf = (stream: LogStreamName): Known => {
    const name = nameOf(stream);
    const known = streams.get(name) ?? { frontier: { atByte: 0, latestMs: Number.NEGATIVE_INFINITY }, checkpoints: [] };
    // Insertion order is order of use: the first is the one used longest ago.
    streams.delete(name);
    streams.set(name, known);
    const [oldest] = streams.keys();
    if (streams.size > STREAMS_KEPT && oldest !== undefined) streams.delete(oldest);
    return known;
  };
  return {
    startOf(stream, timeMs) {
      if (timeMs === undefined) return 0;
      return knownOf(stream).checkpoints.findLast(({ latestMs }) => latestMs < timeMs)?.atByte ?? 0;
    },
    observe: (stream, fromByte, lines) => advance(knownOf(stream), fromByte, lines),
    async times(stream) {
      const known = knownOf(stream);
      const sizeBytes = await files.sizeBytes(stream);
      if (known.last && sizeBytes < known.last.sizeBytes) {
        streams.delete(nameOf(stream)); // another file than the one known
        return this.times(stream);
      }
      known.firstMs ??= await firstTime(files, stream);
      if (known.last?.sizeBytes !== sizeBytes) known.last = { sizeBytes, timeMs: await lastTime(files, stream, sizeBytes) };
      return { firstMs: known.firstMs, lastMs: known.last.timeMs ?? known.firstMs };
    },
    forget: (stream) => void streams.delete(nameOf(stream)),
  };
}

function advance(known: Known, fromByte: number, { events, nextOffset }: LogLines): void {
  if (fromByte > known.frontier.atByte || nextOffset <= known.frontier.atByte) return;
  let { latestMs } = known.frontier;
  for (const { atByte, timeMs } of events) if (atByte >= known.frontier.atByte && timeMs > latestMs) latestMs = timeMs;
  known.frontier = { atByte: nextOffset, latestMs };
  if (nextOffset - (known.checkpoints.at(-1)?.atByte ?? 0) >= CHECKPOINT_BYTES) known.checkpoints.push(known.frontier);
}

/** Expired events are passed over: a read among them gives none and tells where to go on. */
async function firstTime(files: LogFiles, stream: LogStreamName): Promise<number | undefined> {
  for (let offset = 0; ; ) {
    const { events, nextOffset } = await files.read(stream, offset, PROBE_BYTES);
    if (events[0] || nextOffset <= offset) return events[0]?.timeMs;
    offset = nextOffset;
  }
}

/** Looks at ever more of the file's end until a whole line is in it. */
async function lastTime(files: LogFiles, stream: LogStreamName, sizeBytes: number): Promise<number | undefined> {
  for (let probeBytes = PROBE_BYTES; ; probeBytes *= 8) {
    const lines = await readWholeLines(files, stream, Math.max(0, sizeBytes - probeBytes), sizeBytes);
    // A part of an over-long line has no time of its own.
    const last = lines.findLast(({ timeMs }) => timeMs > 0);
    if (last || probeBytes >= sizeBytes || probeBytes > LINE_BYTES_MAX) return last?.timeMs;
  }
}

/**
 * The lines that begin in `[fromByte, toByte)`. A read that does not begin at the file's start may begin in the middle of a
 * line, so its first line is left to whoever reads the bytes before.
 */
export async function readWholeLines(
  files: LogFiles,
  stream: LogStreamName,
  fromByte: number,
  toByte: number,
): Promise<LogLines['events'][number][]> {
  const lines: LogLines['events'][number][] = [];
  let offset = fromByte;
  while (offset < toByte) {
    const { events, nextOffset } = await files.read(stream, offset, toByte - offset);
    lines.push(...events.filter(({ atByte }) => atByte < toByte && (fromByte === 0 || atByte > fromByte)));
    if (nextOffset <= offset) break;
    offset = nextOffset;
  }
  return lines;
}
