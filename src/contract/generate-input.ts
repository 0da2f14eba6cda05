import { pickFrom, type Random, sampleText } from './generate-text.ts';
import type { Shape, ShapeRef } from './model.ts';
import { compilePattern } from './pattern.ts';
import { type PatternNode, parsePattern } from './pattern-syntax.ts';
import { type Service, shapeOf } from './services.ts';

/** How generated values look: as JSON protocols send them, or as handlers and the constraint checks see them. */
export type InputForm = 'json' | 'typed';

export interface GenerateOptions {
  service: Service;
  random: Random;
  form: InputForm;
  /** How likely an optional member is set, 0 to 1. */
  fullness: number;
  /** A value to take for a scalar member instead of a random one, e.g. the name of what exists; it has to be within the constraints. */
  suggest?: (member: string, ref: ShapeRef, shape: Shape) => unknown;
}

const CONTAINERS: readonly string[] = ['structure', 'list', 'map'];

/** Optional members deeper than this are left out, as are shapes nested in themselves a second time. */
const maxDepth = 12;
const firstEpochSecond = 1_700_000_000;

/** A random input that the model allows; `undefined` when an operation's required members cannot be made. */
export function generateInput(options: GenerateOptions, operationName: string): Record<string, unknown> | undefined {
  const input = options.service.model.operations[operationName]?.input;
  if (input === undefined) return {};
  return generateValue(options, input, []) as Record<string, unknown> | undefined;
}

/**
 * A value of a shape within its constraints; `undefined` if none was found. `parents` are the shapes around it, `member` the name of
 * the member that it is, or is an element of.
 */
export function generateValue(options: GenerateOptions, ref: ShapeRef, parents: readonly string[], member = ''): unknown {
  const { service, random, form } = options;
  const shape = shapeOf(service.model, ref);
  const suggested = options.suggest && !CONTAINERS.includes(shape.type) ? options.suggest(member, ref, shape) : undefined;
  if (suggested !== undefined) return suggested;
  const inner = [...parents, ref.shape];
  switch (shape.type) {
    case 'structure':
      return shape.union ? generateUnion(options, shape, inner) : generateStructure(options, shape, inner);
    case 'list':
      return generateList(options, shape, inner, member);
    case 'map':
      return generateMap(options, shape, inner, member);
    case 'string':
      return generateString(service, shape, random);
    case 'boolean':
      return random() < 0.5;
    case 'timestamp': {
      const seconds = firstEpochSecond + Math.floor(random() * 1e8);
      return form === 'json' ? seconds : seconds * 1000;
    }
    case 'blob': {
      const bytes = new Uint8Array(Math.min(shape.max ?? 12, (shape.min ?? 0) + Math.floor(random() * 12)));
      return form === 'json' ? btoa(String.fromCharCode(...bytes)) : bytes;
    }
    default:
      return generateNumber(shape, random);
  }
}

function generateStructure(options: GenerateOptions, shape: Shape, parents: string[]): Record<string, unknown> | undefined {
  const result: Record<string, unknown> = {};
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    const required = shape.required?.includes(name) ?? false;
    const tooDeep = parents.length > maxDepth || parents.filter((parent) => parent === ref.shape).length > 1;
    if (!required && (tooDeep || options.random() >= options.fullness)) continue;
    const value = generateValue(options, ref, parents, name);
    if (value !== undefined) result[name] = value;
    else if (required) return undefined;
  }
  return result;
}

function generateUnion(options: GenerateOptions, shape: Shape, parents: string[]): Record<string, unknown> | undefined {
  const members = Object.entries(shape.members ?? {});
  const offset = Math.floor(options.random() * members.length);
  for (const [name, ref] of [...members.slice(offset), ...members.slice(0, offset)]) {
    if (parents.filter((parent) => parent === ref.shape).length > 1) continue;
    const value = generateValue(options, ref, parents, name);
    if (value !== undefined) return { [name]: value };
  }
  return undefined;
}

function generateList(options: GenerateOptions, shape: Shape, parents: string[], name: string): unknown[] | undefined {
  const ref = shape.member ?? { shape: 'String' };
  const least = shape.min ?? 0;
  if (parents.filter((parent) => parent === ref.shape).length > 1) return least === 0 ? [] : undefined;
  const size = Math.min(shape.max ?? 2, Math.max(least, 1 + Math.floor(options.random() * 2)));
  const list = Array.from({ length: size }, () => generateValue(options, ref, parents, name));
  if (!list.includes(undefined)) return list;
  return least === 0 ? [] : undefined;
}

function generateMap(
  options: GenerateOptions,
  shape: Shape,
  parents: string[],
  name: string,
): Record<string, unknown> | undefined {
  const result: Record<string, unknown> = {};
  const size = Math.min(shape.max ?? 2, Math.max(shape.min ?? 0, 1));
  for (let attempt = 0; attempt < 50 && Object.keys(result).length < size; attempt += 1) {
    const key = generateValue(options, shape.key ?? { shape: 'String' }, parents);
    const value = generateValue(options, shape.value ?? { shape: 'String' }, parents, name);
    if (typeof key === 'string' && value !== undefined) result[key] = value;
  }
  return Object.keys(result).length >= (shape.min ?? 0) ? result : undefined;
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';

const patterns = new Map<string, { node: PatternNode; matcher: RegExp }>();

/** Read once: the patterns of a model are few, the strings made of them many. */
function readPattern(service: Service, pattern: string): { node: PatternNode; matcher: RegExp } {
  let read = patterns.get(pattern);
  if (read === undefined) {
    const node = parsePattern(service.replacements.get(pattern) ?? pattern);
    read = { node, matcher: compilePattern(pattern, service.replacements) };
    patterns.set(pattern, read);
  }
  return read;
}

/** Tries the pattern with ever longer loops until the text has an allowed length and matches. */
export function generateString(service: Service, shape: Shape, random: Random): string | undefined {
  if (shape.enum) return pickFrom(shape.enum, random);
  const least = shape.min ?? 0;
  const most = shape.max ?? Math.max(1024, least);
  if (shape.pattern === undefined) {
    const length = Math.min(most, least + 1 + Math.floor(random() * 12));
    return Array.from({ length }, () => pickFrom([...letters], random)).join('');
  }
  const { node, matcher } = readPattern(service, shape.pattern);
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const text = sampleText(node, random, [2, 8, 0, 20, 4, 60][attempt % 6] ?? 2);
    const length = [...text].length;
    if (length >= least && length <= most && matcher.test(text)) return text;
  }
  return undefined;
}

function generateNumber(shape: Shape, random: Random): number {
  const least = shape.min ?? Math.min(0, shape.max ?? 0);
  const most = Math.min(shape.max ?? least + 100, least + 1e6);
  const value = least + random() * (most - least);
  return shape.type === 'float' || shape.type === 'double' ? value : Math.min(most, Math.round(value));
}
