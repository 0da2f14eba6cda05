import { ServiceError } from '../../platform/errors/families.ts';

/**
 * CBOR (RFC 8949) as far as AWS's clients use it, read into the values that JSON would have given: times (tag 1) are seconds, bytes are
 * base64. So everything behind it is the same for both.
 */

const DEPTH_MAX = 64;
const ITEMS_MAX = 1_000_000;
const BREAK = Symbol('break');

export function readCbor(bytes: Uint8Array): unknown {
  const reader = new CborReader(bytes);
  const value = reader.item(0);
  if (value === BREAK || reader.left > 0) throw unreadable('it has more than one item');
  return value;
}

const unreadable = (why: string): ServiceError =>
  new ServiceError('SerializationException', `The request body is not valid CBOR: ${why}.`);

class CborReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  item(depth: number): unknown {
    if (depth > DEPTH_MAX) throw unreadable(`it is nested deeper than ${DEPTH_MAX}`);
    this.#items += 1;
    if (this.#items > ITEMS_MAX) throw unreadable(`it has more than ${ITEMS_MAX} items`);
    const head = this.#take(1)[0] ?? 0;
    const kind = head >> 5;
    const low = head & 31;
    if (kind === 7) return this.#simple(low);
    if (low === 31) return this.#indefinite(kind, depth);
    const argument = this.#argument(low);
    switch (kind) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
        return Buffer.from(this.#take(argument)).toString('base64');
      case 3:
        return Buffer.from(this.#take(argument)).toString('utf8');
      case 4:
        return this.#list(argument, depth);
      case 5:
        return this.#map(argument, depth);
      default:
        return this.item(depth + 1); // a tag: of times the number of seconds is inside
    }
  }

  #take(count: number): Uint8Array {
    if (count > this.left) throw unreadable('it ends in the middle of an item');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  #argument(low: number): number {
    if (low < 24) return low;
    const at = this.#at;
    if (low > 27) throw unreadable('it has an item of an unknown form');
    this.#take(2 ** (low - 24));
    if (low === 24) return this.#view.getUint8(at);
    if (low === 25) return this.#view.getUint16(at);
    return low === 26 ? this.#view.getUint32(at) : Number(this.#view.getBigUint64(at));
  }

  #simple(low: number): unknown {
    const at = this.#at;
    switch (low) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
      case 23:
        return null;
      case 25:
        this.#take(2);
        return named(halfFloat(this.#view.getUint16(at)));
      case 26:
        this.#take(4);
        return named(this.#view.getFloat32(at));
      case 27:
        this.#take(8);
        return named(this.#view.getFloat64(at));
      case 31:
        return BREAK;
      default:
        throw unreadable('it has an item of an unknown form');
    }
  }

  #indefinite(kind: number, depth: number): unknown {
    if (kind === 4) return this.#list(Infinity, depth);
    if (kind === 5) return this.#map(Infinity, depth);
    if (kind !== 2 && kind !== 3) throw unreadable('it has an item of an unknown form');
    const parts: string[] = [];
    for (let part = this.item(depth + 1); part !== BREAK; part = this.item(depth + 1)) parts.push(String(part));
    if (kind === 3) return parts.join('');
    return Buffer.concat(parts.map((part) => Buffer.from(part, 'base64'))).toString('base64');
  }

  #list(count: number, depth: number): unknown[] {
    const list: unknown[] = [];
    while (list.length < count) {
      const value = this.item(depth + 1);
      if (value === BREAK) return broken(count, list);
      list.push(value);
    }
    return list;
  }

  #map(count: number, depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    while (entries.length < count) {
      const key = this.item(depth + 1);
      if (key === BREAK) return broken(count, Object.fromEntries(entries));
      if (typeof key !== 'string') throw unreadable('it has a map whose keys are no texts');
      entries.push([key, this.item(depth + 1)]);
    }
    return Object.fromEntries(entries); // `__proto__` becomes a member like any other
  }
}

function broken<T>(count: number, value: T): T {
  if (count !== Infinity) throw unreadable('it ends an item that says how long it is');
  return value;
}

/** As JSON clients write what JSON has no number for. */
const named = (value: number): unknown => (Number.isFinite(value) ? value : String(value));

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
