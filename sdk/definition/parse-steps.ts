import type { JsonObject, Step, StepType } from './language.ts';
import {
  COMMON_STEP_KEYS,
  DEPENDENCY_TRIGGERS,
  EXTRA_STEP_KEYS,
  isJsonObject,
  LIMITS,
  REQUIRED_STEP_KEYS,
  STEP_TYPES,
} from './language.ts';
import { readConditions } from './parse-conditions.ts';
import { readForEach } from './parse-for-each.ts';
import { readOutputParameters } from './parse-outputs.ts';
import { readCacheConfig, readRetryPolicies } from './parse-policies.ts';
import { entriesOf, kindOf, show, suggest } from './problems.ts';
import type { Place, Reading } from './reader.ts';
import { complain, readKeys, readList, readObject, readText, within } from './reader.ts';
import { isExpression } from './references.ts';

const NAME = { max: LIMITS.stepName, pattern: /^[A-Za-z0-9_-]*$/, form: "letters, digits, '-' and '_'" };

/** Reads a list of steps, adding each step and those nested in it to `to.steps` in document order. */
export function readSteps(to: Reading, value: unknown, place: Place, parent?: number): undefined {
  const steps = readList(to, value, place, place.path.split('.').at(-1) ?? 'Steps');
  for (const [index, step] of entriesOf(to, steps)) {
    if (to.steps.length > LIMITS.steps) return;
    readStep(to, step, { path: `${place.path}[${index}]` }, parent);
  }
}

function readStep(to: Reading, value: unknown, unnamed: Place, parent: number | undefined): undefined {
  const step = readObject(to, value, unnamed, 'A step');
  if (!step) return;
  const named = typeof step['Name'] === 'string' && step['Name'] !== '';
  const place: Place = named ? { path: unnamed.path, step: step['Name'] as string } : unnamed;
  const type = readStepType(to, step, place);
  const known = type ? [...COMMON_STEP_KEYS, ...(EXTRA_STEP_KEYS[type] ?? [])] : undefined;
  // Without a known type nothing can be said about the keys that depend on it.
  readKeys(to, step, place, type ? `a step of type ${type}` : 'the step', known ?? Object.keys(step), [
    'Name',
    ...(type === 'Fail' ? [] : ['Arguments']),
    ...(type ? (REQUIRED_STEP_KEYS[type] ?? []) : []),
  ]);
  const given = (key: string) => step[key] !== undefined && step[key] !== null;
  if (given('Name')) readText(to, step['Name'], within(place, '.Name'), 'The step name', NAME);
  readLabels(to, step, place);
  if (given('DependsOn')) readDependencies(to, step['DependsOn'], within(place, '.DependsOn'));
  if (!type) return;
  const index = to.steps.length;
  if (named) to.steps.push({ step: step as unknown as Step, path: place.path, parent });
  if (given('CacheConfig')) readCacheConfig(to, step['CacheConfig'], within(place, '.CacheConfig'));
  if (given('RetryPolicies')) readRetryPolicies(to, step['RetryPolicies'], within(place, '.RetryPolicies'));
  if (given('PropertyFiles')) readPropertyFiles(to, step['PropertyFiles'], within(place, '.PropertyFiles'));
  if (given('OutputParameters')) readOutputParameters(to, step['OutputParameters'], within(place, '.OutputParameters'));
  for (const key of REQUIRED_STEP_KEYS[type] ?? [])
    if (given(key)) readTextOrExpression(to, step[key], within(place, `.${key}`), key);
  if (given('Arguments')) readArguments(to, step['Arguments'], type, within(place, '.Arguments'), named ? index : undefined);
}

function readTextOrExpression(to: Reading, value: unknown, place: Place, what: string): undefined {
  if (!isJsonObject(value) || !isExpression(value)) readText(to, value, place, what);
}

function readStepType(to: Reading, step: JsonObject, place: Place): StepType | undefined {
  const type = step['Type'];
  if (typeof type === 'string' && (STEP_TYPES as readonly string[]).includes(type)) return type as StepType;
  if (type === undefined || type === null) complain(to, place, "The step lacks 'Type'. Add it.");
  else {
    const hint = typeof type === 'string' ? suggest(to, type, STEP_TYPES) : '';
    complain(to, within(place, '.Type'), `${show(type)} is no step type.${hint || ` The types are ${STEP_TYPES.join(', ')}.`}`);
  }
  return undefined;
}

function readLabels(to: Reading, step: JsonObject, place: Place): undefined {
  const label = (key: string, max: number) => {
    const value = step[key];
    if (value !== undefined && value !== null) readText(to, value, within(place, `.${key}`), key, { max, min: 0 });
  };
  label('DisplayName', LIMITS.stepDisplayName);
  label('Description', LIMITS.stepDescription);
}

function readArguments(to: Reading, value: unknown, type: StepType, place: Place, index: number | undefined): undefined {
  const given = readObject(to, value, place, 'Arguments');
  if (!given) return;
  if (type === 'Fail') return readKeys(to, given, place, 'the arguments of a Fail step', ['ErrorMessage'], []);
  if (type === 'ForEach') readForEach(to, given, place);
  if (type === 'ForEach' && given['ForEachBody'] !== undefined && given['ForEachBody'] !== null) {
    readSteps(to, given['ForEachBody'], within(place, '.ForEachBody'), index);
  }
  if (type !== 'Condition') return;
  readKeys(to, given, place, 'the arguments of a Condition step', ['Conditions', 'IfSteps', 'ElseSteps'], ['Conditions']);
  if (given['Conditions'] !== undefined && given['Conditions'] !== null) {
    readConditions(to, given['Conditions'], within(place, '.Conditions'));
  }
  for (const branch of ['IfSteps', 'ElseSteps']) {
    const steps = given[branch];
    if (steps !== undefined && steps !== null) readSteps(to, steps, within(place, `.${branch}`), index);
  }
}

function readDependencies(to: Reading, value: unknown, place: Place): undefined {
  const dependencies = readList(to, value, place, 'DependsOn');
  for (const [index, dependency] of entriesOf(to, dependencies)) {
    const at = within(place, `[${index}]`);
    if (typeof dependency === 'string') continue;
    if (typeof dependency !== 'object' || dependency === null || Array.isArray(dependency)) {
      complain(to, at, `A dependency must be a step's name or {"Step", "Trigger"}, but is ${kindOf(dependency)}.`);
      continue;
    }
    const object = dependency as JsonObject;
    readKeys(to, object, at, 'the dependency', ['Step', 'Trigger'], ['Step']);
    if (object['Step'] !== undefined) readText(to, object['Step'], within(at, '.Step'), 'Step');
    const trigger = object['Trigger'];
    if (trigger === undefined || trigger === null) continue;
    if (!(DEPENDENCY_TRIGGERS as readonly unknown[]).includes(trigger)) {
      complain(to, within(at, '.Trigger'), `${show(trigger)} is no trigger. The triggers are ${DEPENDENCY_TRIGGERS.join(', ')}.`);
    }
  }
}

function readPropertyFiles(to: Reading, value: unknown, place: Place): undefined {
  const files = readList(to, value, place, 'PropertyFiles');
  const seen = new Set<string>();
  for (const [index, file] of entriesOf(to, files)) {
    const at = within(place, `[${index}]`);
    const object = readObject(to, file, at, 'A property file');
    if (!object) continue;
    const keys = ['PropertyFileName', 'OutputName', 'FilePath'];
    readKeys(to, object, at, 'the property file', keys, keys);
    for (const key of keys) {
      if (object[key] !== undefined && object[key] !== null) readText(to, object[key], within(at, `.${key}`), key);
    }
    const name = object['PropertyFileName'];
    if (typeof name !== 'string') continue;
    if (seen.has(name)) complain(to, at, `The property file '${name}' is declared twice. Give each its own PropertyFileName.`);
    seen.add(name);
  }
}
