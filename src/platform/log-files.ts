import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storageError } from './objects/blob-files.ts';
import type { LogFiles, LogLines, LogStreamName } from './ports/log-files.ts';

/** A file name's limit is 255 bytes; longer encoded names are cut and told apart by a hash. */
const NAME_CHARS_MAX = 200;
/** A line longer than this is given out in parts, so that no read is unbounded. */
const LINE_BYTES_MAX = 1024 * 1024;
const NEWLINE = 0x0a;

/** Streams as files `<folder>/<account>/<region>/<group>/<stream>.log`, names encoded. */
export function createLogFiles(options: { readonly folder: string }): LogFiles {
  const pathOf = ({ account, region, group, stream }: LogStreamName) =>
    join(options.folder, encoded(account), encoded(region), encoded(group), `${encoded(stream)}.log`);
  const made = async (stream: LogStreamName) => {
    const path = pathOf(stream);
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return path;
  };
  return {
    path: made,
    async append(stream, lines) {
      // one write of whole lines: a shim may append to the same file at the same time
      const text = lines
        .flatMap(({ timeMs, text }) => text.split(/\r?\n/).map((line) => `${Math.trunc(timeMs)} ${line}\n`))
        .join('');
      if (text === '') return;
      try {
        await appendLines(await made(stream), text);
      } catch (error) {
        throw storageError('The log could not be written.', error);
      }
    },
    read: (stream, fromByte, limitBytes) => readLines(pathOf(stream), fromByte, limitBytes),
    async sizeBytes(stream) {
      const found = await fs.stat(pathOf(stream)).catch(absent);
      return found?.size ?? 0;
    },
    async remove(stream) {
      await fs.rm(pathOf(stream), { force: true });
    },
    erase: (stream, beforeByte) => erase(pathOf(stream), beforeByte),
  };
}

/** A disk that was full may have taken half a line: what comes now is not its end. */
async function appendLines(path: string, text: string): Promise<void> {
  const file = await fs.open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    // of a file that was erased to its end the last byte is a zero, and no line's
    const isCut = size > 0 && (await readSome(file, size - 1, 1))[0] !== NEWLINE && size > (await firstByteOf(file));
    await file.appendFile(isCut ? `\n${text}` : text);
  } finally {
    await file.close();
  }
}

/** Letters, digits, `-` and `_` stay, everything else (also `.` and `/`) becomes %XX: no name can leave its folder. */
function encoded(name: string): string {
  const safe = encodeURIComponent(name.toWellFormed()).replace(
    /[.!'()*~]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  if (safe.length <= NAME_CHARS_MAX) return safe === '' ? '%' : safe;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return `${safe.slice(0, NAME_CHARS_MAX - 33).replace(/%.?$/, '')}~${hash}`;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}

/** What an erased file begins with: where its first line is now. No line of a log looks like it, since lines begin with a time. */
const eraseMark = (firstByte: number): string => `erased ${String(firstByte).padStart(20, '0')}\n`;
const MARK_BYTES = Buffer.byteLength(eraseMark(0));
const ZEROS = Buffer.alloc(256 * 1024);

/** Marked first: dying in between leaves bytes that nobody reads any more and that the next erasure takes along. */
async function erase(path: string, beforeByte: number): Promise<void> {
  const file = await fs.open(path, 'r+').catch(absent);
  if (!file) return;
  try {
    const { size } = await file.stat();
    const end = Math.min(beforeByte, size);
    if (end <= Math.max(MARK_BYTES, await firstByteOf(file))) return;
    await file.write(eraseMark(end), 0);
    if (await punchHole(path, MARK_BYTES, end - MARK_BYTES)) return;
    for (let at = MARK_BYTES; at < end; at += ZEROS.length) await file.write(ZEROS, 0, Math.min(ZEROS.length, end - at), at);
  } finally {
    await file.close();
  }
}

/** Gives the space back to the disk; false where the tool or the file system cannot. */
function punchHole(path: string, offset: number, sizeBytes: number): Promise<boolean> {
  return new Promise((resolve) => {
    const options = ['--punch-hole', '--offset', String(offset), '--length', String(sizeBytes), path];
    execFile('fallocate', options, (error) => resolve(error === null));
  });
}

/** Where the first line that is still there begins. */
async function firstByteOf(file: fs.FileHandle): Promise<number> {
  const head = (await readSome(file, 0, MARK_BYTES)).toString('latin1');
  return Number(/^erased (\d{20})\n$/.exec(head)?.[1] ?? 0);
}

async function readLines(path: string, fromByte: number, limitBytes: number): Promise<LogLines> {
  const file = await fs.open(path, 'r').catch(absent);
  if (!file) return { events: [], nextOffset: fromByte };
  try {
    let content = await readSome(file, fromByte, Math.max(1, Math.min(limitBytes, LINE_BYTES_MAX)));
    if (mayBeErased(content, fromByte)) {
      const firstByte = await firstByteOf(file);
      if (firstByte > fromByte) return { events: [], nextOffset: firstByte };
    }
    let end = content.lastIndexOf(NEWLINE) + 1;
    if (end === 0 && content.length > 0) {
      // not one whole line within the limit: read on to its end, or give out a part of a line without one
      content = await readSome(file, fromByte, LINE_BYTES_MAX);
      end = content.indexOf(NEWLINE) + 1 || (content.length === LINE_BYTES_MAX ? content.length : 0);
    }
    return { events: linesOf(content.subarray(0, end), fromByte, (await file.stat()).mtimeMs), nextOffset: fromByte + end };
  } finally {
    await file.close();
  }
}

/** An erased place reads as its mark, from within or from its start, or as zeros; a program's own zeros cost one look more. */
const mayBeErased = (content: Buffer, fromByte: number): boolean =>
  content[0] === 0 || content[0] === ERASED_INITIAL || (fromByte > 0 && fromByte < MARK_BYTES);
const ERASED_INITIAL = 'e'.charCodeAt(0);

async function readSome(file: fs.FileHandle, fromByte: number, sizeBytes: number): Promise<Buffer> {
  const content = Buffer.allocUnsafeSlow(sizeBytes);
  let filled = 0;
  while (filled < sizeBytes) {
    const { bytesRead } = await file.read(content, filled, sizeBytes - filled, fromByte + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return content.subarray(0, filled);
}

function linesOf(content: Buffer, fromByte: number, fileTimeMs: number): LogLines['events'] {
  const events: { timeMs: number; text: string; atByte: number }[] = [];
  let lastTimeMs = Math.trunc(fileTimeMs);
  for (let at = 0; at < content.length; ) {
    const newline = content.indexOf(NEWLINE, at);
    const end = newline === -1 ? content.length : newline;
    const line = content.toString('utf8', at, end);
    const match = /^([0-9]{1,16}) /.exec(line);
    // a part of an over-long line has no time of its own: it takes that of the line before, or of the file
    if (match) lastTimeMs = Number(match[1]);
    events.push({ timeMs: lastTimeMs, text: match ? line.slice(match[0].length) : line, atByte: fromByte + at });
    at = end + 1;
  }
  return events;
}
