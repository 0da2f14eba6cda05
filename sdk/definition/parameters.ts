import type { Json, JsonObject, ParameterDefinition, ParameterType } from './language.ts';
import { LIMITS, PARAMETER_TYPES } from './language.ts';
import type { Problem, Report } from './problems.ts';
import { show, suggest } from './problems.ts';
import type { Place } from './reader.ts';
import { complain, readKeys, readList, readObject, readText, within } from './reader.ts';

export type ParameterValue = string | number | boolean;

/** Reads the declarations; what is returned has every well-formed name, so that references are not reported a second time. */
export function readParameterDefinitions(to: Report, value: unknown, place: Place): Map<string, ParameterDefinition> {
  const declared = new Map<string, ParameterDefinition>();
  if (value === undefined || value === null) return declared;
  const list = readList(to, value, place, 'Parameters') ?? [];
  if (list.length > LIMITS.parameters) {
    complain(to, place, `There are ${list.length} parameters; at most ${LIMITS.parameters} are allowed. Remove some.`);
  }
  for (const [index, item] of list.entries()) {
    const at = within(place, `[${index}]`);
    const object = readObject(to, item, at, 'A parameter');
    if (!object) continue;
    readParameter(to, object, at);
    const name = object['Name'];
    if (typeof name !== 'string') continue;
    if (declared.has(name)) complain(to, at, `The parameter '${name}' is declared twice. Remove or rename one.`);
    declared.set(name, object as unknown as ParameterDefinition);
  }
  return declared;
}

function readParameter(to: Report, object: JsonObject, place: Place): undefined {
  readKeys(to, object, place, 'the parameter', ['Name', 'Type', 'DefaultValue', 'EnumValues'], ['Name', 'Type']);
  const rule = { max: LIMITS.parameterName, pattern: /^[A-Za-z0-9_-]*$/, form: "letters, digits, '-' and '_'" };
  if (object['Name'] !== undefined && object['Name'] !== null)
    readText(to, object['Name'], within(place, '.Name'), 'The name', rule);
  const type = object['Type'] as ParameterType;
  if (type === undefined || type === null) return;
  if (!PARAMETER_TYPES.includes(type)) {
    const hint = typeof type === 'string' ? suggest(to, type, PARAMETER_TYPES) : ` Known: ${PARAMETER_TYPES.join(', ')}.`;
    return complain(to, within(place, '.Type'), `${show(type)} is no parameter type.${hint}`);
  }
  const fallback = object['DefaultValue'] ?? undefined;
  const fits = fallback === undefined || hasType(fallback, type);
  if (!fits)
    complain(to, within(place, '.DefaultValue'), `DefaultValue ${show(fallback)} is not of type ${type}. ${formOf(type)}`);
  const values = object['EnumValues'] ?? undefined;
  if (values === undefined) return;
  const list = readList(to, values, within(place, '.EnumValues'), 'EnumValues') as Json[] | undefined;
  if (list?.length === 0)
    complain(to, within(place, '.EnumValues'), 'EnumValues is empty. Give the allowed values or remove it.');
  for (const [index, one] of (list ?? []).entries()) {
    if (hasType(one, type)) continue;
    complain(to, within(place, `.EnumValues[${index}]`), `The value ${show(one)} is not of type ${type}. ${formOf(type)}`);
  }
  if (list && list.length > 0 && fits && fallback !== undefined && !list.includes(fallback)) {
    complain(to, within(place, '.DefaultValue'), `DefaultValue ${show(fallback)} is not one of EnumValues ${show(list)}.`);
  }
}

function hasType(value: Json, type: ParameterType): boolean {
  if (type === 'String') return typeof value === 'string';
  if (type === 'Boolean') return typeof value === 'boolean';
  return type === 'Integer' ? Number.isSafeInteger(value) : typeof value === 'number';
}

function formOf(type: ParameterType): string {
  if (type === 'String') return 'Write it in quotes.';
  if (type === 'Boolean') return 'Write true or false.';
  return type === 'Integer' ? 'Write a whole number.' : 'Write a number.';
}

/** The typed value of a parameter's text as Start sends it (Python's `str()`: "1", "0.5", "True"); undefined when it is none. */
export function coerceParameter(text: string, type: ParameterType): ParameterValue | undefined {
  if (type === 'String') return text;
  if (type === 'Boolean') {
    if (/^true$/i.test(text)) return true;
    return /^false$/i.test(text) ? false : undefined;
  }
  if (type === 'Integer') {
    const value = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const value = /^[+-]?(\d{1,320}(\.\d{0,320})?|\.\d{1,320})(e[+-]?\d{1,4})?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

export type ResolvedParameters =
  | { values: Map<string, ParameterValue>; problems?: undefined }
  | { values?: undefined; problems: Problem[] };

/**
 * The value of every declared parameter for one execution: the text given for it, coerced, or its default. Everything wrong is reported:
 * an unknown or repeated name, a value of the wrong type or outside the enumeration, a parameter without a value.
 */
export function resolveParameters(
  declared: ReadonlyMap<string, ParameterDefinition>,
  given: readonly { Name: string; Value: string }[],
): ResolvedParameters {
  const to: Report = { problems: [] };
  const values = new Map<string, ParameterValue>();
  for (const [index, { Name: name, Value: text }] of given.entries()) {
    const place = { path: `PipelineParameters[${index}]` };
    const definition = declared.get(name);
    if (!definition) {
      const hint = declared.size === 0 ? ' The pipeline declares no parameters.' : suggest(to, name, declared.keys());
      complain(to, place, `Unknown parameter '${name}'.${hint}`);
      continue;
    }
    if (values.has(name)) complain(to, place, `The parameter '${name}' is given twice. Give it once.`);
    const value = coerceParameter(text, definition.Type);
    if (value === undefined) {
      complain(to, place, `The value ${show(text)} of parameter '${name}' is not of type ${definition.Type}.`);
    } else if (definition.EnumValues && !definition.EnumValues.includes(value)) {
      complain(to, place, `The value ${show(text)} of parameter '${name}' is not one of ${show(definition.EnumValues)}.`);
    }
    values.set(name, value ?? text);
  }
  for (const [name, { Type: type, DefaultValue: fallback }] of declared) {
    if (values.has(name)) continue;
    if (fallback === undefined || fallback === null) {
      complain(
        to,
        { path: 'PipelineParameters' },
        `The parameter '${name}' of type ${type} has no default value. Give it a value.`,
      );
    } else values.set(name, fallback);
  }
  return to.problems.length > 0 ? { problems: to.problems } : { values };
}
