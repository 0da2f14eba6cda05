import { PARAMETER_TYPES } from './language.ts';
import { entriesOf, show } from './problems.ts';
import type { Place, Reading } from './reader.ts';
import { complain, readKeys, readList, readObject, readText, within } from './reader.ts';

const KEYS = ['OutputName', 'OutputType'];

/** Reads the outputs that a Lambda or Callback step declares. */
export function readOutputParameters(to: Reading, value: unknown, place: Place): undefined {
  const seen = new Set<string>();
  for (const [index, one] of entriesOf(to, readList(to, value, place, 'OutputParameters'))) {
    const at = within(place, `[${index}]`);
    const output = readObject(to, one, at, 'An output parameter');
    if (!output) continue;
    readKeys(to, output, at, 'the output parameter', KEYS, KEYS);
    const { OutputName: name, OutputType: type } = output;
    if (name !== undefined && name !== null) readText(to, name, within(at, '.OutputName'), 'OutputName', { max: 256 });
    if (type !== undefined && type !== null && !(PARAMETER_TYPES as readonly unknown[]).includes(type)) {
      complain(to, within(at, '.OutputType'), `${show(type)} is no type. The types are ${PARAMETER_TYPES.join(', ')}.`);
    }
    if (typeof name !== 'string') continue;
    if (seen.has(name)) complain(to, at, `The output parameter '${name}' is declared twice. Give each its own OutputName.`);
    seen.add(name);
  }
}
