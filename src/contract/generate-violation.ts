import { lowerCamel } from './fault.ts';
import { type GenerateOptions, generateInput, generateValue } from './generate-input.ts';
import type { Shape, ShapeRef } from './model.ts';
import { compilePattern } from './pattern.ts';
import { type Service, shapeOf } from './services.ts';

export type ViolationKind =
  | 'missing'
  | 'null-element'
  | 'too-long'
  | 'too-short'
  | 'too-large'
  | 'too-small'
  | 'pattern'
  | 'enum'
  | 'union'
  | 'map-key'
  | 'type';

/** An input that breaks the model in one place, and what has to be said of it. */
export interface Violation {
  input: Record<string, unknown>;
  /** The path AWS names; empty for `type`, which is a SerializationException without a path. */
  path: string;
  kind: ViolationKind;
  /** Where in the model, see `Site.place`. */
  place: string;
  /** What the message says of it; for lists and maps of scalars AWS lists every constraint, this one among them. */
  constraint: string;
}

/** Sizes beyond these are not tried: larger than any request the gateway reads, or as many keys as take long to make. */
const maxSize = 200_000;
const maxElements = 10_000;
const maxEntries = 300;

/** A place in a generated input: where it is, what stands there, what AWS would call it. */
interface Site {
  keys: (string | number)[];
  path: string;
  ref: ShapeRef;
  value: unknown;
  /** A fault of a scalar inside a list or map is reported for the whole. */
  reportedAs: string;
  required: boolean;
  /** In the model rather than in an input: `CreateModelInput.ModelName`, `TagList[]`, `Environment{}`. */
  place: string;
  /** Whether it is an element of a list or a value of a map. */
  isElement: boolean;
}

/** Every single violation of one generated input with all its members; other inputs (seeds) take other union members. */
export function generateViolations(options: GenerateOptions, operationName: string): Violation[] {
  const root = options.service.model.operations[operationName]?.input;
  const input = generateInput({ ...options, fullness: 1 }, operationName);
  if (root === undefined || input === undefined) return [];
  const sites = listSites(options.service, root, input);
  return sites.flatMap((site) =>
    breakSite(options, site).map((broken) => ({
      input: replaceAt(input, site.keys, broken.value) as Record<string, unknown>,
      path: broken.kind === 'type' ? '' : broken.whole ? site.path : site.reportedAs,
      kind: broken.kind,
      constraint: broken.constraint,
      place: site.place,
    })),
  );
}

interface Broken {
  kind: Violation['kind'];
  constraint: string;
  /** `undefined` removes the member. */
  value: unknown;
  /** Reported at the site itself even where scalars are reported for the whole. */
  whole?: boolean;
}

function listSites(service: Service, root: ShapeRef, input: unknown): Site[] {
  const sites: Site[] = [];
  const visit = (site: Site): void => {
    sites.push(site);
    for (const child of childrenOf(service, site)) visit(child);
  };
  visit({ keys: [], path: '', ref: root, value: input, reportedAs: '', required: false, place: '', isElement: false });
  return sites.slice(1);
}

function childrenOf(service: Service, site: Site): Site[] {
  const shape = shapeOf(service.model, site.ref);
  if (shape.type === 'structure') {
    return Object.entries(site.value as Record<string, unknown>).flatMap(([name, value]) => {
      const ref = shape.members?.[name];
      const path = site.path === '' ? lowerCamel(name) : `${site.path}.${lowerCamel(name)}`;
      const required = shape.required?.includes(name) ?? false;
      const place = `${site.ref.shape}.${name}`;
      return ref ? [{ keys: [...site.keys, name], path, ref, value, reportedAs: path, required, place, isElement: false }] : [];
    });
  }
  const element = shape.type === 'list' ? shape.member : shape.type === 'map' ? shape.value : undefined;
  if (!element) return [];
  const entries = shape.type === 'list' ? [...(site.value as unknown[]).entries()] : Object.entries(site.value as object);
  return entries.map(([key, value]) => {
    const path = `${site.path}.${typeof key === 'number' ? key + 1 : key}.member`;
    const whole = isContainer(shapeOf(service.model, element)) ? path : site.path;
    const place = `${site.ref.shape}${shape.type === 'list' ? '[]' : '{}'}`;
    return { keys: [...site.keys, key], path, ref: element, value, reportedAs: whole, required: false, place, isElement: true };
  });
}

function breakSite(options: GenerateOptions, site: Site): Broken[] {
  const shape = shapeOf(options.service.model, site.ref);
  const broken: Broken[] = [];
  if (site.required) broken.push({ kind: 'missing', constraint: 'Member must not be null', value: undefined, whole: true });
  if (site.isElement) broken.push({ kind: 'null-element', constraint: 'Member must not be null', value: null, whole: true });
  if (options.form === 'json') broken.push({ kind: 'type', constraint: '', value: wrongType(shape) });
  if (site.ref.streaming || shape.streaming) return broken;
  if (shape.type === 'structure') return shape.union ? [...broken, breakUnion(options, shape, site)] : broken;
  if (shape.type === 'boolean' || shape.type === 'timestamp') return broken;
  if (['integer', 'long', 'float', 'double'].includes(shape.type)) return [...broken, ...breakNumber(shape)];
  if (shape.type === 'map') broken.push(...breakKeys(options, shape, site.value as Record<string, unknown>));
  return [...broken, ...breakLength(options, shape, site), ...breakText(options, shape, site.value)];
}

function wrongType(shape: Shape): unknown {
  if (shape.type === 'string' || shape.type === 'blob' || shape.type === 'timestamp') return true;
  if (shape.type === 'list') return {};
  return shape.type === 'structure' || shape.type === 'map' ? [] : 'x';
}

function breakUnion(options: GenerateOptions, shape: Shape, site: Site): Broken {
  const names = Object.keys(shape.members ?? {});
  const constraint = `Exactly one member must be set: [${names.map(lowerCamel).join(', ')}]`;
  const other = names.find((name) => !(name in (site.value as object)));
  const ref = other === undefined ? undefined : shape.members?.[other];
  const second = ref && generateValue({ ...options, fullness: 0 }, ref, []);
  const both = other !== undefined && second !== undefined && options.random() < 0.5;
  return { kind: 'union', constraint, value: both ? { ...(site.value as object), [other]: second } : {} };
}

function breakNumber(shape: Shape): Broken[] {
  const broken: Broken[] = [];
  const limit = shape.type === 'integer' ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
  if (shape.max !== undefined && shape.max < limit) {
    const constraint = `Member must have value less than or equal to ${shape.max}`;
    broken.push({ kind: 'too-large', constraint, value: Math.floor(shape.max) + 1 });
  }
  if (shape.min !== undefined && shape.min > -limit) {
    const constraint = `Member must have value greater than or equal to ${shape.min}`;
    broken.push({ kind: 'too-small', constraint, value: Math.ceil(shape.min) - 1 });
  }
  return broken;
}

/** One key more that the keys' shape does not allow. */
function breakKeys(options: GenerateOptions, shape: Shape, value: Record<string, unknown>): Broken[] {
  const keyShape = shapeOf(options.service.model, shape.key ?? { shape: 'String' });
  const [first] = Object.entries(value);
  if (!first || (shape.max !== undefined && Object.keys(value).length > shape.max)) return [];
  const [key, item] = first;
  const bad =
    keyShape.max !== undefined && keyShape.max < maxSize
      ? 'a'.repeat(keyShape.max + 1)
      : (breakText(options, keyShape, key)[0]?.value as string | undefined);
  if (bad === undefined) return [];
  return [
    {
      kind: 'map-key',
      constraint: 'Map keys must satisfy constraint: [',
      value: Object.fromEntries([[bad, item], ...Object.entries(value).slice(1)]),
      whole: true,
    },
  ];
}

function breakLength(options: GenerateOptions, shape: Shape, site: Site): Broken[] {
  const broken: Broken[] = [];
  const isContainerShape = isContainer(shape);
  const whole = isContainerShape ? { whole: true } : {};
  if (shape.max !== undefined && shape.max < sizeLimit(shape) && !shape.enum) {
    const value = resize(options, shape, site.value, shape.max + 1);
    const constraint = `Member must have length less than or equal to ${shape.max}`;
    if (value !== undefined) broken.push({ kind: 'too-long', constraint, value, ...whole });
  }
  if (shape.min !== undefined && shape.min > 0 && !shape.enum) {
    const value = resize(options, shape, site.value, shape.min - 1);
    const constraint = `Member must have length greater than or equal to ${shape.min}`;
    if (value !== undefined) broken.push({ kind: 'too-short', constraint, value, ...whole });
  }
  return broken;
}

const sizeLimit = (shape: Shape): number => (shape.type === 'list' ? maxElements : shape.type === 'map' ? maxEntries : maxSize);

/** The same kind of value with exactly so many characters, bytes, elements or entries. */
function resize(options: GenerateOptions, shape: Shape, value: unknown, size: number): unknown {
  if (Array.isArray(value)) return value.length === 0 && size > 0 ? undefined : Array.from({ length: size }, () => value[0]);
  if (value instanceof Uint8Array) return new Uint8Array(size);
  if (shape.type === 'blob') return btoa('\0'.repeat(size));
  if (typeof value === 'string') return 'a'.repeat(size);
  const entries = Object.entries(value as object);
  for (let attempt = 0; attempt < 20 * size && entries.length < size; attempt += 1) {
    const key = generateValue(options, shape.key ?? { shape: 'String' }, []);
    if (typeof key === 'string' && entries[0] && !entries.some(([known]) => known === key)) entries.push([key, entries[0][1]]);
  }
  return entries.length >= size ? Object.fromEntries(entries.slice(0, size)) : undefined;
}

/** Between them refused by every pattern that refuses anything of the length it allows. */
const SPOILERS = ['!', ' ', '\u2028', '\u0000', '-', '/', ':', '*', '\n', 'é', 'a', 'A', '.'];

function breakText(options: GenerateOptions, shape: Shape, value: unknown): Broken[] {
  if (shape.type !== 'string' || typeof value !== 'string') return [];
  if (shape.enum) {
    const constraint = `Member must satisfy enum value set: [${shape.enum.join(', ')}]`;
    return [{ kind: 'enum', constraint, value: 'no-such-value' }];
  }
  if (shape.pattern === undefined) return [];
  const matcher = compilePattern(shape.pattern, options.service.replacements);
  const constraint = `Member must satisfy regular expression pattern: ${shape.pattern}`;
  const length = Math.max(shape.min ?? 1, Math.min([...value].length, shape.max ?? 1024), 1);
  const spoiled = SPOILERS.map(
    (char) =>
      char +
      [...value]
        .slice(1)
        .join('')
        .padEnd(length - 1, char),
  );
  const bad = spoiled.find((text) => [...text].length <= (shape.max ?? Infinity) && !matcher.test(text));
  return bad === undefined ? [] : [{ kind: 'pattern', constraint, value: bad }];
}

/** A copy with another value in one place; the rest is shared. */
function replaceAt(value: unknown, keys: readonly (string | number)[], replacement: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return replacement;
  if (Array.isArray(value)) return value.map((item, i) => (i === key ? replaceAt(item, rest, replacement) : item));
  const entries = Object.entries(value as object);
  const replaced = entries.map(([name, item]) => [name, name === key ? replaceAt(item, rest, replacement) : item]);
  return Object.fromEntries(
    rest.length === 0 && replacement === undefined ? replaced.filter(([name]) => name !== key) : replaced,
  );
}

function isContainer(shape: Shape): boolean {
  return shape.type === 'structure' || shape.type === 'list' || shape.type === 'map';
}

/** A constraint that a shape's use puts on inputs: `<place> <kind>`. */
export type ConstraintSite = `${string} ${ViolationKind}`;

/** Every constraint that inputs of an operation can break, read off the model: what a complete run has to have broken. */
export function listConstraints(options: GenerateOptions, operationName: string): Set<ConstraintSite> {
  const { model } = options.service;
  const found = new Set<ConstraintSite>();
  const seen = new Set<string>();
  const visit = (ref: ShapeRef, place: string, use: 'member' | 'required' | 'element'): void => {
    const shape = shapeOf(model, ref);
    for (const kind of kindsOf(options, shape, ref, use)) found.add(`${place} ${kind}`);
    if (seen.has(ref.shape)) return;
    seen.add(ref.shape);
    for (const [name, member] of Object.entries(shape.members ?? {})) {
      visit(member, `${ref.shape}.${name}`, shape.required?.includes(name) ? 'required' : 'member');
    }
    if (shape.type === 'list' && shape.member) visit(shape.member, `${ref.shape}[]`, 'element');
    if (shape.type === 'map' && shape.value) visit(shape.value, `${ref.shape}{}`, 'element');
  };
  const root = model.operations[operationName]?.input;
  for (const [name, member] of Object.entries((root && shapeOf(model, root).members) ?? {})) {
    const required = shapeOf(model, root ?? '').required?.includes(name);
    visit(member, `${root?.shape}.${name}`, required ? 'required' : 'member');
  }
  return found;
}

function kindsOf(options: GenerateOptions, shape: Shape, ref: ShapeRef, use: 'member' | 'required' | 'element'): ViolationKind[] {
  const kinds: ViolationKind[] = [];
  if (use === 'required') kinds.push('missing');
  if (use === 'element') kinds.push('null-element');
  if (options.form === 'json') kinds.push('type');
  if (ref.streaming || shape.streaming || shape.eventstream || shape.type === 'boolean' || shape.type === 'timestamp')
    return kinds;
  if (shape.type === 'structure') return shape.union ? [...kinds, 'union'] : kinds;
  const isNumber = ['integer', 'long', 'float', 'double'].includes(shape.type);
  if (isNumber) return [...kinds, ...breakNumber(shape).map(({ kind }) => kind)];
  const key = shape.type === 'map' ? shapeOf(options.service.model, shape.key ?? { shape: 'String' }) : undefined;
  const most = Math.min(sizeLimit(shape), key?.enum?.length ?? Infinity); // there are no more keys than those
  if (shape.max !== undefined && shape.max < most && !shape.enum) kinds.push('too-long');
  if (shape.min !== undefined && shape.min > 0 && !shape.enum) kinds.push('too-short');
  if (key) {
    if (key.max !== undefined || key.pattern !== undefined || key.enum) kinds.push('map-key');
  }
  if (shape.type !== 'string') return kinds;
  if (shape.enum) kinds.push('enum');
  else if (shape.pattern !== undefined && !ANYTHING.test(shape.pattern)) kinds.push('pattern');
  return kinds;
}

/** Patterns that every text matches, the empty one aside. */
const ANYTHING = /^\[\\[sS]\\[sS]\][*+]$/;
