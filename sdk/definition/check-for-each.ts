import type { Checking } from './check.ts';
import { bodyOf, childName } from './expand.ts';
import type { GraphStep } from './graph.ts';
import type { JsonObject, WorkStep } from './language.ts';
import { FOR_EACH_MEMBERS, isJsonObject } from './language.ts';
import { show, suggest } from './problems.ts';
import type { Place } from './reader.ts';
import { complain } from './reader.ts';
import type { PathPart, Reference } from './references.ts';
import { formatPath, parseReference } from './references.ts';
import { nth } from './nth.ts';

/** Checks a path below a step's properties; `place` is where it is written. */
export type CheckPath = (step: GraphStep, path: readonly PathPart[], place: Place) => undefined;

/** Children are named after their body step and item, so no other step may have such a name. */
export function checkChildNames({ to, graph }: Checking): undefined {
  for (const { step, path } of to.steps) {
    const dash = step.Name.lastIndexOf('-');
    const bodyStep = graph.indexOf.get(step.Name.slice(0, dash));
    const isChild = dash > 0 && /^\d+$/.test(step.Name.slice(dash + 1));
    if (!isChild || bodyStep === undefined || nth(graph.steps, bodyStep).body === undefined) continue;
    const { name } = nth(graph.steps, bodyStep);
    const why = `the children of '${name}' are called ${childName(name, 0)}, ${childName(name, 1)} and so on`;
    complain(to, { path, step: step.Name }, `The step name '${step.Name}' is taken: ${why}. Rename one of the steps.`);
  }
}

/** The body of a ForEach is seen from outside only through the ForEach, and does not see the ForEach itself. */
export function checkBodyBounds({ to, graph }: Checking, on: number, place: Place): boolean {
  const step = nth(graph.steps, on);
  const from = place.step === undefined ? undefined : graph.indexOf.get(place.step);
  const reader = from === undefined ? undefined : graph.steps[from];
  if (step.body !== undefined && reader?.body !== step.body) {
    const holder = nth(graph.steps, step.body).name;
    const remedy = `Read Steps.${holder}.IterationOutputs[INDEX].${step.name}, or depend on '${holder}'`;
    complain(to, place, `'${step.name}' is a step of the ForEach '${holder}' and is not seen outside of it. ${remedy}.`);
    return false;
  }
  if (reader?.body === on) {
    complain(to, place, `'${step.name}' ends only after its body, so the body cannot wait for it. Remove the reference.`);
    return false;
  }
  return true;
}

/** `IterationOutputs[i].Body.PATH`, `Selected.PATH`, or one of the counts. */
export function checkForEachProperty(
  checking: Checking,
  on: number,
  path: readonly PathPart[],
  place: Place,
  check: CheckPath,
): undefined {
  const { to, graph } = checking;
  const step = nth(graph.steps, on);
  const [first, second, third, ...rest] = path;
  const member = first && 'member' in first ? first.member : '';
  if ((FOR_EACH_MEMBERS as readonly string[]).includes(member) && path.length === 1) return;
  if (member === 'IterationOutputs') {
    const body = third && 'member' in third ? bodyStep(checking, on, third.member) : undefined;
    if (second && 'index' in second && body && rest.length > 0) return check(body, rest, place);
    const form = `Steps.${step.name}.IterationOutputs[INDEX].BODYSTEP.PATH with one of the steps ${listed(bodyNames(checking, on))}`;
    return complain(to, place, `IterationOutputs of ForEach step '${step.name}' are read as ${form}. Correct the path.`);
  }
  if (member === 'Selected' && path.length > 1) {
    const compared = selectedStep(checking, step);
    if (compared) return check(compared, path.slice(1), place);
    return complain(to, place, `The ForEach step '${step.name}' has no Selector, so nothing is selected. Add one.`);
  }
  const possible = [...FOR_EACH_MEMBERS, 'IterationOutputs', 'Selected'];
  const hint = suggest(to, member, possible) || ` It has ${possible.join(', ')}.`;
  complain(to, place, `A ForEach step has no property '${formatPath(path)}' (of step '${step.name}').${hint}`);
}

function bodyStep({ graph }: Checking, forEach: number, name: string): GraphStep | undefined {
  const index = graph.indexOf.get(name);
  const step = index === undefined ? undefined : nth(graph.steps, index);
  return step?.body === forEach ? step : undefined;
}

/** Of many problems and large bodies: a message for each cannot hold all names, nor go through all steps for them. */
const MOST_LISTED = 20;
const MOST_LISTS = 50;
const bodyNames = ({ to, graph }: Checking, forEach: number): string[] =>
  to.problems.length < MOST_LISTS ? bodyOf(graph, forEach).map((index) => nth(graph.steps, index).name) : [];
const listed = (names: readonly string[]): string =>
  names.length === 0
    ? '(many)'
    : names.length <= MOST_LISTED
      ? names.join(', ')
      : `${names.slice(0, MOST_LISTED).join(', ')} and ${names.length - MOST_LISTED} more`;

/** The body step whose outputs a Selector compares. */
function selectedStep({ graph }: Checking, { step }: GraphStep): GraphStep | undefined {
  const selector = (step as WorkStep).Arguments?.['Selector'];
  const field = isJsonObject(selector) ? (selector['Field'] as JsonObject | undefined) : undefined;
  const reference = typeof field?.['Get'] === 'string' ? parseReference(field['Get']).value : undefined;
  const index = reference?.kind === 'iteration' ? graph.indexOf.get(reference.step) : undefined;
  return index === undefined ? undefined : nth(graph.steps, index);
}

/** References that have a value only inside a ForEach step. */
export function checkIterationReference(
  checking: Checking,
  reference: Reference,
  text: string,
  place: Place,
  check: CheckPath,
): undefined {
  const { to, graph } = checking;
  const from = place.step === undefined ? undefined : graph.indexOf.get(place.step);
  const reader = from === undefined ? undefined : nth(graph.steps, from);
  if (reference.kind === 'item') {
    if (reader?.body !== undefined) return;
    return complain(to, place, `'${text}' has a value only inside a ForEach step. Use it in a step of a ForEachBody.`);
  }
  if (reference.kind !== 'iteration') return;
  if (reader?.type !== 'ForEach' || from === undefined) {
    return complain(to, place, `'${text}' has a value only in the Selector of a ForEach step. Use it there.`);
  }
  const compared = bodyStep(checking, from, reference.step);
  if (compared) return check(compared, reference.path, place);
  const names = bodyNames(checking, from);
  const hint = suggest(to, reference.step, names) || ` The body has ${listed(names)}.`;
  complain(to, place, `${show(text)} names no step of the body of '${reader.name}'.${hint}`);
}
