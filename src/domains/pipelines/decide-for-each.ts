import type { ForEachStepMetadata } from '../../contract/generated/sagemaker.ts';
import type { ForEachPick, Json, JsonObject, PathPart } from '../../../sdk/definition/index.ts';
import { follow, formatPath, isJsonObject, kindOf } from '../../../sdk/definition/index.ts';
import type { Iterations } from './decide-progress.ts';

/** So many items no list in a parameter or an output is meant to have; each is a job at least. */
const ITEMS_MAX = 1_000;

/** Steps of an execution with all children of its ForEach steps: all are held in memory, also by the next server. */
const STEPS_MAX = 100_000;

/** Why a ForEach step cannot repeat its body for each of so many items; undefined when it can. */
export function tooManyChildren(steps: number, bodySteps: number, items: number): string | undefined {
  const children = bodySteps * items;
  if (steps + children <= STEPS_MAX) return undefined;
  return `${items} items of ${bodySteps} steps each are ${children} steps beside the ${steps} there are; an execution has at most ${STEPS_MAX}. Repeat for fewer items, or start an execution for each`;
}

/** The items that the evaluated IterableItems are, or what is wrong with them. */
export function readItems(value: Json): { readonly items: Json[] } | { readonly problem: string } {
  let list: Json | undefined = value;
  if (typeof value === 'string') {
    try {
      list = JSON.parse(value) as Json;
    } catch (error) {
      return { problem: `IterableItems ${shown(value)} is no JSON list: ${(error as Error).message}.` };
    }
  }
  if (!Array.isArray(list)) return { problem: `IterableItems must be a JSON list, but is ${shown(value)}.` };
  if (list.length > ITEMS_MAX)
    return { problem: `IterableItems has ${list.length} items; at most ${ITEMS_MAX} are repeated for.` };
  return { items: list };
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return `${text.length > 100 ? `${text.slice(0, 97)}...` : text} (${kindOf(value)})`;
}

export interface Selector {
  readonly pick: ForEachPick;
  readonly bodyStep: string;
  readonly path: readonly PathPart[];
}

/** What each iteration gave, by body step; absent for steps that did not succeed. */
export type IterationOutput = { [bodyStep: string]: JsonObject };

/** The iteration whose field is greatest or smallest, the first of equal ones. */
export function selectIteration(
  { pick, bodyStep, path }: Selector,
  outputs: readonly IterationOutput[],
): { readonly index: number } | { readonly problem: string } {
  let best: { index: number; value: number } | undefined;
  for (const [index, output] of outputs.entries()) {
    const found = follow(output[bodyStep] ?? null, path);
    const where = `IterationOutput.${bodyStep}.${formatPath(path)} of item ${index}`;
    if (found.missing !== undefined) return { problem: `The Selector finds no ${where}: ${found.missing}.` };
    const value = typeof found.value === 'string' && found.value.trim() !== '' ? Number(found.value) : found.value;
    if (typeof value !== 'number' || Number.isNaN(value)) {
      return { problem: `The Selector compares numbers, but ${where} is ${shown(found.value)}.` };
    }
    const isBetter = best === undefined || (pick === 'MaxBy' ? value > best.value : value < best.value);
    if (isBetter) best = { index, value };
  }
  return best ? { index: best.index } : { problem: 'The Selector has nothing to pick from: there is no item.' };
}

/** Counts of children as the step's metadata and properties tell them. */
export const countsOf = (items: number, { total, succeeded, failed, stopped }: Iterations): ForEachStepMetadata => ({
  InputItemCount: items,
  TotalStepCount: total,
  SucceededStepCount: succeeded,
  FailedStepCount: failed,
  StoppedStepCount: stopped,
});

/** Nothing of it runs and nothing of it will run any more. */
export function isOver({ total, running, succeeded, failed, stopped, blocked }: Iterations, stopping: boolean): boolean {
  return running === 0 && (stopping || succeeded + failed + stopped + blocked === total);
}

/** The document that a ForEach step's properties are paths into. */
export function propertiesOf(
  metadata: ForEachStepMetadata,
  outputs: readonly IterationOutput[],
  selected: JsonObject | undefined,
): JsonObject {
  const { Selector: _selector, ...counts } = metadata;
  return { ...(counts as JsonObject), IterationOutputs: outputs.slice(), ...(isJsonObject(selected) && { Selected: selected }) };
}
