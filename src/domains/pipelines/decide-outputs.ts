import type { OutputParameter } from '../../contract/generated/sagemaker.ts';
import type { Json, JsonObject, OutputParameterDefinition, ParameterType } from '../../../sdk/definition/index.ts';
import { kindOf } from '../../../sdk/definition/index.ts';

/** The outputs of a Lambda or Callback step as other steps read them, or what is wrong with them, in a sentence per fault. */
export type ReadOutputs = { values: JsonObject; problem?: undefined } | { values?: undefined; problem: string };

/** Outputs are kept in memory as long as their execution runs, those of a thousand children of a ForEach step too. */
const OUTPUT_CHARACTERS_MAX = 65_536;

/**
 * The declared outputs out of what a function returned or a callback sent. Values may come as text, which is how callbacks send them; what
 * is given beyond the declared is passed over.
 */
export function readOutputs(declared: readonly OutputParameterDefinition[], given: JsonObject): ReadOutputs {
  const values: JsonObject = {};
  const problems: string[] = [];
  for (const { OutputName: name, OutputType: type } of declared) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const read = value === undefined || value === null ? undefined : readOutput(type, value);
    if (typeof read === 'string' && read.length > OUTPUT_CHARACTERS_MAX)
      problems.push(
        `The output '${name}' has ${read.length} characters; put more than ${OUTPUT_CHARACTERS_MAX} into S3 and give its URI.`,
      );
    else if (read !== undefined) values[name] = read;
    else if (value === undefined || value === null) problems.push(`The output '${name}' is missing (given: ${namesOf(given)}).`);
    else problems.push(`The output '${name}' must be of type ${type}, but is ${shown(value)}.`);
  }
  return problems.length > 0 ? { problem: problems.join(' ') } : { values };
}

/** Outputs as step metadata lists them. */
export const outputList = (values: JsonObject): OutputParameter[] =>
  Object.entries(values).map(([Name, value]) => ({ Name, Value: textOf(value) }));

const INTEGER = /^[+-]?\d{1,19}$/;
const NUMBER = /^[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})(e[+-]?\d{1,3})?$/i;

function readOutput(type: ParameterType, value: Json): Json | undefined {
  switch (type) {
    case 'String': // numbers and booleans become text: a String output is often a status code
      return typeof value === 'object' ? undefined : textOf(value);
    case 'Boolean':
      if (typeof value === 'boolean') return value;
      return value === 'true' ? true : value === 'false' ? false : undefined;
    case 'Integer': {
      const number = typeof value === 'string' && INTEGER.test(value) ? Number(value) : value;
      return Number.isSafeInteger(number) ? number : undefined;
    }
    default: {
      const number = typeof value === 'string' && NUMBER.test(value) ? Number(value) : value;
      return Number.isFinite(number) ? number : undefined;
    }
  }
}

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return `${text.length > 100 ? `${text.slice(0, 97)}...` : text} (${kindOf(value)})`;
}

function namesOf(given: JsonObject): string {
  const names = Object.keys(given);
  if (names.length === 0) return 'none';
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, ...` : names.join(', ');
}
