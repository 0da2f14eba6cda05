import type { Shape, ShapeRef } from './model.ts';
import { type Service, shapeOf } from './services.ts';

/** What a reader meets on its way: the first value of a wrong type ends the reading, as on AWS. */
export interface Reading {
  /** The text of the SerializationException. */
  problem?: string;
}

/** Turns a parsed JSON value into the typed one: known members only, nulls dropped, timestamps and blobs converted. */
export type Reader = (value: unknown, reading: Reading, depth: number) => unknown;

/** Deeper than any real request; recursive shapes must not exhaust the stack. */
const maxDepth = 200;

const latestMs = 8.64e15;

export function compileReader(service: Service, readers: Map<string, Reader>, ref: ShapeRef): Reader {
  const shape = shapeOf(service.model, ref);
  if (shape.document) return (value) => value;
  switch (shape.type) {
    case 'structure':
      return compileStructure(service, readers, ref, shape);
    case 'list':
      return compileList(service, readers, shape);
    case 'map':
      return compileMap(service, readers, shape);
    case 'string':
      return (value, reading) => (typeof value === 'string' ? wholeText(value, reading) : refuse(value, reading, 'String'));
    case 'boolean':
      return (value, reading) => (typeof value === 'boolean' ? value : refuse(value, reading, 'Boolean'));
    case 'integer':
      return (value, reading) => (isInteger(value, 2 ** 31) ? value : refuse(value, reading, 'Integer'));
    case 'long':
      return (value, reading) => (isInteger(value, 2 ** 63) ? value : refuse(value, reading, 'Long'));
    case 'float':
      return (value, reading) => readNumber(value) ?? refuse(value, reading, 'Float');
    case 'double':
      return (value, reading) => readNumber(value) ?? refuse(value, reading, 'Double');
    case 'timestamp':
      return (value, reading) => readTimestamp(value) ?? refuse(value, reading, 'Timestamp');
    case 'blob':
      return (value, reading) => readBlob(value) ?? refuse(value, reading, 'Blob');
  }
}

function compileStructure(service: Service, readers: Map<string, Reader>, ref: ShapeRef, shape: Shape): Reader {
  const known = readers.get(ref.shape);
  if (known) return known;
  let members: [name: string, wireName: string, read: Reader][] | undefined;
  const reader: Reader = (value, reading, depth) => {
    if (!isObject(value)) return refuse(value, reading, undefined);
    if (depth > maxDepth) return fail(reading, `Nesting is deeper than ${maxDepth} levels`);
    members ??= Object.entries(shape.members ?? {}).map(([name, target]) => [
      name,
      // outside of the body the name is that of a header, a label or a query parameter
      target.location ? name : (target.locationName ?? name),
      compileReader(service, readers, target),
    ]);
    const result: Record<string, unknown> = {};
    for (const [name, wireName, read] of members) {
      const member = value[wireName];
      if (member === undefined || member === null) continue;
      result[name] = read(member, reading, depth + 1);
      if (reading.problem !== undefined) return undefined;
    }
    return result;
  };
  readers.set(ref.shape, reader);
  return reader;
}

function compileList(service: Service, readers: Map<string, Reader>, shape: Shape): Reader {
  const readElement = compileReader(service, readers, shape.member ?? { shape: 'String' });
  return (value, reading, depth) => {
    if (!Array.isArray(value)) {
      return isObject(value) ? refuse(value, reading, undefined) : fail(reading, 'Expected list or null');
    }
    const result: unknown[] = [];
    for (const element of value) {
      result.push(element === null ? null : readElement(element, reading, depth + 1));
      if (reading.problem !== undefined) return undefined;
    }
    return result;
  };
}

function compileMap(service: Service, readers: Map<string, Reader>, shape: Shape): Reader {
  const readValue = compileReader(service, readers, shape.value ?? { shape: 'String' });
  return (value, reading, depth) => {
    if (!isObject(value)) {
      return Array.isArray(value) ? refuse(value, reading, undefined) : fail(reading, 'Expected map or null');
    }
    const result: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value)) {
      wholeText(key, reading);
      setEntry(result, key, entry === null ? null : readValue(entry, reading, depth + 1));
      if (reading.problem !== undefined) return undefined;
    }
    return result;
  };
}

/** Half of a surrogate pair is no character: on disk and on the wire it would become another one. */
function wholeText(text: string, reading: Reading): string | undefined {
  return text.isWellFormed() ? text : fail(reading, 'A string holds half of a surrogate pair, which is no Unicode text');
}

/** A caller may well name an entry `__proto__`; plain assignment would change the object's prototype instead. */
function setEntry(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

/** Coral's words for a token of the wrong kind; `wanted` is absent where a structure should have been. */
function refuse(value: unknown, reading: Reading, wanted: string | undefined): undefined {
  if (Array.isArray(value)) return fail(reading, 'Start of list found where not expected');
  if (isObject(value)) return fail(reading, 'Start of structure or map found where not expected.');
  if (wanted === undefined) return fail(reading, 'Expected null');
  const kind =
    typeof value === 'boolean'
      ? value
        ? 'TRUE_VALUE'
        : 'FALSE_VALUE'
      : typeof value === 'number'
        ? 'NUMBER_VALUE'
        : 'STRING_VALUE';
  return fail(reading, `${kind} cannot be converted to ${wanted}`);
}

function fail(reading: Reading, problem: string): undefined {
  reading.problem ??= problem;
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown, limit: number): boolean {
  return Number.isInteger(value) && (value as number) >= -limit && (value as number) < limit;
}

function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
}

/** Epoch seconds, or ISO 8601 with a time zone; epoch milliseconds inside. */
function readTimestamp(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? Math.round(value * 1000) : typeof value === 'string' ? parseIso(value) : Number.NaN;
  return Number.isFinite(ms) && Math.abs(ms) <= latestMs ? ms : undefined;
}

function parseIso(text: string): number {
  return /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
}

function readBlob(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined;
  const text = atob(value);
  const bytes = new Uint8Array(text.length);
  // a callback for each byte would take seconds for the code of a function
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
