import type { ParameterDefinition } from '../../../sdk/definition/index.ts';
import type { Random } from '../random.ts';

export interface DrawnParameters {
  readonly declared: readonly ParameterDefinition[];
  readonly given: readonly { readonly Name: string; readonly Value: string }[];
}

/** One parameter of each kind that steps read, with and without default, enumerated or not. `Items` is the text of a JSON list. */
export function drawParameters(random: Random): DrawnParameters {
  const declared: ParameterDefinition[] = [];
  const given: { Name: string; Value: string }[] = [];
  const add = (Name: string, Type: ParameterDefinition['Type'], values: (string | number | boolean)[]) => {
    const fallback = random.pick(values);
    const hasDefault = random.chance(0.7);
    const isEnumerated = Type !== 'Boolean' && random.chance(0.2);
    const value = random.pick(values);
    const isGiven = random.chance(0.5);
    declared.push({ Name, Type, ...(hasDefault && { DefaultValue: fallback }), ...(isEnumerated && { EnumValues: values }) });
    if (isGiven || !hasDefault) given.push({ Name, Value: Type === 'Boolean' ? (value ? 'True' : 'false') : String(value) });
  };
  add('Branch', 'String', ['if', 'else']);
  add('Count', 'Integer', [1, 2, 3, -7]);
  add('Share', 'Float', [0.5, 1, 2.25]);
  add('Flag', 'Boolean', [true, false]);
  add('Outcome', 'String', ['ok', 'ok', 'fail']);
  add('Items', 'String', ['["x","y"]', '["ok","fail"]', '["1"]', '[]']);
  return { declared, given };
}
