/** What a zip file's own directory says of it, read without unpacking. Pure. */

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTES = 20;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 0xffff;
/** So much of a file's end holds the record that says where its directory is. */
export const ZIP_TAIL_BYTES = END_BYTES + COMMENT_BYTES_MAX;
const ENTRY_BYTES = 46;

export interface ZipDirectory {
  readonly startByte: number;
  readonly endByte: number;
  readonly entries: number;
}

/**
 * Where the directory is; `tail` is the end of a file of `sizeBytes`. Undefined: no zip file, or one that names a second directory as files
 * beyond 4 GiB do: readers differ in which they take, and what is unpacked would not be what was looked at.
 */
export function findZipDirectory(tail: Uint8Array, sizeBytes: number): ZipDirectory | undefined {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tail.byteLength - END_BYTES; at >= 0; at -= 1) {
    if (view.getUint32(at, true) !== END_SIGNATURE) continue;
    const entries = view.getUint16(at + 10, true);
    const length = view.getUint32(at + 12, true);
    const endByte = sizeBytes - tail.byteLength + at;
    // what stands before the archive (a self-extracting one) moves the offsets it names
    const startByte = endByte - length;
    if (startByte < 0) continue;
    const locator = at - ZIP64_LOCATOR_BYTES;
    if (locator >= 0 && view.getUint32(locator, true) === ZIP64_LOCATOR_SIGNATURE) return undefined;
    return { startByte, endByte, entries };
  }
  return undefined;
}

export interface ZipContents {
  readonly names: readonly string[];
  readonly unpackedBytes: number;
}

/** Names and sizes; undefined when the directory is damaged, or is not of as many entries as was said: readers go on to its end. */
export function readZipDirectory(bytes: Uint8Array, entries: number): ZipContents | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names: string[] = [];
  let unpackedBytes = 0;
  let at = 0;
  while (at < bytes.byteLength) {
    if (at + ENTRY_BYTES > bytes.byteLength || view.getUint32(at, true) !== ENTRY_SIGNATURE) return undefined;
    const nameBytes = view.getUint16(at + 28, true);
    const restBytes = view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (at + ENTRY_BYTES + nameBytes + restBytes > bytes.byteLength) return undefined;
    unpackedBytes += view.getUint32(at + 24, true);
    names.push(new TextDecoder().decode(bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes)));
    at += ENTRY_BYTES + nameBytes + restBytes;
  }
  return names.length === entries ? { names, unpackedBytes } : undefined;
}

/** Whether a member would land outside of the folder the file is unpacked into. */
export const leadsOut = (name: string): boolean => {
  const parts = name.replaceAll('\\', '/').split('/');
  return name.startsWith('/') || name.startsWith('\\') || parts.includes('..') || name.includes('\0');
};
