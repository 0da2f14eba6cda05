import { crc32 } from 'node:zlib';

/** A zip archive of some texts, stored as they are; the same texts give the same bytes. */
export function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const path = Buffer.from(name);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(0x21, 8); // the first day that a zip can name
    shared.writeUInt32LE(crc32(content), 10);
    shared.writeUInt32LE(content.length, 14);
    shared.writeUInt32LE(content.length, 18);
    shared.writeUInt16LE(path.length, 22);
    const entry = Buffer.alloc(16);
    entry.writeUInt32LE((0o100644 << 16) >>> 0, 8);
    entry.writeUInt32LE(offset, 12);
    const local = [Buffer.from('PK\x03\x04'), shared, path, content];
    directory.push(Buffer.from('PK\x01\x02\x14\x03'), shared, entry.subarray(2), path);
    for (const part of local) {
      parts.push(part);
      offset += part.length;
    }
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, index, end]);
}
