import { type Network, parseAddress } from '../authorization/addresses.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Alternative, Condition, Matcher, Pattern, Scalar } from './decide-pattern.ts';

/** A value of an event, and in which element of which arrays of objects it stands: pairs of array and element, outermost first. */
interface Field {
  readonly value: Scalar;
  readonly elements: readonly number[];
}

/** An event as patterns see it: values by path. Fields under one array must be of one element of it to match together. */
type Flat = ReadonlyMap<string, readonly Field[]>;

const NOWHERE: readonly number[] = [];

/** Every path that any of the patterns asks for, and the paths that lead there: nothing else of an event is looked at. */
export function pathsOf(patterns: readonly Pattern[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const { alternatives } of patterns) {
    for (const { path } of alternatives.flat()) {
      for (let end = path.indexOf('.'); end >= 0; end = path.indexOf('.', end + 1)) paths.add(path.slice(0, end));
      paths.add(path);
    }
  }
  return paths;
}

export function flatten(event: JsonObject, paths: ReadonlySet<string>): Flat {
  const flat = new Map<string, Field[]>();
  let arrays = 0;
  const visit = (value: Json, path: string, elements: readonly number[]): void => {
    if (Array.isArray(value)) {
      const array = arrays;
      arrays += 1;
      for (const [nth, element] of value.entries()) {
        const nested = typeof element === 'object' && element !== null;
        visit(element, path, nested ? [...elements, array, nth] : elements);
      }
    } else if (typeof value === 'object' && value !== null) {
      fieldsOf(value, path, elements);
    } else {
      const found = flat.get(path);
      if (found) found.push({ value, elements });
      else flat.set(path, [{ value, elements }]);
    }
  };
  const fieldsOf = (object: JsonObject, path: string, elements: readonly number[]): void => {
    for (const name in object) {
      const value = object[name];
      const inner = path === '' ? name : `${path}.${name}`;
      if (value !== undefined && paths.has(inner)) visit(value, inner, elements);
    }
  };
  fieldsOf(event, '', NOWHERE);
  return flat;
}

export const matches = ({ alternatives }: Pattern, event: Flat): boolean =>
  alternatives.some((alternative) => matchesAlternative(alternative, event));

/** One event and one pattern, e.g. for TestEventPattern. */
export const matchesEvent = (pattern: Pattern, event: JsonObject): boolean =>
  matches(pattern, flatten(event, pathsOf([pattern])));

export function matchesAlternative(alternative: Alternative, event: Flat): boolean {
  if (!alternative.every((condition) => mayHold(condition, event))) return false;
  const nested = alternative.some(({ path }) => event.get(path)?.some(({ elements }) => elements.length > 0));
  return !nested || new Search(alternative, event).from(0, new Map());
}

/** Whether a condition holds by itself; without arrays of objects that is all there is to it. */
function mayHold({ path, absent, matchers }: Condition, event: Flat): boolean {
  const fields = event.get(path);
  if (!fields) return absent;
  // a field of another element may not count, so absence is decided by the search
  if (absent && fields.every(({ elements }) => elements.length > 0)) return true;
  return fields.some(({ value }) => matchers.some((matcher) => fits(matcher, value)));
}

type Chosen = ReadonlyMap<number, number>;

/** Looks for one element of each array under which all conditions hold. What failed once is not tried again, so its time is bounded. */
class Search {
  readonly #conditions: Alternative;
  readonly #event: Flat;
  readonly #groups: Map<string, Map<string, Field[]>> = new Map();
  readonly #failed = new Set<string>();
  /** The arrays that matter from each condition on. */
  readonly #arrays: readonly ReadonlySet<number>[];

  constructor(conditions: Alternative, event: Flat) {
    this.#conditions = conditions;
    this.#event = event;
    const arrays: Set<number>[] = [];
    let later = new Set<number>();
    for (const { path } of conditions.toReversed()) {
      later = new Set(later);
      for (const { elements } of event.get(path) ?? []) {
        for (let at = 0; at < elements.length; at += 2) later.add(elements[at] as number);
      }
      arrays.unshift(later);
    }
    this.#arrays = arrays;
  }

  from(nth: number, chosen: Chosen): boolean {
    const condition = this.#conditions[nth];
    if (!condition) return true;
    const id = this.#stateId(nth, chosen);
    if (this.#failed.has(id)) return false;
    const fields = this.#candidates(condition.path, chosen);
    const holds =
      (condition.absent && fields.length === 0 && this.from(nth + 1, chosen)) ||
      fields.some(
        ({ value, elements }) =>
          condition.matchers.some((matcher) => fits(matcher, value)) && this.from(nth + 1, withElements(chosen, elements)),
      );
    if (!holds) this.#failed.add(id);
    return holds;
  }

  #stateId(nth: number, chosen: Chosen): string {
    const matter = [...chosen].filter(([array]) => this.#arrays[nth]?.has(array)).sort(([one], [other]) => one - other);
    return `${nth}:${matter.join(';')}`;
  }

  /** Fields of the path that are in none but the chosen elements. */
  #candidates(path: string, chosen: Chosen): readonly Field[] {
    const fields = this.#event.get(path) ?? [];
    const outermost = fields[0]?.elements[0];
    const element = outermost === undefined ? undefined : chosen.get(outermost);
    const group = element === undefined ? fields : (this.#groupsOf(path, fields).get(`${outermost}/${element}`) ?? []);
    return group.filter(({ elements }) => isConsistent(chosen, elements));
  }

  #groupsOf(path: string, fields: readonly Field[]): Map<string, Field[]> {
    let groups = this.#groups.get(path);
    if (groups) return groups;
    groups = new Map();
    for (const field of fields) {
      const id = `${field.elements[0]}/${field.elements[1]}`;
      const group = groups.get(id);
      if (group) group.push(field);
      else groups.set(id, [field]);
    }
    this.#groups.set(path, groups);
    return groups;
  }
}

function isConsistent(chosen: Chosen, elements: readonly number[]): boolean {
  for (let at = 0; at < elements.length; at += 2) {
    const element = chosen.get(elements[at] as number);
    if (element !== undefined && element !== elements[at + 1]) return false;
  }
  return true;
}

function withElements(chosen: Chosen, elements: readonly number[]): Chosen {
  if (elements.length === 0) return chosen;
  const next = new Map(chosen);
  for (let at = 0; at < elements.length; at += 2) next.set(elements[at] as number, elements[at + 1] as number);
  return next;
}

export function fits(matcher: Matcher, value: Scalar): boolean {
  switch (matcher.kind) {
    case 'exact':
      return value === matcher.value;
    case 'exists':
      return true;
    case 'numeric':
      return typeof value === 'number' && isWithin(matcher, value);
    case 'anything-but':
      return !matcher.none.some((one) => fits(one, value));
    default:
      return typeof value === 'string' && fitsText(matcher, value);
  }
}

const isWithin = ({ above, below, openBottom, openTop }: Extract<Matcher, { kind: 'numeric' }>, value: number): boolean =>
  (openBottom ? value > above : value >= above) && (openTop ? value < below : value <= below);

type TextMatcher = Exclude<Matcher, { kind: 'exact' | 'exists' | 'numeric' | 'anything-but' }>;

function fitsText(matcher: TextMatcher, text: string): boolean {
  switch (matcher.kind) {
    case 'prefix':
      return matcher.anyCase ? text.slice(0, matcher.text.length).toLowerCase() === matcher.text : text.startsWith(matcher.text);
    case 'suffix':
      return matcher.anyCase ? text.toLowerCase().endsWith(matcher.text) : text.endsWith(matcher.text);
    case 'any-case':
      return text.toLowerCase() === matcher.lower || text.toUpperCase() === matcher.upper;
    case 'wildcard':
      return fitsWildcard(matcher.parts, text);
    case 'address': {
      const address = parseAddress(text);
      return address?.bits === matcher.address.bits && address.value === matcher.address.value;
    }
    case 'network':
      return isInNetwork(matcher.network, text);
  }
}

/** First part at the start, last at the end, each other at its first place behind the one before: no other choice fits more. */
function fitsWildcard(parts: readonly string[], text: string): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

function isInNetwork({ value, bits, prefixBits }: Network, text: string): boolean {
  const address = parseAddress(text);
  if (address?.bits !== bits) return false;
  const rest = BigInt(bits - prefixBits);
  return address.value >> rest === value >> rest;
}
