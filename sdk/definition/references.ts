import type { Expression, Json, JsonObject } from './language.ts';
import { isJsonObject } from './language.ts';

/** One part of a path into a document: `.Member`, `[0]` or `['key']`. */
export type PathPart = { member: string } | { index: number } | { key: string };

/** What a `Get` names. The last two are known only inside a ForEach step: its current item, and what a body step gave in one iteration. */
export type Reference =
  | { kind: 'parameter'; name: string }
  | { kind: 'execution'; variable: string }
  | { kind: 'step'; step: string; path: PathPart[] }
  | { kind: 'item'; path: PathPart[] }
  | { kind: 'iteration'; step: string; path: PathPart[] };

export type Parsed<T> = { value: T; problem?: undefined } | { value?: undefined; problem: string };

/**
 * Parses `Name.Member[0]['key']` into its parts; the first part may come without a dot. One pass, no backtracking. A leading `$` (JSONPath
 * root) is passed over, since people write it.
 */
export function parsePath(text: string): Parsed<PathPart[]> {
  const parts: PathPart[] = [];
  let at = text.startsWith('$') ? 1 : 0;
  if (text[at] !== '.' && text[at] !== '[' && at < text.length) {
    const end = memberEnd(text, at);
    parts.push({ member: text.slice(at, end) });
    at = end;
  }
  while (at < text.length) {
    const next = text[at] === '.' ? parseMember(text, at) : parseBracket(text, at);
    if (next.problem !== undefined) return next;
    parts.push(next.value.part);
    at = next.value.end;
  }
  if (parts.length === 0) return { problem: `the path ${JSON.stringify(text)} is empty; write one such as a.b[0]['c']` };
  return { value: parts };
}

function memberEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && text[end] !== '.' && text[end] !== '[') end++;
  return end;
}

function parseMember(text: string, at: number): Parsed<{ part: PathPart; end: number }> {
  const end = memberEnd(text, at + 1);
  if (end === at + 1) return { problem: `a name is missing after the dot at character ${at + 1} of ${JSON.stringify(text)}` };
  return { value: { part: { member: text.slice(at + 1, end) }, end } };
}

function parseBracket(text: string, at: number): Parsed<{ part: PathPart; end: number }> {
  // only for a problem: quoting the text once per part makes the square of it
  const where = () => `at character ${at + 1} of ${JSON.stringify(text)}`;
  if (text[at] !== '[') return { problem: `'.' or '[' is expected ${where()}` };
  const quote = text[at + 1];
  if (quote === "'" || quote === '"') {
    const close = text.indexOf(`${quote}]`, at + 2);
    if (close < 0) return { problem: `the key opened ${where()} is not closed by ${quote}]` };
    return { value: { part: { key: text.slice(at + 2, close) }, end: close + 2 } };
  }
  const close = text.indexOf(']', at);
  const digits = close < 0 ? '' : text.slice(at + 1, close);
  if (!/^\d{1,9}$/.test(digits)) return { problem: `[index] or ['key'] is expected ${where()}` };
  return { value: { part: { index: Number(digits) }, end: close + 1 } };
}

export function formatPath(path: readonly PathPart[]): string {
  let text = '';
  for (const part of path) {
    if ('member' in part) text += text === '' ? part.member : `.${part.member}`;
    else text += 'index' in part ? `[${part.index}]` : `['${part.key}']`;
  }
  return text;
}

/** Parses the text of a `Get`. */
export function parseReference(text: string): Parsed<Reference> {
  const forms = 'Parameters.NAME, Execution.VARIABLE or Steps.STEP.PATH';
  const dot = text.indexOf('.');
  const space = dot < 0 ? text : text.slice(0, dot);
  const rest = dot < 0 ? '' : text.slice(dot + 1);
  if (space === 'ForEach') return parseItem(text, rest);
  if (space === 'IterationOutput') return parseStepPath(text, rest, 'iteration', 'IterationOutput');
  if (space !== 'Parameters' && space !== 'Execution' && space !== 'Steps') {
    return { problem: `the reference ${JSON.stringify(text)} is of no known kind; write ${forms}` };
  }
  if (rest === '') return { problem: `the reference ${JSON.stringify(text)} names nothing; write ${forms}` };
  if (space === 'Parameters') return { value: { kind: 'parameter', name: rest } };
  if (space === 'Execution') return { value: { kind: 'execution', variable: rest } };
  return parseStepPath(text, rest, 'step', 'Steps');
}

function parseStepPath(text: string, rest: string, kind: 'step' | 'iteration', space: string): Parsed<Reference> {
  const end = memberEnd(rest, 0);
  const step = rest.slice(0, end);
  const quoted = JSON.stringify(text);
  if (step === '') return { problem: `the reference ${quoted} names no step; write ${space}.STEP.PATH` };
  if (end === rest.length) {
    return { problem: `the reference ${quoted} names a step but none of its properties; write ${space}.${step}.PATH` };
  }
  const path = parsePath(rest.slice(end));
  return path.problem === undefined ? { value: { kind, step, path: path.value } } : path;
}

function parseItem(text: string, rest: string): Parsed<Reference> {
  const end = memberEnd(rest, 0);
  if (rest.slice(0, end) !== 'CurrentItem') {
    return {
      problem: `the reference ${JSON.stringify(text)} is of no known kind; write ForEach.CurrentItem or ForEach.CurrentItem.PATH`,
    };
  }
  if (end === rest.length) return { value: { kind: 'item', path: [] } };
  const path = parsePath(rest.slice(end));
  return path.problem === undefined ? { value: { kind: 'item', path: path.value } } : path;
}

/**
 * Tells whether an object of the definition is an expression: it has `Get` with a string as its only key, or its only key begins with
 * `Std:`. (So a map such as Environment may still have a variable called Get beside others.)
 */
export function isExpression(value: JsonObject): value is Expression & JsonObject {
  let only: string | undefined;
  for (const key in value) {
    if (only !== undefined) return false;
    only = key;
  }
  return only === 'Get' ? typeof value['Get'] === 'string' : only?.startsWith('Std:') === true;
}

/** The property file a `Std:JsonGet` names: `Steps.S.PropertyFiles.F`. */
export function parsePropertyFileReference(text: string): Parsed<{ step: string; file: string }> {
  const reference = parseReference(text);
  if (reference.problem !== undefined) return reference;
  const value = reference.value;
  const wrong = { problem: `${JSON.stringify(text)} is no property file; write Steps.STEP.PropertyFiles.NAME` };
  if (value.kind !== 'step' || value.path.length < 2) return wrong;
  const [first, ...rest] = value.path;
  if (!first || !('member' in first) || first.member !== 'PropertyFiles') return wrong;
  const only = rest[0];
  if (rest.length === 1 && only && 'key' in only) return { value: { step: value.step, file: only.key } };
  return { value: { step: value.step, file: formatPath(rest) } };
}

/**
 * Calls `visit` for every outermost expression inside `value`, with its path. Expressions inside an expression (the values of a Join) are
 * the visitor's business.
 */
export function walkExpressions(value: Json, path: string, visit: (expression: JsonObject, path: string) => void): void {
  if (Array.isArray(value)) {
    for (const [position, item] of value.entries()) walkExpressions(item, `${path}[${position}]`, visit);
  } else if (isJsonObject(value)) {
    if (isExpression(value)) visit(value, path);
    else for (const [key, inner] of Object.entries(value)) walkExpressions(inner, `${path}.${key}`, visit);
  }
}

/** Names of the steps whose properties or property files are read somewhere inside `value`; malformed references name none. */
export function referencedSteps(value: Json, into: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) referencedSteps(item, into);
  } else if (isJsonObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'Get' && typeof inner === 'string' && isExpression(value)) {
        const reference = parseReference(inner);
        if (reference.value?.kind === 'step') into.add(reference.value.step);
      } else if (typeof inner === 'object') referencedSteps(inner, into);
    }
  }
}
