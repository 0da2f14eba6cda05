import type { LogFiles, LogLines, LogStreamName } from '../../../src/platform/ports/log-files.ts';

/** What outlives a server: the files of all log streams, by path. Works write into them by path, as shims do. */
export interface SimLogDisk {
  /** Appends whole lines, without touching what is there. */
  append(path: string, timeMs: number, lines: readonly string[]): void;
  readonly files: ReadonlyMap<string, SimLogFile>;
}

interface SimLogFile {
  readonly lines: { readonly timeMs: number; readonly text: string; readonly atByte: number; readonly endByte: number }[];
  sizeBytes: number;
  /** Where the first line is that was not erased. */
  firstByte: number;
}

const LINE_BYTES_MAX = 1024 * 1024;
/** An erasure of less is not worth its mark; the real files keep such a head too. */
const MARK_BYTES = 28;

export function createSimLogDisk(): SimLogDisk & { readonly files: Map<string, SimLogFile> } {
  const files = new Map<string, SimLogFile>();
  return {
    files,
    append(path, timeMs, lines) {
      const file = files.get(path) ?? { lines: [], sizeBytes: 0, firstByte: 0 };
      files.set(path, file);
      for (const text of lines) {
        const atByte = file.sizeBytes;
        file.sizeBytes += Buffer.byteLength(`${Math.trunc(timeMs)} ${text}\n`);
        file.lines.push({ timeMs: Math.trunc(timeMs), text, atByte, endByte: file.sizeBytes });
      }
    },
  };
}

const pathOf = ({ account, region, group, stream }: LogStreamName): string =>
  `/sim/logs/${[account, region, group, stream].map(encodeURIComponent).join('/')}.log`;

/** One process's view of the log streams. */
export function openSimLogFiles(disk: ReturnType<typeof createSimLogDisk>): LogFiles {
  return {
    path: async (stream) => pathOf(stream),
    async append(stream, lines) {
      for (const { timeMs, text } of lines) disk.append(pathOf(stream), timeMs, text.split(/\r?\n/));
    },
    read: async (stream, fromByte, limitBytes) => read(disk.files.get(pathOf(stream)), fromByte, limitBytes),
    sizeBytes: async (stream) => disk.files.get(pathOf(stream))?.sizeBytes ?? 0,
    async remove(stream) {
      disk.files.delete(pathOf(stream));
    },
    async erase(stream, beforeByte) {
      const file = disk.files.get(pathOf(stream));
      if (!file) return;
      const end = Math.min(beforeByte, file.sizeBytes);
      if (end > Math.max(MARK_BYTES, file.firstByte)) file.firstByte = end;
    },
  };
}

/** Whole lines as long as they fit, at least one; nothing before the erased head's end. */
function read(file: SimLogFile | undefined, fromByte: number, limitBytes: number): LogLines {
  if (!file) return { events: [], nextOffset: fromByte };
  if (fromByte < file.firstByte) return { events: [], nextOffset: file.firstByte };
  const limit = Math.max(1, Math.min(limitBytes, LINE_BYTES_MAX));
  const events: { timeMs: number; text: string; atByte: number }[] = [];
  let nextOffset = fromByte;
  for (const { timeMs, text, atByte, endByte } of file.lines) {
    if (endByte <= fromByte) continue;
    if (events.length > 0 && endByte - fromByte > limit) break;
    events.push(atByte < fromByte ? partOf(text, timeMs, atByte, fromByte) : { timeMs, text, atByte });
    nextOffset = endByte;
  }
  return { events, nextOffset };
}

/** Whoever reads from within a line gets its rest. */
function partOf(text: string, timeMs: number, atByte: number, fromByte: number): LogLines['events'][number] {
  const rest = Buffer.from(`${timeMs} ${text}`)
    .subarray(fromByte - atByte)
    .toString('utf8');
  const match = /^([0-9]{1,16}) /.exec(rest);
  return { timeMs: match ? Number(match[1]) : timeMs, text: match ? rest.slice(match[0].length) : rest, atByte: fromByte };
}
