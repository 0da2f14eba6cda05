import { type Address, type Network, parseAddress, parseNetwork } from '../authorization/addresses.ts';
import { isRejection, type Rejection } from '../errors/rejection.ts';
import type { Json, JsonObject } from '../json.ts';

/**
 * Event patterns, compiled: what `$or` means is spelled out, so that a pattern is a list of alternatives, and each alternative says for some
 * paths (`detail.state`) which values fit there. Source of the rules: "Comparison operators for use in event patterns" of EventBridge's
 * user guide; where it is silent, what the public matcher aws/event-ruler does (docs/conformance.md).
 */
export interface Pattern {
  readonly alternatives: readonly Alternative[];
}

/** Every path must have a value that one of its matchers takes; in order of the paths. */
export type Alternative = readonly Condition[];

export interface Condition {
  readonly path: string;
  /** True: no value may be there at all. Then `matchers` are further ways to be satisfied. */
  readonly absent: boolean;
  readonly matchers: readonly Matcher[];
}

export type Scalar = string | number | boolean | null;

export type Matcher =
  | { readonly kind: 'exact'; readonly value: Scalar }
  | { readonly kind: 'exists' }
  | { readonly kind: 'prefix' | 'suffix'; readonly text: string; readonly anyCase: boolean }
  | { readonly kind: 'any-case'; readonly lower: string; readonly upper: string }
  | { readonly kind: 'wildcard'; readonly parts: readonly string[] }
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'network'; readonly network: Network }
  | {
      readonly kind: 'numeric';
      readonly above: number;
      readonly below: number;
      readonly openBottom: boolean;
      readonly openTop: boolean;
    }
  | { readonly kind: 'anything-but'; readonly none: readonly Matcher[] };

/** Alternatives that `$or` may multiply to; AWS refuses more too. */
const ALTERNATIVES_MAX = 1000;

/** Names that mean something as operators, and so may be no field within `$or`. */
const RESERVED = new Set(
  `exactly equals-ignore-case prefix suffix anything-but exists wildcard numeric cidr = < <= > >= regex not-wildcard not-equals-ignore-case
  date-after date-on-or-after date-before date-on-or-before in-date-range ip-address-in-range ip-address-not-in-range`.split(
    /\s+/,
  ),
);

const bad = (reason: string): Rejection => ({
  code: 'InvalidEventPatternException',
  message: `Event pattern is not valid. Reason: ${reason}`,
});

type Draft = ReadonlyMap<string, Condition>;

/** The pattern of `text`, or what is wrong with it. */
export function parsePattern(text: string): Pattern | Rejection {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return bad('The event pattern is not valid JSON.');
  }
  if (!isObject(value)) return bad('Filter is not an object');
  const drafts = parseObject(value, [], [new Map()], false);
  if (isRejection(drafts)) return drafts;
  return {
    alternatives: drafts.map((draft) => [...draft.values()].sort((one, other) => (one.path < other.path ? -1 : 1))),
  };
}

/** Adds what an object says to each of the drafts. */
function parseObject(
  object: JsonObject,
  path: readonly string[],
  before: readonly Draft[],
  withinOr: boolean,
): readonly Draft[] | Rejection {
  const fields = Object.entries(object);
  if (fields.length === 0) return bad('Empty objects are not allowed');
  let drafts = before;
  for (const [name, value] of fields) {
    const next = parseField(name, value, path, drafts, withinOr);
    if (isRejection(next)) return next;
    drafts = next;
  }
  return drafts;
}

function parseField(
  name: string,
  value: Json | undefined,
  path: readonly string[],
  drafts: readonly Draft[],
  withinOr: boolean,
): readonly Draft[] | Rejection {
  if (name === '$or') return parseOr(value, path, drafts);
  if (withinOr && RESERVED.has(name)) return bad(`${name} is Ruler reserved fieldName which cannot be used inside $or.`);
  if (isObject(value)) return parseObject(value, [...path, name], drafts, withinOr);
  if (!Array.isArray(value)) return bad(`"${name}" must be an object or an array`);
  const condition = parseValues([...path, name].join('.'), value);
  if (isRejection(condition)) return condition;
  return drafts.map((draft) => new Map([...draft, [condition.path, condition]]));
}

function parseOr(value: Json | undefined, path: readonly string[], drafts: readonly Draft[]): readonly Draft[] | Rejection {
  if (!Array.isArray(value)) return bad('It must be an Array followed with $or.');
  if (!value.every(isObject)) return bad('Only JSON object is allowed in array of $or relationship.');
  if (value.length < 2) return bad('There must have at least 2 Objects in $or relationship.');
  const all: Draft[] = [];
  for (const one of value as JsonObject[]) {
    const next = parseObject(one, path, drafts, true);
    if (isRejection(next)) return next;
    all.push(...next);
    if (all.length > ALTERNATIVES_MAX) return bad(`There are more than ${ALTERNATIVES_MAX} combinations of $or relationships.`);
  }
  return all;
}

function parseValues(path: string, values: readonly Json[]): Condition | Rejection {
  if (values.length === 0) return bad('Empty arrays are not allowed');
  const matchers: Matcher[] = [];
  let absent = false;
  for (const value of values) {
    if (Array.isArray(value)) return bad('Match value must be String, number, true, false, or null');
    if (!isObject(value)) {
      matchers.push(exactly(value));
      continue;
    }
    const matcher = parseExpression(value);
    if (matcher === 'absent') absent = true;
    else if (isRejection(matcher)) return matcher;
    else matchers.push(matcher);
  }
  return { path, absent, matchers };
}

/** Texts that are IP addresses fit every way to write them. */
function exactly(value: Scalar): Matcher {
  const address = typeof value === 'string' && /^[\d.]+$|:/.test(value) ? parseAddress(value) : undefined;
  return address ? { kind: 'address', address } : { kind: 'exact', value };
}

function parseExpression(expression: JsonObject): Matcher | 'absent' | Rejection {
  const [entry, ...more] = Object.entries(expression);
  if (!entry) return bad('Match expression name not found');
  const [name, value = null] = entry;
  const matcher = parseOperator(name, value);
  if (isRejection(matcher)) return matcher;
  if (more.length === 0) return matcher;
  return bad(name === 'numeric' || name === 'anything-but' ? 'Too many elements in numeric expression' : ONE_KEY);
}

const ONE_KEY = 'Only one key allowed in match expression';

function parseOperator(name: string, value: Json): Matcher | 'absent' | Rejection {
  switch (name) {
    case 'exactly':
      return typeof value === 'string' ? { kind: 'exact', value } : bad('exact match pattern must be a string');
    case 'prefix':
    case 'suffix':
      return parseEnd(name, value);
    case 'equals-ignore-case':
      return typeof value === 'string' ? anyCase(value) : bad('equals-ignore-case match pattern must be a string');
    case 'wildcard':
      return typeof value === 'string' ? parseWildcard(value) : bad('wildcard match pattern must be a string');
    case 'numeric':
      return Array.isArray(value) ? parseNumeric(value) : bad('Value of numeric must be an array.');
    case 'exists':
      if (typeof value !== 'boolean') return bad('exists match pattern must be either true or false.');
      return value ? { kind: 'exists' } : 'absent';
    case 'cidr':
      return typeof value === 'string' ? parseCidr(value) : bad('prefix match pattern must be a string');
    case 'anything-but':
      return parseAnythingBut(value);
    default:
      return bad(`Unrecognized match type ${name}`);
  }
}

const anyCase = (text: string): Matcher => ({ kind: 'any-case', lower: text.toLowerCase(), upper: text.toUpperCase() });

function parseEnd(kind: 'prefix' | 'suffix', value: Json): Matcher | Rejection {
  if (typeof value === 'string') return { kind, text: value, anyCase: false };
  if (!isObject(value)) return bad(`${kind} match pattern must be a string`);
  const [entry, ...more] = Object.entries(value);
  if (!entry) return bad(`${kind === 'prefix' ? 'Prefix' : 'Suffix'} expression name not found`);
  if (entry[0] !== 'equals-ignore-case') return bad(`Unsupported ${kind} pattern: ${entry[0]}`);
  if (typeof entry[1] !== 'string') return bad('equals-ignore-case match pattern must be a string');
  return more.length > 0 ? bad(ONE_KEY) : { kind, text: entry[1].toLowerCase(), anyCase: true };
}

function parseWildcard(text: string): Matcher | Rejection {
  const parts = [''];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    const next = text[at + 1];
    if (char === '*') {
      // positions count from the quote that stands before the text
      if (next === '*') return bad(`Consecutive wildcard characters at pos ${at + 1}`);
      parts.push('');
      continue;
    }
    if (char === '\\' && next !== '*' && next !== '\\') return bad(`Invalid escape character at pos ${at + 1}`);
    if (char === '\\') at += 1;
    parts.push(`${parts.pop()}${text[at]}`);
  }
  return { kind: 'wildcard', parts };
}

function parseCidr(text: string): Matcher | Rejection {
  const [address = '', bits = '', ...more] = text.split('/');
  if (!text.includes('/') || more.length > 0) return bad("Malformed CIDR, one '/' required");
  if (!/^-?\d+$/.test(bits)) return bad('Malformed CIDR, mask bits must be an integer');
  if (bits.startsWith('-')) return bad('Malformed CIDR, mask bits must not be negative');
  const known = parseAddress(address);
  if (!known) return bad(`Nonstandard IP address: ${address}`);
  if (Number(bits) >= known.bits) return bad(`IPv${known.bits === 32 ? 4 : 6} mask bits must be < ${known.bits}`);
  const network = parseNetwork(text);
  return network ? { kind: 'network', network } : bad(`Nonstandard IP address: ${address}`);
}

function parseNumeric(terms: readonly Json[]): Matcher | Rejection {
  const [operator, first, second, top, ...more] = terms;
  if (typeof operator !== 'string') return bad(`Invalid member in numeric match: ${JSON.stringify(operator ?? ']')}`);
  if (!['=', '<', '<=', '>', '>='].includes(operator)) return bad(`Unrecognized numeric range operator: ${operator}`);
  if (typeof first !== 'number') return bad(`Value of ${operator === '=' ? 'equals' : operator} must be numeric`);
  const range = { kind: 'numeric', above: -Infinity, below: Infinity, openBottom: false, openTop: false } as const;
  if (operator === '=' || operator.startsWith('<')) {
    if (terms.length > 2) return bad('Too many elements in numeric expression');
    if (operator === '=') return { ...range, above: first, below: first };
    return { ...range, below: first, openTop: operator === '<' };
  }
  const bottom = { ...range, above: first, openBottom: operator === '>' };
  if (terms.length === 2) return bottom;
  if (typeof second !== 'string') return bad(`Bad value in numeric range: ${JSON.stringify(second)}`);
  if (second !== '<' && second !== '<=') return bad(`Bad numeric range operator: ${second}`);
  if (typeof top !== 'number') return bad(`Value of ${second} must be numeric`);
  if (more.length > 0) return bad('Too many terms in numeric range expression');
  return top <= first ? bad('Bottom must be less than top') : { ...bottom, below: top, openTop: second === '<' };
}

const NESTED: Readonly<Record<string, string>> = {
  'equals-ignore-case': 'Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.',
  prefix: 'prefix/suffix match pattern must be a string',
  suffix: 'prefix/suffix match pattern must be a string',
  wildcard: 'wildcard match pattern must be a string',
};

function parseAnythingBut(value: Json): Matcher | Rejection {
  if (isObject(value)) return parseNestedAnythingBut(value);
  if (typeof value !== 'string' && typeof value !== 'number' && !Array.isArray(value)) {
    return bad('Value of anything-but must be an array or single string/number value.');
  }
  const values = Array.isArray(value) ? value : [value];
  if (!values.every((one) => typeof one === 'string' || typeof one === 'number')) {
    return bad('Inside anything but list, start|null|boolean is not supported.');
  }
  if (values.length === 0 || new Set(values.map((one) => typeof one)).size > 1) {
    return bad('Inside anything but list, either all values are number or string, mixed type is not supported');
  }
  return { kind: 'anything-but', none: values.map((one) => ({ kind: 'exact', value: one as Scalar })) };
}

function parseNestedAnythingBut(object: JsonObject): Matcher | Rejection {
  const [entry, ...more] = Object.entries(object);
  if (!entry) return bad('Anything-But expression name not found');
  const [name, value = null] = entry;
  const message = NESTED[name];
  if (message === undefined) return bad(`Unsupported anything-but pattern: ${name}`);
  const isPlain = typeof value === 'string' || typeof value === 'number' || Array.isArray(value);
  if (!isPlain) return bad('Value of anything-but must be an array or single string/number value.');
  const none: Matcher[] = [];
  for (const text of Array.isArray(value) ? value : [value]) {
    if (typeof text !== 'string') return bad(message);
    if (text === '' && (name === 'prefix' || name === 'suffix')) return bad('Null prefix/suffix not allowed');
    const matcher = parseOperator(name, text);
    if (matcher === 'absent') continue;
    if (isRejection(matcher)) return matcher;
    none.push(matcher);
  }
  return more.length > 0 ? bad('Too many elements in numeric expression') : { kind: 'anything-but', none };
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
