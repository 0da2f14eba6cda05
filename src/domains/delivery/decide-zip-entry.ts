/** Finds one file in a zip archive held in memory. Pure. */

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;

export interface ZipEntry {
  readonly method: 'stored' | 'deflated';
  readonly startByte: number;
  readonly endByte: number;
  readonly sizeBytes: number;
}

/** Undefined when there is no such file; a text says why the archive cannot be read. */
export function findZipEntry(bytes: Uint8Array, path: string): ZipEntry | string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.byteLength - END_BYTES;
  while (end >= 0 && view.getUint32(end, true) !== END) end -= 1;
  if (end < 0) return 'it is no zip file';
  let at = view.getUint32(end + 16, true);
  for (let count = view.getUint16(end + 10, true); count > 0; count -= 1) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY) return 'its directory is damaged';
    const nameBytes = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameBytes));
    if (name === path) return entryAt(view, at);
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return undefined;
}

function entryAt(view: DataView, at: number): ZipEntry | string {
  const method = view.getUint16(at + 10, true);
  const packedBytes = view.getUint32(at + 20, true);
  const local = view.getUint32(at + 42, true);
  if (method !== 0 && method !== 8) return `it is packed by method ${method}, which is not supported`;
  if (local + 30 > view.byteLength || view.getUint32(local, true) !== LOCAL) return 'its directory is damaged';
  const startByte = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const endByte = startByte + packedBytes;
  if (endByte > view.byteLength) return 'it ends in the middle of a file';
  return { method: method === 0 ? 'stored' : 'deflated', startByte, endByte, sizeBytes: view.getUint32(at + 24, true) };
}
