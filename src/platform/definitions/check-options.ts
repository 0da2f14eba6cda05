import type { ServiceModel, Shape } from '../../contract/model.ts';
import { findProperty } from '../../contract/properties.ts';
import { shapeOf } from '../../contract/services.ts';
import type { ArgumentProblems, CheckOptions, Json, JsonObject, PropertyExists } from '../../../sdk/definition/index.ts';
import {
  CREATE_SHAPES,
  DESCRIBE_SHAPES,
  entriesOf,
  formatPath,
  isExpression,
  isJsonObject,
  kindOf,
  suggest,
} from '../../../sdk/definition/index.ts';

/** What SageMaker's API model adds to the check of a pipeline definition; the same for the server and for a check without one. */
export const checkOptionsOf = (model: () => ServiceModel): CheckOptions => ({
  propertyExists: propertyExistsIn(model),
  argumentProblems: argumentProblemsIn(model),
});

/** Property paths are paths into the Describe response of what the step makes. */
const propertyExistsIn =
  (model: () => ServiceModel): PropertyExists =>
  (type, path) => {
    const shape = DESCRIBE_SHAPES[type];
    if (shape === undefined) return true;
    const found = findProperty(model(), shape, formatPath(path));
    return found.outcome === 'found' || found;
  };

type Found = { path: string; message: string };

/** Arguments are the Create request of what the step makes: a misspelled or missing member is told before anything runs. */
const argumentProblemsIn =
  (model: () => ServiceModel): ArgumentProblems =>
  (type, given) => {
    const create = CREATE_SHAPES[type];
    if (!create) return [];
    const found: Found[] = [];
    const root = shapeOf(model(), create.shape);
    checkStructure({ model: model(), found }, root, given, '', create.given);
    return found;
  };

interface Checking {
  readonly model: ServiceModel;
  readonly found: Found[];
}

function checkStructure(at: Checking, shape: Shape, value: JsonObject, path: string, given: readonly string[] = []): void {
  const members = shape.members ?? {};
  const what = path === '' ? 'the arguments' : (path.split('.').at(-1) ?? path);
  for (const [, [key, inner]] of entriesOf({ problems: at.found }, Object.entries(value))) {
    const ref = Object.hasOwn(members, key) ? members[key] : undefined;
    if (ref) checkValue(at, shapeOf(at.model, ref), inner, `${path}.${key}`);
    else {
      const hint = suggest(
        { problems: at.found },
        key,
        Object.keys(members).filter((name) => value[name] === undefined),
      );
      at.found.push({
        path: `${path}.${key}`,
        message: `Cannot parse object, unknown property '${key}' in ${what}. Remove it.${hint}`,
      });
    }
  }
  for (const key of shape.required ?? []) {
    const absent = value[key] === undefined || value[key] === null;
    if (absent && !given.includes(key)) at.found.push({ path, message: `'${key}' is required in ${what}. Add it.` });
  }
}

function checkValue(at: Checking, shape: Shape, value: Json, path: string): void {
  if (value === null || (isJsonObject(value) && isExpression(value))) return; // absent, or known only when it runs
  const expected = EXPECTED[shape.type];
  if (expected && !expected.fits(value)) {
    at.found.push({ path, message: `${expected.words} is expected here, but it is ${kindOf(value)}.` });
  } else if (shape.type === 'structure') checkStructure(at, shape, value as JsonObject, path);
  else if (shape.type === 'list' && shape.member) {
    const member = shapeOf(at.model, shape.member);
    const items = entriesOf({ problems: at.found }, value as Json[]);
    for (const [position, item] of items) checkValue(at, member, item, `${path}[${position}]`);
  } else if (shape.type === 'map' && shape.value) {
    const member = shapeOf(at.model, shape.value);
    for (const [key, item] of Object.entries(value as JsonObject)) checkValue(at, member, item, `${path}.${key}`);
  }
}

const isNumber = (value: Json): boolean => typeof value === 'number';

const EXPECTED: { readonly [type: string]: { readonly fits: (value: Json) => boolean; readonly words: string } } = {
  structure: { fits: isJsonObject, words: 'An object' },
  map: { fits: isJsonObject, words: 'An object' },
  list: { fits: Array.isArray, words: 'A list' },
  string: { fits: (value) => typeof value === 'string', words: 'A string' },
  boolean: { fits: (value) => typeof value === 'boolean', words: 'true or false' },
  integer: { fits: (value) => Number.isInteger(value), words: 'An integer' },
  long: { fits: (value) => Number.isInteger(value), words: 'An integer' },
  float: { fits: isNumber, words: 'A number' },
  double: { fits: isNumber, words: 'A number' },
};
