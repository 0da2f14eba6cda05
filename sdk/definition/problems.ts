import { nth } from './nth.ts';

/** One thing wrong with a definition. `path` says where in the JSON, e.g. `Steps[2].Arguments.Conditions[0].LeftValue`. */
export interface Problem {
  path: string;
  /** Name of the step concerned, when the place lies inside a step that has one. */
  step?: string;
  /** What is wrong, with which value, and what to do. */
  message: string;
}

/** Where a reader of untrusted JSON puts what it finds: reading does not stop at the first problem, but at a thousand. */
export interface Report {
  readonly problems: Problem[];
}

const MOST_PROBLEMS = 1_000;

/** What is wrong in a thousand places need not be read on: twenty megabytes of nonsense would take minutes. */
export const isEnough = (to: Report): boolean => to.problems.length >= MOST_PROBLEMS;

/** The entries of a list, until enough is wrong with what was read. */
export function* entriesOf<T>(to: Report, list: readonly T[] | undefined): Generator<[index: number, item: T]> {
  for (const entry of list?.entries() ?? []) {
    if (isEnough(to)) return;
    yield entry;
  }
}

export function report(to: Report, path: string, step: string | undefined, message: string): undefined {
  if (isEnough(to)) return;
  to.problems.push(step === undefined ? { path, message } : { path, step, message });
}

/** A value as it may appear in a message: JSON, shortened. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a number';
  return `a ${typeof value}`;
}

const MOST_NAMES = 500;
/** Longer names are not compared, and nothing is suggested for what is wrong beside so much else: comparing all with all takes minutes. */
const MOST_CHARACTERS = 64;
const MOST_SUGGESTIONS = 50;

/** ` Did you mean 'x'?` when one of the known names is close, else a list of them when it is short, else nothing. */
export function suggest(to: Report, given: string, known: Iterable<string>): string {
  if (to.problems.length >= MOST_SUGGESTIONS) return '';
  const names: string[] = [];
  for (const name of known) {
    if (names.length === MOST_NAMES) break;
    names.push(name);
  }
  let best: string | undefined;
  let bestDistance = Math.max(given.length < 4 ? 1 : 2, Math.floor(given.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  if (best !== undefined) return ` Did you mean '${best}'?`;
  return names.length > 0 && names.length <= 12 ? ` Known: ${names.join(', ')}.` : '';
}

/** Levenshtein distance, given up (returning `limit`) as soon as it cannot be smaller than that. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || Math.max(a.length, b.length) > MOST_CHARACTERS) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = nth(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, nth(row, j) + 1, nth(next, j - 1) + 1));
    }
    if (Math.min(...next) >= limit) return limit;
    row = next;
  }
  return nth(row, b.length);
}
