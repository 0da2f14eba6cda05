import { RE2JS } from 're2js';

/** A pattern becomes a test of one message, or the words in which it is refused. */
export type Matches = (message: string) => boolean;
export type ParsedPattern = { readonly matches: Matches; readonly problem?: undefined } | { readonly problem: string };

/** `%…%`, run in linear time. */
export function compileRegex(text: string): RE2JS | undefined {
  try {
    return RE2JS.compile(text);
  } catch {
    return undefined; // the caller refuses the pattern it is part of
  }
}

/**
 * `{ $.user.id = 1 && ($.ok IS TRUE || $.tags[*] = "a*") }`: conditions on members of messages that are JSON objects; pure. `&&`
 * binds closer than `||`.
 */
export type Test = (document: unknown) => boolean;
/** The values a selector stands for. */
type Select = (document: unknown) => unknown[];

/** A place in the pattern; each step takes what it knows off the front. */
interface Reader {
  rest: string;
  depth: number;
  /** What a selector looks like, and what it means. */
  readonly selector: RegExp;
  readonly compile: (selector: string) => Select;
}

const DEPTH_MAX = 20;
const SELECTOR = /^\$(?:\.[\w-]+|\.\*|\[(?:\d{1,6}|\*|"[^"]*"|'[^']*')\]|\.\["[^"]*"\]|\.\['[^']*'\])+/;

class Unreadable {
  readonly where: string;
  constructor(where: string) {
    this.where = where;
  }
}

export function parseJsonPattern(text: string): ParsedPattern {
  const inner = /^\{([\s\S]*)\}$/.exec(text)?.[1];
  if (inner === undefined) return { problem: 'Invalid filter pattern: the closing brace is missing.' };
  const read = parseConditions(inner, SELECTOR, compileSelector);
  if (read.problem !== undefined) return read;
  const { test } = read;
  const matches: Matches = (message) => {
    const document = parseObject(message);
    return document !== undefined && test(document);
  };
  return { matches };
}

/** Conditions joined by `&&` and `||`, on what the selectors select. */
export function parseConditions(
  text: string,
  selector: RegExp,
  compile: (selector: string) => Select,
): { readonly test: Test; readonly problem?: undefined } | { readonly problem: string } {
  const reader: Reader = { rest: text.trim(), depth: 0, selector, compile };
  const test = readAny(reader);
  if (!(test instanceof Unreadable) && reader.rest === '') return { test };
  const where = test instanceof Unreadable ? test.where : reader.rest;
  return { problem: `Invalid filter pattern: it cannot be read at '${where.slice(0, 60)}'.` };
}

function parseObject(message: string): object | undefined {
  if (!/^\s*[{[]/.test(message)) return undefined;
  try {
    return JSON.parse(message) as object;
  } catch {
    return undefined; // an event that is no JSON matches no condition
  }
}

function take(reader: Reader, pattern: RegExp): RegExpExecArray | undefined {
  const found = pattern.exec(reader.rest);
  if (!found) return undefined;
  reader.rest = reader.rest.slice(found[0].length).trimStart();
  return found;
}

function readAny(reader: Reader): Test | Unreadable {
  return readChain(reader, /^\|\|/, readAll, (tests) => (document) => tests.some((test) => test(document)));
}

function readAll(reader: Reader): Test | Unreadable {
  return readChain(reader, /^&&/, readOne, (tests) => (document) => tests.every((test) => test(document)));
}

function readChain(
  reader: Reader,
  separator: RegExp,
  readPart: (reader: Reader) => Test | Unreadable,
  join: (tests: readonly Test[]) => Test,
): Test | Unreadable {
  const tests: Test[] = [];
  do {
    const test = readPart(reader);
    if (test instanceof Unreadable) return test;
    tests.push(test);
  } while (take(reader, separator));
  const [only] = tests;
  return tests.length === 1 && only ? only : join(tests);
}

function readOne(reader: Reader): Test | Unreadable {
  if (!take(reader, /^\(/)) return readCondition(reader);
  reader.depth += 1;
  if (reader.depth > DEPTH_MAX) return new Unreadable(reader.rest);
  const test = readAny(reader);
  if (test instanceof Unreadable) return test;
  return take(reader, /^\)/) ? test : new Unreadable(reader.rest);
}

function readCondition(reader: Reader): Test | Unreadable {
  const selector = take(reader, reader.selector);
  if (!selector) return new Unreadable(reader.rest);
  const select = reader.compile(selector[0]);
  if (take(reader, /^NOT\s+EXISTS\b/i)) return (document) => select(document).length === 0;
  const is = take(reader, /^IS\s+(NULL|TRUE|FALSE)\b/i)?.[1]?.toUpperCase();
  if (is !== undefined) {
    const wanted = is === 'NULL' ? null : is === 'TRUE';
    return (document) => select(document).includes(wanted);
  }
  const operator = take(reader, /^(?:!=|<=|>=|=|<|>)/)?.[0];
  const test = operator === undefined ? undefined : readValue(reader, operator);
  if (!test) return new Unreadable(reader.rest);
  // what is not there is no value, and so is unequal to none
  return (document) => select(document).some(test);
}

const NUMBER = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=$|[\s)&|])/;

/** A number is compared as one, a text with `*` for anything; `%…%` is an expression. */
function readValue(reader: Reader, operator: string): ((value: unknown) => boolean) | undefined {
  const number = take(reader, NUMBER)?.[0];
  if (number !== undefined) return (value) => compareNumbers(operator, value, Number(number), number);
  const regex = take(reader, /^%([^%]+)%/)?.[1];
  if (regex !== undefined) {
    const compiled = compileRegex(regex);
    if (!compiled || (operator !== '=' && operator !== '!=')) return undefined;
    return (value) => isText(value) && compiled.matcher(String(value)).find() === (operator === '=');
  }
  const quoted = take(reader, /^"((?:[^"\\]|\\.)*)"/)?.[1];
  const text = quoted === undefined ? take(reader, /^[^\s"()&|]+/)?.[0] : quoted.replaceAll(/\\(.)/g, '$1');
  if (text === undefined || (operator !== '=' && operator !== '!=')) return undefined;
  const pieces = text.split('*');
  return (value) => isText(value) && matchesPieces(String(value), pieces) === (operator === '=');
}

const isText = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

function compareNumbers(operator: string, value: unknown, wanted: number, text: string): boolean {
  if (typeof value !== 'number') {
    if (operator === '=') return value === text;
    return operator === '!=' && typeof value === 'string' && value !== text;
  }
  switch (operator) {
    case '=':
      return value === wanted;
    case '!=':
      return value !== wanted;
    case '<':
      return value < wanted;
    case '<=':
      return value <= wanted;
    case '>':
      return value > wanted;
    default:
      return value >= wanted;
  }
}

/** The texts between wildcards occur one after the other, the first at the start and the last at the end. */
function matchesPieces(value: string, pieces: readonly string[]): boolean {
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return value === first;
  if (!value.startsWith(first) || !value.endsWith(last) || value.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = value.indexOf(piece, at);
    if (found < 0 || found + piece.length > value.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}

/** The values a selector names; several where it says `*`, none where there is no such member. */
function compileSelector(text: string): Select {
  const steps = [...text.slice(1).matchAll(/\.?\[(?:(\d+)|(\*)|"([^"]*)"|'([^']*)')\]|\.(?:(\*)|([\w-]+))/g)].map(
    ([, place, all, double, single, star, name]) => {
      if (place !== undefined)
        return (value: unknown) => (Array.isArray(value) && Number(place) in value ? [value[Number(place)]] : []);
      if (all !== undefined || star !== undefined) {
        return (value: unknown) => (typeof value === 'object' && value !== null ? Object.values(value) : []);
      }
      const member = double ?? single ?? name ?? '';
      return (value: unknown) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, member)
          ? [(value as Record<string, unknown>)[member]]
          : [];
    },
  );
  return (document) => steps.reduce<unknown[]>((values, step) => values.flatMap(step), [document]);
}
