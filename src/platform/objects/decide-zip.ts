/** What a zip file's own directory says of it, read without unpacking. Pure. */

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
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
  /** Bytes before the archive: they are not counted in the offsets that it names. */
  readonly shiftBytes: number;
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
    const startByte = endByte - length;
    if (startByte < 0) continue;
    const locator = at - ZIP64_LOCATOR_BYTES;
    if (locator >= 0 && view.getUint32(locator, true) === ZIP64_LOCATOR_SIGNATURE) return undefined;
    // what stands before the archive (a self-extracting one) moves the offsets it names
    const shiftBytes = startByte - view.getUint32(at + 16, true);
    return shiftBytes < 0 ? undefined : { startByte, endByte, entries, shiftBytes };
  }
  return undefined;
}

export interface ZipContents {
  readonly names: readonly string[];
  readonly unpackedBytes: number;
}

/** Names and sizes; undefined when the directory is damaged, or is not of as many entries as was said: readers go on to its end. */
export function readZipDirectory(bytes: Uint8Array, entries: number): ZipContents | undefined {
  const members = readMembers(bytes, entries);
  return (
    members && {
      names: members.map(({ name }) => name),
      unpackedBytes: members.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    }
  );
}

interface ZipMember {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  /** Where its own header is; see ZipDirectory.shiftBytes. */
  readonly localByte: number;
}

function readMembers(bytes: Uint8Array, entries: number): ZipMember[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const members: ZipMember[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    if (at + ENTRY_BYTES > bytes.byteLength || view.getUint32(at, true) !== ENTRY_SIGNATURE) return undefined;
    const nameBytes = view.getUint16(at + 28, true);
    const restBytes = view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (at + ENTRY_BYTES + nameBytes + restBytes > bytes.byteLength) return undefined;
    members.push({
      name: new TextDecoder().decode(bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes)),
      method: view.getUint16(at + 10, true),
      packedBytes: view.getUint32(at + 20, true),
      sizeBytes: view.getUint32(at + 24, true),
      localByte: view.getUint32(at + 42, true),
    });
    at += ENTRY_BYTES + nameBytes + restBytes;
  }
  return members.length === entries ? members : undefined;
}

export interface ZipEntry {
  readonly method: 'stored' | 'deflated';
  readonly startByte: number;
  readonly endByte: number;
  readonly sizeBytes: number;
}

/** Where the one file named `path` is in an archive held in memory. Undefined when there is none; a text says why the archive cannot be read. */
export function findZipEntry(bytes: Uint8Array, path: string): ZipEntry | string | undefined {
  const directory = findZipDirectory(bytes, bytes.byteLength);
  if (!directory) return 'it is no zip file, or names a second directory as those beyond 4 GiB do';
  const members = readMembers(bytes.subarray(directory.startByte, directory.endByte), directory.entries);
  if (!members) return 'its directory is damaged';
  const [member, ...more] = members.filter(({ name }) => name === path);
  if (!member) return undefined;
  if (more.length > 0) return 'it holds the file more than once';
  const { method, packedBytes, sizeBytes } = member;
  if (method !== 0 && method !== 8) return `it is packed by method ${method}, which is not supported`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const local = directory.shiftBytes + member.localByte;
  if (local + LOCAL_BYTES > view.byteLength || view.getUint32(local, true) !== LOCAL_SIGNATURE) return 'its directory is damaged';
  const startByte = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const endByte = startByte + packedBytes;
  if (endByte > directory.startByte) return 'it ends in the middle of a file';
  return { method: method === 0 ? 'stored' : 'deflated', startByte, endByte, sizeBytes };
}

/** Whether a member would land outside of the folder the file is unpacked into. */
export const leadsOut = (name: string): boolean => {
  const parts = name.replaceAll('\\', '/').split('/');
  return name.startsWith('/') || name.startsWith('\\') || parts.includes('..') || name.includes('\0');
};
