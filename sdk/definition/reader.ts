import type { JsonObject, Step } from './language.ts';
import { isJsonObject } from './language.ts';
import type { Report } from './problems.ts';
import { entriesOf, kindOf, report, show, suggest } from './problems.ts';

/** A step found while reading, in document order, with where it stands. */
export interface ReadStep {
  step: Step;
  path: string;
  /** Position of the Condition step that contains it, when it is nested. */
  parent?: number;
}

/** What reading a definition collects; problems never stop it. */
export interface Reading extends Report {
  readonly steps: ReadStep[];
}

/** The place being read: its path and the step it belongs to. */
export interface Place {
  readonly path: string;
  readonly step?: string;
}

export function within(place: Place, part: string): Place {
  return { path: place.path === '' ? part.replace(/^\./, '') : place.path + part, step: place.step };
}

export function complain(to: Report, place: Place, message: string): undefined {
  report(to, place.path, place.step, message);
}

/** The value as an object, or a problem saying what it is instead. */
export function readObject(to: Report, value: unknown, place: Place, what: string): JsonObject | undefined {
  if (isJsonObject(value)) return value;
  complain(to, place, `${what} must be an object, but is ${kindOf(value)}.`);
  return undefined;
}

export function readList(to: Report, value: unknown, place: Place, what: string): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  complain(to, place, `${what} must be a list, but is ${kindOf(value)}.`);
  return undefined;
}

/** Refuses keys the language does not have and misses those it requires, as AWS does. A null value counts as absent. */
export function readKeys(
  to: Report,
  object: JsonObject,
  place: Place,
  what: string,
  known: readonly string[],
  required: readonly string[],
): undefined {
  for (const [, key] of entriesOf(to, Object.keys(object))) {
    if (known.includes(key)) continue;
    const hint = suggest(
      to,
      key,
      known.filter((name) => !Object.hasOwn(object, name)),
    );
    complain(to, within(place, `.${key}`), `Cannot parse object, unknown property '${key}' in ${what}. Remove it.${hint}`);
  }
  for (const key of required) {
    if (object[key] === undefined || object[key] === null)
      complain(to, place, `${what.slice(0, 1).toUpperCase()}${what.slice(1)} lacks '${key}'. Add it.`);
  }
}

export interface TextRule {
  /** Most characters. */
  max?: number;
  min?: number;
  pattern?: RegExp;
  /** The pattern in words. */
  form?: string;
}

export function readText(to: Report, value: unknown, place: Place, what: string, rule: TextRule = {}): string | undefined {
  if (typeof value !== 'string') {
    complain(to, place, `${what} must be a string, but is ${kindOf(value)}.`);
    return undefined;
  }
  if (rule.max !== undefined && value.length > rule.max) {
    complain(to, place, `${what} has ${value.length} characters; at most ${rule.max} are allowed. Shorten it.`);
  } else if (value.length < (rule.min ?? 1)) {
    complain(to, place, `${what} must not be empty.`);
  } else if (rule.pattern !== undefined && !rule.pattern.test(value)) {
    complain(to, place, `${what} ${show(value)} must consist of ${rule.form}.`);
  }
  return value;
}

export function readFlag(to: Report, value: unknown, place: Place, what: string): undefined {
  if (typeof value !== 'boolean') complain(to, place, `${what} must be true or false, but is ${show(value)}.`);
}

export interface NumberRule {
  min: number;
  max?: number;
  whole?: boolean;
}

export function readNumber(to: Report, value: unknown, place: Place, what: string, rule: NumberRule): undefined {
  const fits = typeof value === 'number' && value >= rule.min && (rule.max === undefined || value <= rule.max);
  if (fits && (!rule.whole || Number.isInteger(value))) return;
  const kind = rule.whole ? 'an integer' : 'a number';
  const range = rule.max === undefined ? `of at least ${rule.min}` : `from ${rule.min} to ${rule.max}`;
  complain(to, place, `${what} must be ${kind} ${range}, but is ${show(value)}.`);
}
