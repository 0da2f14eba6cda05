import type { ShapeRef } from '../../contract/model.ts';
import { type Service, shapeOf } from '../../contract/services.ts';

/** Typed values to CBOR as the model describes them; members the model does not know are left out. */

const EPOCH_TAG = 0xc1;
const FLOAT_64 = 0xfb;

export function writeCbor(service: Service, ref: ShapeRef, value: unknown): Uint8Array {
  const parts: Uint8Array[] = [];
  writeShape(parts, service, ref, value);
  return Buffer.concat(parts);
}

/** Values without a model: errors and what their members hold. */
export function writeCborValue(value: unknown): Uint8Array {
  const parts: Uint8Array[] = [];
  writeValue(parts, value);
  return Buffer.concat(parts);
}

function writeShape(parts: Uint8Array[], service: Service, ref: ShapeRef, value: unknown): void {
  const shape = shapeOf(service.model, ref);
  switch (value === null || value === undefined || shape.document ? 'document' : shape.type) {
    case 'structure': {
      const source = value as Record<string, unknown>;
      const members = Object.entries(shape.members ?? {}).filter(([name]) => source[name] !== undefined && source[name] !== null);
      parts.push(head(5, members.length));
      for (const [name, member] of members) {
        writeText(parts, name);
        writeShape(parts, service, member, source[name]);
      }
      return;
    }
    case 'list': {
      const list = value as readonly unknown[];
      parts.push(head(4, list.length));
      for (const element of list) writeShape(parts, service, shape.member ?? { shape: 'String' }, element);
      return;
    }
    case 'map': {
      const entries = Object.entries(value as object);
      parts.push(head(5, entries.length));
      for (const [key, entry] of entries) {
        writeText(parts, key);
        writeShape(parts, service, shape.value ?? { shape: 'String' }, entry);
      }
      return;
    }
    case 'timestamp':
      parts.push(Uint8Array.of(EPOCH_TAG));
      writeFloat(parts, (value as number) / 1000);
      return;
    case 'blob': {
      const bytes = value as Uint8Array;
      parts.push(head(2, bytes.length), bytes);
      return;
    }
    case 'float':
    case 'double':
      writeFloat(parts, Number(value));
      return;
    default:
      writeValue(parts, value);
  }
}

function writeValue(parts: Uint8Array[], value: unknown): void {
  if (value === null || value === undefined) parts.push(Uint8Array.of(0xf6));
  else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xf5 : 0xf4));
  else if (typeof value === 'string') writeText(parts, value);
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) parts.push(value < 0 ? head(1, -1 - value) : head(0, value));
    else writeFloat(parts, value);
  } else if (Array.isArray(value)) {
    parts.push(head(4, value.length));
    for (const element of value as unknown[]) writeValue(parts, element);
  } else {
    const entries = Object.entries(value as object).filter(([, entry]) => entry !== undefined);
    parts.push(head(5, entries.length));
    for (const [key, entry] of entries) {
      writeText(parts, key);
      writeValue(parts, entry);
    }
  }
}

function writeText(parts: Uint8Array[], text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  parts.push(head(3, bytes.length), bytes);
}

function writeFloat(parts: Uint8Array[], value: number): void {
  const bytes = Buffer.alloc(9);
  bytes[0] = FLOAT_64;
  bytes.writeDoubleBE(value, 1);
  parts.push(bytes);
}

/** Kind and argument of an item. */
function head(kind: number, argument: number): Uint8Array {
  const high = kind << 5;
  if (argument < 24) return Uint8Array.of(high | argument);
  if (argument < 0x100) return Uint8Array.of(high | 24, argument);
  if (argument < 0x10000) return Uint8Array.of(high | 25, argument >> 8, argument & 0xff);
  const long = argument >= 0x1_0000_0000;
  const bytes = Buffer.alloc(long ? 9 : 5);
  bytes[0] = high | (long ? 27 : 26);
  if (long) bytes.writeBigUInt64BE(BigInt(argument), 1);
  else bytes.writeUInt32BE(argument, 1);
  return bytes;
}
