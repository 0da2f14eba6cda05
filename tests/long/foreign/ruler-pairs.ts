import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../../src/contract/generate-text.ts';

/** A pattern and an event, both as text. */
export type Pair = readonly [pattern: string, event: string];

/** The pairs of event-ruler's own file of cases. */
export function publicPairs(file: string): Pair[] {
  const cases = JSON.parse(readFileSync(file, 'utf8')) as readonly { readonly rule: unknown; readonly event: unknown }[];
  return cases.map(({ rule, event }) => [JSON.stringify(rule), JSON.stringify(event)]);
}

/** Longer texts are machines of many rules and events of many kilobytes, which test how fast it is. */
const PATTERN_MAX_CHARS = 5000;

/** How far a text is from another in the same file that may be its event. */
const NEIGHBOURS = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8];

/**
 * Every text of its Java tests that could be a pattern, also those that are none, with the empty event and with each text near it that is
 * JSON. What those tests expect is not read out of them: event-ruler itself is asked.
 */
export function pairsOfTests(folder: string): Pair[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.java'));
  const texts = [...new Set(files.sort().flatMap((file) => textsOf(readFileSync(join(folder, file), 'utf8'))))];
  const isEvent = texts.map(isJson);
  return texts.flatMap((pattern, at): Pair[] => {
    if (pattern.length >= PATTERN_MAX_CHARS) return [];
    const near = NEIGHBOURS.map((step) => at + step).filter((other) => isEvent[other]);
    return [[pattern, '{}'], ...near.map((other): Pair => [pattern, texts[other] as string])];
  });
}

/** The string literals that begin with a brace, those that a plus joins as one. */
function textsOf(source: string): string[] {
  const joined = /"(?:[^"\\\n]|\\.)*"(?:\s*\+\s*(?:\/\/[^\n]*\n\s*)?"(?:[^"\\\n]|\\.)*")*/g;
  return [...source.matchAll(joined)].map(([literals]) => read(literals)).filter((text) => text.trim().startsWith('{'));
}

function read(literals: string): string {
  const parts = [...literals.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map(([, part = '']) => part.replaceAll("\\'", "'"));
  const quoted = `"${parts.join('')}"`;
  return isJson(quoted) ? (JSON.parse(quoted) as string) : '';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** True for an event in which an object has a member twice: JSON here keeps the last, event-ruler both. */
export function hasMemberTwice(event: string): boolean {
  const named = [...event.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon !== undefined).length;
  let members = 0;
  JSON.parse(event, (_, value: unknown) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) members += Object.keys(value).length;
    return value;
  });
  return named > members;
}

type Random = () => number;

/** Pairs made of few names and values, so that many match, few of them by accident; the same for the same seed. */
export function generatedPairs(count: number, seed: number): Pair[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => [
    JSON.stringify(patternObject(random, 2, true)),
    JSON.stringify(eventObject(random, 3)),
  ]);
}

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
const some = <T>(random: Random, make: () => T): T[] => Array.from({ length: 1 + Math.floor(random() * 2) }, make);

const NAMES = ['a', 'b', 'c', 'd'];
const TEXTS = ['x', 'xy', 'Xy', 'yx', 'y', 'ab'];
const NUMBERS = [0, 1, 1.5, 100, 300, -5];
const ADDRESSES = ['10.0.0.1', '10.0.1.9', '::1', '2001:db8::1'];
const SCALARS = [...TEXTS, '', 'ab*c', 'abc', ...NUMBERS, true, false, null, ...ADDRESSES];
const WILDCARDS = ['*', 'x*', '*y', 'a*b*c', '*x*y*', 'ab\\*c', 'x'];
const NETWORKS = ['10.0.0.0/24', '10.0.0.0/8', '2001:db8::/32', '0.0.0.0/0'];
const ONE_SIDED = ['=', '<', '<=', '>', '>='];
const TWO_SIDED = [
  ['>', '<='],
  ['>=', '<'],
  ['>', '<'],
  ['>=', '<='],
];

const OPERATORS: readonly ((random: Random) => unknown)[] = [
  (random) => pick(random, SCALARS),
  (random) => pick(random, SCALARS),
  (random) => ({ exists: random() < 0.5 }),
  (random) => ({ exists: random() < 0.5 }),
  (random) => ({ [pick(random, ['prefix', 'suffix', 'equals-ignore-case'])]: pick(random, TEXTS) }),
  (random) => ({ [pick(random, ['prefix', 'suffix'])]: { 'equals-ignore-case': pick(random, TEXTS) } }),
  (random) => ({ wildcard: pick(random, WILDCARDS) }),
  (random) => ({ cidr: pick(random, NETWORKS) }),
  (random) => ({ numeric: [pick(random, ONE_SIDED), pick(random, NUMBERS)] }),
  (random) => {
    const [bottom, top] = [pick(random, NUMBERS), pick(random, NUMBERS)].sort((one, other) => one - other);
    const [above, below] = pick(random, TWO_SIDED);
    return { numeric: [above, bottom, below, top] };
  },
  (random) => ({ 'anything-but': some(random, () => pick(random, random() < 0.9 ? TEXTS : SCALARS)) }),
  (random) => ({ 'anything-but': random() < 0.5 ? pick(random, NUMBERS) : some(random, () => pick(random, NUMBERS)) }),
  (random) => ({
    'anything-but': {
      [pick(random, ['prefix', 'suffix', 'equals-ignore-case'])]:
        random() < 0.5 ? pick(random, TEXTS) : some(random, () => pick(random, TEXTS)),
    },
  }),
  (random) => ({
    'anything-but': { wildcard: random() < 0.5 ? pick(random, WILDCARDS) : some(random, () => pick(random, WILDCARDS)) },
  }),
];

function patternObject(random: Random, depth: number, withOr: boolean): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (let left = 1 + Math.floor(random() * 3); left > 0; left -= 1) {
    const nested = depth > 0 && random() < 0.45;
    object[pick(random, NAMES)] = nested
      ? patternObject(random, depth - 1, withOr)
      : some(random, () => pick(random, OPERATORS)(random));
  }
  if (withOr && random() < 0.15)
    object['$or'] = [patternObject(random, Math.max(depth - 1, 0), false), patternObject(random, 0, false)];
  return object;
}

function eventObject(random: Random, depth: number): Record<string, unknown> {
  return Object.fromEntries(NAMES.filter(() => random() < 0.7).map((name) => [name, eventValue(random, depth)]));
}

function eventValue(random: Random, depth: number): unknown {
  const kind = depth > 0 ? random() : 1;
  if (kind < 0.35) return eventObject(random, depth - 1);
  if (kind < 0.65) return Array.from({ length: Math.floor(random() * 4) }, () => eventValue(random, depth - 1));
  return pick(random, SCALARS);
}
