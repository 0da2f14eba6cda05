import type { Checking } from './check.ts';
import { isJsonObject, type WorkStep } from './language.ts';
import { kindOf, suggest } from './problems.ts';
import type { Place } from './reader.ts';
import { complain, readKeys, within } from './reader.ts';
import { nth } from './nth.ts';

/** Whose outputs a Cleanup step can find by itself, and whose objects have to be named. */
const FOUND = new Set<string>(['Training']);
const NAMED = new Set<string>(['Processing', 'Transform']);

/** Checks the arguments of a Cleanup step: `{"Resources": {"S3": [{"StepName", "S3Uris"?}]}}`. */
export function checkCleanup({ to, graph }: Checking, step: WorkStep, place: Place): undefined {
  const at = within(place, '.Arguments');
  if (!isJsonObject(step.Arguments)) return;
  readKeys(to, step.Arguments, at, 'the arguments of a Cleanup step', ['Resources'], ['Resources']);
  const resources = step.Arguments['Resources'];
  if (resources === undefined || resources === null) return;
  const sources = isJsonObject(resources) ? resources['S3'] : undefined;
  if (!isJsonObject(resources) || !Array.isArray(sources) || sources.length === 0) {
    const form = '{"S3": [{"StepName": NAME}]} with one source at least';
    return complain(to, within(at, '.Resources'), `Resources must be ${form}, but is ${kindOf(resources)}.`);
  }
  readKeys(to, resources, within(at, '.Resources'), 'Resources', ['S3'], ['S3']);
  for (const [index, source] of sources.entries()) {
    const here = within(at, `.Resources.S3[${index}]`);
    if (!isJsonObject(source)) {
      complain(to, here, `A source must be {"StepName", "S3Uris"}, but is ${kindOf(source)}.`);
      continue;
    }
    readKeys(to, source, here, 'the source', ['StepName', 'S3Uris'], ['StepName']);
    const uris = source['S3Uris'];
    const hasUris = uris !== undefined && uris !== null;
    if (hasUris && (!Array.isArray(uris) || uris.length === 0)) {
      complain(to, within(here, '.S3Uris'), 'S3Uris must be a list with one URI at least. Leave it out, or name objects.');
    }
    const name = source['StepName'];
    const on = typeof name === 'string' ? graph.indexOf.get(name) : undefined;
    if (on === undefined) {
      const hint = typeof name === 'string' ? suggest(to, name, graph.indexOf.keys()) : '';
      if (name !== undefined) complain(to, within(here, '.StepName'), `There is no step '${String(name)}'.${hint}`);
      continue;
    }
    const { type } = nth(graph.steps, on);
    const fits = hasUris ? NAMED.has(type) : FOUND.has(type);
    if (fits) continue;
    const rule =
      'The output of a Training step is found without S3Uris; of a Processing or Transform step, S3Uris name the objects';
    complain(to, here, `'${String(name)}' is a ${type} step ${hasUris ? 'with' : 'without'} S3Uris. ${rule}.`);
  }
}
