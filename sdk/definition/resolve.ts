import type { Condition, Json, JsonObject, ParameterDefinition, PropertyFile } from './language.ts';
import { isJsonObject } from './language.ts';
import type { ParameterValue } from './parameters.ts';
import { kindOf, show } from './problems.ts';
import type { PathPart, Reference } from './references.ts';
import { formatPath, isExpression, parsePath, parsePropertyFileReference, parseReference } from './references.ts';

/** A JSON file as read for `Std:JsonGet`, or why it could not be. */
export type FileReading = { json: Json; problem?: undefined } | { json?: undefined; problem: string };

/** Everything the value of an expression can depend on. */
export interface Scope {
  readonly parameters: ReadonlyMap<string, ParameterValue>;
  /** Declarations, for the type of each parameter. */
  readonly declared: ReadonlyMap<string, ParameterDefinition>;
  /** Execution variables by name, without the `Execution.` */
  readonly execution: Readonly<Record<string, Json>>;
  /** The document a step's properties are paths into: the Describe response of what it made. Undefined before it succeeded. */
  step(name: string): JsonObject | undefined;
  propertyFile(step: string, name: string): PropertyFile | undefined;
  /** The item of a ForEach step that this is evaluated for; undefined outside of one. */
  readonly item?: Json;
  /** The JSON object at an S3 URI; undefined when it was not read yet, which makes resolving answer which files it needs. */
  file(uri: string): FileReading | undefined;
}

/** A value; or the files that must be read first; or what is wrong, in one sentence per fault. */
export type Resolved<T> =
  | { value: T; files?: undefined; problem?: undefined }
  | { value?: undefined; files: string[]; problem?: undefined }
  | { value?: undefined; files?: undefined; problem: string };

interface Resolving {
  readonly scope: Scope;
  readonly files: Set<string>;
  readonly problems: string[];
  /** What expressions may still give. */
  charactersLeft: number;
}

/** Of all expressions of one step together: a definition of a megabyte can name a long value thousands of times. No call takes more. */
const CHARACTERS_MAX = 16_000_000;

/** Evaluates every expression inside `value`. Members of objects that are null are dropped: the service takes null as absent. */
export function resolve(value: Json, scope: Scope): Resolved<Json> {
  return run(scope, (at) => resolveValue(at, value));
}

/** Whether all the conditions hold. */
export function resolveConditions(conditions: readonly Condition[], scope: Scope): Resolved<boolean> {
  return run(scope, (at) => allHold(at, conditions));
}

function run<T>(scope: Scope, evaluate: (at: Resolving) => T | undefined): Resolved<T> {
  const at: Resolving = { scope, files: new Set(), problems: [], charactersLeft: CHARACTERS_MAX };
  const value = evaluate(at);
  if (at.problems.length > 0) return { problem: [...new Set(at.problems)].join(' ') };
  if (at.files.size > 0) return { files: [...at.files] };
  return value === undefined ? { problem: 'The value is undefined.' } : { value };
}

function resolveValue(at: Resolving, value: Json): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => resolveValue(at, item) ?? null);
  if (!isJsonObject(value)) return value;
  if (isExpression(value)) return evaluate(at, value);
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    const inner = resolveValue(at, member);
    if (inner !== null && inner !== undefined) members.push([key, inner]);
  }
  return Object.fromEntries(members);
}

function fail(at: Resolving, problem: string): undefined {
  at.problems.push(problem);
  return undefined;
}

function evaluate(at: Resolving, expression: JsonObject): Json | undefined {
  if (at.charactersLeft < 0) return undefined; // its problem is noted
  const value = evaluateOne(at, expression);
  at.charactersLeft -= charactersOf(value, at.charactersLeft);
  return at.charactersLeft < 0 ? fail(at, `The expressions give more than ${CHARACTERS_MAX} characters together.`) : value;
}

/** Counted no further than `most`: the same object may be named thousands of times. */
function charactersOf(value: Json | undefined, most: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let characters = 2;
  for (const [key, inner] of Object.entries(value)) {
    characters += key.length + charactersOf(inner as Json, most - characters);
    if (characters > most) break;
  }
  return characters;
}

function evaluateOne(at: Resolving, expression: JsonObject): Json | undefined {
  if (typeof expression['Get'] === 'string') return evaluateGet(at, expression['Get']);
  const join = expression['Std:Join'];
  if (isJsonObject(join)) return evaluateJoin(at, join);
  const jsonGet = expression['Std:JsonGet'];
  if (isJsonObject(jsonGet)) return evaluateJsonGet(at, jsonGet);
  return fail(at, `${show(expression)} is no function of the definition language.`);
}

function evaluateGet(at: Resolving, text: string): Json | undefined {
  const parsed = parseReference(text);
  if (parsed.problem !== undefined) return fail(at, `Get: ${parsed.problem}.`);
  const reference = parsed.value;
  const { scope } = at;
  if (reference.kind === 'parameter') {
    const value = scope.parameters.get(reference.name);
    return value === undefined ? fail(at, `The parameter '${reference.name}' has no value.`) : value;
  }
  if (reference.kind === 'execution') {
    const value = Object.hasOwn(scope.execution, reference.variable) ? scope.execution[reference.variable] : undefined;
    return value === undefined ? fail(at, `The execution variable '${reference.variable}' has no value here.`) : value;
  }
  if (reference.kind === 'step') return evaluateProperty(at, reference);
  if (reference.kind === 'item' && scope.item !== undefined) return evaluateItem(at, scope.item, reference.path);
  return fail(at, `'${text}' has a value only inside a ForEach step.`);
}

/** Items with fields are commonly JSON objects written as text. */
function evaluateItem(at: Resolving, item: Json, path: readonly PathPart[]): Json | undefined {
  if (path.length === 0) return item;
  let fields = item;
  if (typeof item === 'string') {
    try {
      fields = JSON.parse(item) as Json;
    } catch {
      return fail(at, `The item ${show(item)} is no JSON object, so it has no '${formatPath(path)}'.`);
    }
  }
  const found = follow(fields, path);
  return found.missing === undefined
    ? found.value
    : fail(at, `The item ${show(item)} has no '${formatPath(path)}': ${found.missing}.`);
}

function evaluateProperty(at: Resolving, { step, path }: Reference & { kind: 'step' }): Json | undefined {
  const document = at.scope.step(step);
  if (document === undefined)
    return fail(at, `The step '${step}' has not succeeded, so its property '${formatPath(path)}' has no value.`);
  const found = follow(document, path);
  return found.missing === undefined
    ? found.value
    : fail(at, `The step '${step}' has no property '${formatPath(path)}': ${found.missing}.`);
}

/** Elements of these lists are also found by the named member: `Outputs['train']` is the one whose OutputName is train. */
const KEY_MEMBERS = ['OutputName', 'InputName', 'ChannelName', 'MetricName', 'VariantName', 'Key'];

/** Follows a path into a document. `missing` says at which part it ends, in words. */
export function follow(
  document: Json,
  path: readonly PathPart[],
): { value: Json; missing?: undefined } | { value?: undefined; missing: string } {
  let value = document;
  for (const [depth, part] of path.entries()) {
    const next = step(value, part);
    if (next === undefined || next === null) {
      const where = depth === 0 ? 'the top' : `'${formatPath(path.slice(0, depth))}'`;
      return { missing: `${whatIsMissing(value, part)} at ${where}` };
    }
    value = next;
  }
  return { value };
}

function step(value: Json, part: PathPart): Json | undefined {
  if ('index' in part) return Array.isArray(value) ? value[part.index] : undefined;
  const name = 'key' in part ? part.key : part.member;
  if (isJsonObject(value)) return Object.hasOwn(value, name) ? value[name] : undefined;
  if (!Array.isArray(value) || !('key' in part)) return undefined;
  return value.find((item) => isJsonObject(item) && KEY_MEMBERS.some((key) => item[key] === name));
}

function whatIsMissing(value: Json, part: PathPart): string {
  if ('index' in part)
    return Array.isArray(value) ? `there are only ${value.length} elements` : `there is ${kindOf(value)}, not a list,`;
  const name = 'key' in part ? part.key : part.member;
  if (isJsonObject(value)) return `there is no '${name}' (there are: ${listed(Object.keys(value))})`;
  if (Array.isArray(value)) return `no element is named '${name}'`;
  return `there is ${kindOf(value)}, so no '${name}',`;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, ...` : names.join(', ');
}

function evaluateJoin(at: Resolving, join: JsonObject): string | undefined {
  const values = Array.isArray(join['Values']) ? join['Values'] : [];
  const texts: string[] = [];
  for (const value of values) {
    const text = toText(at, value);
    if (text === undefined) continue; // its problem, or the file it needs, is noted
    texts.push(text);
  }
  const on = typeof join['On'] === 'string' ? join['On'] : '';
  at.charactersLeft -= on.length * texts.length;
  if (at.charactersLeft < 0) return undefined;
  return texts.length === values.length ? texts.join(on) : undefined;
}

/** A value as Std:Join writes it: integers without a fraction, a Float parameter always with one, booleans in lower case. */
function toText(at: Resolving, value: Json): string | undefined {
  const resolved = resolveValue(at, value);
  if (resolved === undefined) return undefined;
  if (resolved === null) return fail(at, `Std:Join: ${show(value)} is null.`);
  if (typeof resolved === 'number' && isFloatParameter(at.scope, value)) {
    return Number.isInteger(resolved) && Math.abs(resolved) < 1e21 ? resolved.toFixed(1) : String(resolved);
  }
  return typeof resolved === 'object' ? JSON.stringify(resolved) : String(resolved);
}

function isFloatParameter(scope: Scope, value: Json): boolean {
  const text = isJsonObject(value) ? value['Get'] : undefined;
  return typeof text === 'string' && text.startsWith('Parameters.') && scope.declared.get(text.slice(11))?.Type === 'Float';
}

function evaluateJsonGet(at: Resolving, get: JsonObject): Json | undefined {
  const uri = isJsonObject(get['PropertyFile']) ? propertyFileUri(at, get['PropertyFile']) : objectUri(at, get['S3Uri'] ?? null);
  const path = parsePath(typeof get['Path'] === 'string' ? get['Path'] : '');
  if (path.problem !== undefined) return fail(at, `Std:JsonGet: ${path.problem}.`);
  if (uri === undefined) return undefined;
  const reading = at.scope.file(uri);
  if (reading === undefined) {
    at.files.add(uri);
    return undefined;
  }
  if (reading.problem !== undefined) return fail(at, reading.problem);
  const found = follow(reading.json, path.value);
  if (found.missing === undefined) return found.value;
  return fail(at, `The file ${uri} has nothing at the path '${formatPath(path.value)}': ${found.missing}.`);
}

function objectUri(at: Resolving, value: Json): string | undefined {
  const uri = resolveValue(at, value);
  if (uri === undefined) return undefined;
  if (typeof uri === 'string' && uri.startsWith('s3://')) return uri;
  return fail(at, `Std:JsonGet: S3Uri must be an S3 URI, but is ${show(uri)}.`);
}

function propertyFileUri(at: Resolving, value: JsonObject): string | undefined {
  const parsed = parsePropertyFileReference(typeof value['Get'] === 'string' ? value['Get'] : '');
  if (parsed.problem !== undefined) return fail(at, `Std:JsonGet: ${parsed.problem}.`);
  const { step: name, file } = parsed.value;
  const declared = at.scope.propertyFile(name, file);
  if (!declared) return fail(at, `The step '${name}' declares no property file '${file}'.`);
  const output: PathPart[] = [{ member: 'ProcessingOutputConfig' }, { member: 'Outputs' }, { key: declared.OutputName }];
  const uri = evaluateProperty(at, {
    kind: 'step',
    step: name,
    path: [...output, { member: 'S3Output' }, { member: 'S3Uri' }],
  });
  return typeof uri === 'string' ? `${uri.replace(/\/+$/, '')}/${declared.FilePath.replace(/^\/+/, '')}` : undefined;
}

/** The JSON text of a file read for `Std:JsonGet`. */
export function parseFile(uri: string, text: string): FileReading {
  try {
    return { json: JSON.parse(text) as Json };
  } catch (error) {
    return { problem: `The file ${uri} is not valid JSON: ${(error as Error).message}.` };
  }
}

/** All are looked at, so that the files needed by any of them are known at once; a later fault counts even when an earlier one is false. */
function allHold(at: Resolving, conditions: readonly Condition[]): boolean | undefined {
  const outcomes = conditions.map((condition) => holds(at, condition));
  return outcomes.includes(undefined) ? undefined : outcomes.every((outcome) => outcome === true);
}

function holds(at: Resolving, condition: Condition): boolean | undefined {
  switch (condition.Type) {
    case 'Not': {
      const inner = holds(at, condition.Condition ?? condition.Expression);
      return inner === undefined ? undefined : !inner;
    }
    case 'Or': {
      const outcomes = condition.Conditions.map((one) => holds(at, one));
      return outcomes.includes(undefined) ? undefined : outcomes.includes(true);
    }
    case 'In': {
      const query = resolveValue(at, condition.QueryValue);
      const values = condition.Values.map((value) => resolveValue(at, value));
      if (query === undefined || values.includes(undefined)) return undefined;
      return values.includes(query);
    }
    default:
      return compare(at, condition);
  }
}

function compare(at: Resolving, condition: Extract<Condition, { LeftValue: Json }>): boolean | undefined {
  const left = resolveValue(at, condition.LeftValue);
  const right = resolveValue(at, condition.RightValue);
  if (left === undefined || right === undefined) return undefined;
  const type = condition.Type;
  const kind = typeof left === typeof right ? typeof left : 'mixed';
  const comparable = kind === 'number' || kind === 'string' || (kind === 'boolean' && type === 'Equals');
  if (!comparable) {
    const sides = `${show(left)} (${kindOf(left)}) and ${show(right)} (${kindOf(right)})`;
    return fail(at, `The condition ${type} cannot compare ${sides}. Give both sides the same type.`);
  }
  const [a, b] = [left as number, right as number]; // strings compare by the same operators
  if (type === 'Equals') return a === b;
  if (type === 'GreaterThan') return a > b;
  if (type === 'GreaterThanOrEqualTo') return a >= b;
  return type === 'LessThan' ? a < b : a <= b;
}
