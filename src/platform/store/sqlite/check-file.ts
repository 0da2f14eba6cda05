import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 100;
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 'SQLite format 3\0';

/**
 * How many of its own pages a database file lacks: those that its header counts, that lie behind its end, and that its write-ahead log does not
 * have either (a checkpoint that was cut short leaves them there). SQLite opens such a file, and fails only where it reads one of them.
 * https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.
 */
export function missingPages(path: string): number {
  if (!existsSync(path)) return 0;
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const isWhole = readSync(file, header, 0, HEADER_BYTES, 0) === HEADER_BYTES;
    if (!isWhole || header.toString('latin1', 0, 16) !== MAGIC) return 0; // a new one, or none at all: SQLite says so
    const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
    const counted = header.readUInt32BE(28);
    const there = Math.floor(fstatSync(file).size / pageBytes);
    if (there >= counted) return 0;
    const logged = pagesInLog(`${path}-wal`, pageBytes);
    let missing = 0;
    for (let page = there + 1; page <= counted; page += 1) if (!logged.has(page)) missing += 1;
    return missing;
  } finally {
    closeSync(file);
  }
}

/** Numbers of the pages that a log has in its current round. */
function pagesInLog(path: string, pageBytes: number): Set<number> {
  const pages = new Set<number>();
  if (!existsSync(path)) return pages;
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(WAL_HEADER_BYTES);
    if (readSync(file, header, 0, WAL_HEADER_BYTES, 0) < WAL_HEADER_BYTES) return pages;
    const salt = header.subarray(16, 24);
    const frame = Buffer.alloc(FRAME_HEADER_BYTES);
    for (let at = WAL_HEADER_BYTES; readSync(file, frame, 0, FRAME_HEADER_BYTES, at) === FRAME_HEADER_BYTES; ) {
      if (!frame.subarray(8, 16).equals(salt)) break;
      pages.add(frame.readUInt32BE(0));
      at += FRAME_HEADER_BYTES + pageBytes;
    }
    return pages;
  } finally {
    closeSync(file);
  }
}
