import type { CheckOptions } from './check.ts';
import { checkDefinition } from './check.ts';
import type { Graph } from './graph.ts';
import type { Json, ParameterDefinition, PipelineDefinition } from './language.ts';
import { DEFINITION_VERSION, EXECUTED_STEP_TYPES, isJsonObject, LIMITS } from './language.ts';
import { readParameterDefinitions } from './parameters.ts';
import { readSteps } from './parse-steps.ts';
import type { Problem } from './problems.ts';
import { show } from './problems.ts';
import type { Place, Reading } from './reader.ts';
import { complain, readKeys, readObject } from './reader.ts';

export type ParsedDefinition =
  | { definition: PipelineDefinition; graph: Graph; problems?: undefined }
  | { definition?: undefined; graph?: undefined; problems: Problem[] };

const TOP_KEYS = ['Version', 'Metadata', 'Parameters', 'PipelineExperimentConfig', 'MlflowConfig', 'Steps'];

/**
 * Parses and checks a pipeline definition, given as its JSON text or already parsed. Everything wrong with it is reported at once. Time
 * and memory are linear in its size. The definition returned is the given JSON itself, not a copy.
 */
export function parseDefinition(source: unknown, options: CheckOptions = {}): ParsedDefinition {
  let json = source;
  if (typeof source === 'string') {
    const parsed = parseJson(source);
    if (parsed.problem !== undefined) return { problems: [{ path: '', message: parsed.problem }] };
    json = parsed.value;
  }
  const to: Reading = { problems: [], steps: [] };
  const top: Place = { path: '' };
  const definition = readObject(to, json, top, 'The pipeline definition');
  if (!definition) return { problems: to.problems };
  const tooMuch = tooLarge(definition);
  if (tooMuch !== undefined) {
    complain(to, top, tooMuch);
    return { problems: to.problems };
  }
  readKeys(to, definition, top, 'the pipeline definition', TOP_KEYS, ['Version', 'Steps']);
  const version = definition['Version'];
  if (version !== undefined && version !== null && version !== DEFINITION_VERSION) {
    complain(to, { path: 'Version' }, `Version ${show(version)} is not known. Write "${DEFINITION_VERSION}".`);
  }
  for (const key of ['Metadata', 'PipelineExperimentConfig', 'MlflowConfig']) {
    const value = definition[key];
    if (value !== undefined && value !== null) readObject(to, value, { path: key }, key);
  }
  const experiment = definition['PipelineExperimentConfig'];
  if (isJsonObject(experiment)) {
    const place = { path: 'PipelineExperimentConfig' };
    readKeys(to, experiment, place, place.path, ['ExperimentName', 'TrialName'], []);
  }
  const parameters = readParameterDefinitions(to, definition['Parameters'], { path: 'Parameters' });
  readTopSteps(to, definition['Steps']);
  const graph = checkDefinition(to, parameters, experiment ?? undefined, options);
  return to.problems.length > 0 ? { problems: to.problems } : { definition: definition as unknown as PipelineDefinition, graph };
}

function readTopSteps(to: Reading, value: Json | undefined): undefined {
  if (value === undefined || value === null) return;
  if (Array.isArray(value) && value.length === 0) complain(to, { path: 'Steps' }, 'Steps is empty. Give at least one step.');
  readSteps(to, value, { path: 'Steps' });
  if (to.steps.length > LIMITS.steps)
    complain(to, { path: 'Steps' }, `There are more than ${LIMITS.steps} steps. Split the pipeline.`);
}

const TOO_MANY_VALUES = `The definition has more than ${LIMITS.values} values. Split it.`;

/** Values are parted by commas: a text with too many of them is not worth the seconds that parsing ten million objects takes. */
function hasTooManyCommas(text: string): boolean {
  let commas = 0;
  for (let at = text.indexOf(','); at >= 0 && commas <= LIMITS.values; at = text.indexOf(',', at + 1)) commas++;
  return commas > LIMITS.values;
}

function parseJson(text: string): { value: unknown; problem?: undefined } | { problem: string } {
  if (hasTooManyCommas(text)) return { problem: TOO_MANY_VALUES };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: `The pipeline definition is no valid JSON: ${(error as Error).message}. Correct the text.` };
  }
}

/** Without recursion, so that hostile nesting cannot exhaust the stack. */
function tooLarge(root: object): string | undefined {
  let level: object[] = [root];
  let values = 0;
  for (let depth = 0; depth <= LIMITS.nesting; depth++) {
    const next: object[] = [];
    for (const node of level) {
      const inner: unknown[] = Array.isArray(node) ? node : Object.values(node);
      values += inner.length;
      if (values > LIMITS.values) return TOO_MANY_VALUES;
      for (const value of inner) if (typeof value === 'object' && value !== null) next.push(value);
    }
    if (next.length === 0) return undefined;
    level = next;
  }
  return `The definition is nested more than ${LIMITS.nesting} levels deep. Flatten it.`;
}

/** What a correct definition asks for that this version does not execute: upsert refuses these, validation alone only tells. */
export function unsupportedSteps(graph: Graph): Problem[] {
  const problems: Problem[] = [];
  for (const { name, type } of graph.steps) {
    if (!EXECUTED_STEP_TYPES.has(type)) {
      const executed = [...EXECUTED_STEP_TYPES].join(', ');
      problems.push({
        path: `Steps.${name}`,
        step: name,
        message: `step ${name} of type ${type} is not implemented yet (implemented: ${executed})`,
      });
    }
  }
  return problems;
}

export function parametersOf(definition: PipelineDefinition): ReadonlyMap<string, ParameterDefinition> {
  return new Map((definition.Parameters ?? []).map((parameter) => [parameter.Name, parameter]));
}
