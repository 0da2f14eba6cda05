import type { Json, JsonObject, StepType } from './language.ts';
import { FOR_EACH_PICKS, isJsonObject, LIMITS } from './language.ts';
import { entriesOf, kindOf, show } from './problems.ts';
import type { Place, Reading } from './reader.ts';
import { complain, readKeys, readNumber, readObject, within } from './reader.ts';
import { isExpression } from './references.ts';

/** They would need a place of their own in every iteration; SDK and service refuse them. */
const NOT_REPEATED: ReadonlySet<StepType> = new Set<StepType>(['Condition', 'Fail', 'ForEach']);

/** Reads the arguments of a ForEach step but for the steps of its body. */
export function readForEach(to: Reading, given: JsonObject, place: Place): undefined {
  const what = 'the arguments of a ForEach step';
  const keys = ['IterableItems', 'MaxConcurrency', 'ForEachBody'];
  readKeys(to, given, place, what, [...keys, 'Selector'], keys);
  const present = (key: string) => given[key] !== undefined && given[key] !== null;
  if (present('IterableItems')) readItems(to, given['IterableItems'] as Json, within(place, '.IterableItems'));
  if (present('MaxConcurrency')) {
    const rule = { min: 1, max: LIMITS.forEachConcurrency, whole: true };
    readNumber(to, given['MaxConcurrency'], within(place, '.MaxConcurrency'), 'MaxConcurrency', rule);
  }
  if (present('Selector')) readSelector(to, given['Selector'], within(place, '.Selector'));
  const body = given['ForEachBody'];
  if (Array.isArray(body) && body.length === 0) complain(to, within(place, '.ForEachBody'), 'ForEachBody is empty. Add a step.');
  for (const [index, step] of entriesOf(to, Array.isArray(body) ? body : [])) {
    const type = isJsonObject(step) ? (step['Type'] as StepType) : undefined;
    if (type === undefined || !NOT_REPEATED.has(type)) continue;
    const at = within(place, `.ForEachBody[${index}].Type`);
    complain(to, at, `A step of type ${type} cannot stand in a ForEachBody. Place it outside of the ForEach step.`);
  }
}

function readItems(to: Reading, value: Json, place: Place): undefined {
  if (isJsonObject(value) && isExpression(value)) return;
  if (!Array.isArray(value)) {
    const form = 'a list of items, or a reference to a text that is a JSON list';
    return complain(to, place, `IterableItems must be ${form}, but is ${kindOf(value)}.`);
  }
  if (value.length === 0 || value.length > LIMITS.forEachItems) {
    complain(to, place, `IterableItems has ${value.length} items; 1 to ${LIMITS.forEachItems} are allowed.`);
  }
  for (const [index, item] of entriesOf(to, value)) {
    const fits = ['string', 'number', 'boolean'].includes(typeof item) || (isJsonObject(item) && isExpression(item));
    if (!fits) complain(to, within(place, `[${index}]`), `An item must be one value or a reference, but is ${kindOf(item)}.`);
  }
}

function readSelector(to: Reading, value: unknown, place: Place): undefined {
  const selector = readObject(to, value, place, 'Selector');
  if (!selector) return;
  readKeys(to, selector, place, 'the Selector', ['Pick', 'Field'], ['Pick', 'Field']);
  const pick = selector['Pick'];
  if (pick !== undefined && !(FOR_EACH_PICKS as readonly unknown[]).includes(pick)) {
    complain(to, within(place, '.Pick'), `${show(pick)} is no way to pick. Write ${FOR_EACH_PICKS.join(' or ')}.`);
  }
  const field = selector['Field'];
  if (field === undefined || (isJsonObject(field) && String(field['Get']).startsWith('IterationOutput.'))) return;
  const form = '{"Get": "IterationOutput.BODYSTEP.PATH"}';
  complain(to, within(place, '.Field'), `Field must name an output of a step of the body: ${form}. It is ${show(field)}.`);
}
