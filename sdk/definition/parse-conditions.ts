import type { JsonObject } from './language.ts';
import { COMPARISON_TYPES } from './language.ts';
import { entriesOf, kindOf, show, suggest } from './problems.ts';
import type { Place, Reading } from './reader.ts';
import { complain, readKeys, readList, readObject, within } from './reader.ts';

const CONDITION_TYPES = [...COMPARISON_TYPES, 'In', 'Not', 'Or'];

/** Reads a list of conditions, which all must hold. */
export function readConditions(to: Reading, value: unknown, place: Place): undefined {
  const conditions = readList(to, value, place, 'Conditions');
  if (conditions?.length === 0) complain(to, place, 'Conditions is empty. Give at least one condition.');
  for (const [index, condition] of entriesOf(to, conditions)) readCondition(to, condition, within(place, `[${index}]`));
}

function readCondition(to: Reading, value: unknown, place: Place): undefined {
  const condition = readObject(to, value, place, 'A condition');
  if (!condition) return;
  const type = condition['Type'];
  if (typeof type !== 'string' || !CONDITION_TYPES.includes(type)) {
    const hint = typeof type === 'string' ? suggest(to, type, CONDITION_TYPES) : '';
    const known = `The operators are ${CONDITION_TYPES.join(', ')}.`;
    complain(to, within(place, '.Type'), `${show(type)} is no condition type.${hint || ` ${known}`}`);
    return;
  }
  const what = `the ${type} condition`;
  if (type === 'Not') {
    const key = condition['Condition'] === undefined && condition['Expression'] !== undefined ? 'Expression' : 'Condition';
    readKeys(to, condition, place, what, ['Type', key], [key]);
    if (condition[key] !== undefined) readCondition(to, condition[key], within(place, `.${key}`));
  } else if (type === 'Or') {
    readKeys(to, condition, place, what, ['Type', 'Conditions'], ['Conditions']);
    if (condition['Conditions'] !== undefined) readConditions(to, condition['Conditions'], within(place, '.Conditions'));
  } else if (type === 'In') {
    readKeys(to, condition, place, what, ['Type', 'QueryValue', 'Values'], ['QueryValue', 'Values']);
    readOperand(to, condition, 'QueryValue', place);
    const values = condition['Values'] === undefined ? [] : readList(to, condition['Values'], within(place, '.Values'), 'Values');
    if (condition['Values'] !== undefined && values?.length === 0) {
      complain(to, within(place, '.Values'), 'Values is empty, so the condition can never hold. Give at least one value.');
    }
  } else {
    readKeys(to, condition, place, what, ['Type', 'LeftValue', 'RightValue'], ['LeftValue', 'RightValue']);
    readOperand(to, condition, 'LeftValue', place);
    readOperand(to, condition, 'RightValue', place);
  }
}

function readOperand(to: Reading, condition: JsonObject, key: string, place: Place): undefined {
  const value = condition[key];
  if (!Array.isArray(value)) return;
  complain(to, within(place, `.${key}`), `${key} must be one value or one reference, but is ${kindOf(value)}.`);
}
