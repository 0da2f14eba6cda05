import type { ForEachStepMetadata } from '../../contract/generated/sagemaker.ts';
import type { GraphStep, JsonObject, WorkStep } from '../../../sdk/definition/index.ts';
import { bodyOf, childName, isJsonObject, nth, parseReference, resolve } from '../../../sdk/definition/index.ts';
import type { Conclusion, Evaluation } from './decide-execution.ts';
import {
  type IterationOutput,
  propertiesOf,
  readItems,
  selectIteration,
  type Selector,
  tooManyChildren,
} from './decide-for-each.ts';
import { type ExecutionRun, scopeOf } from './run.ts';

/** The items of a ForEach step, or the files it takes to know them. */
export function evaluateItems(run: ExecutionRun, { step }: GraphStep, index: number, nowMs: number): Evaluation {
  const { IterableItems = null, MaxConcurrency } = (step as WorkStep).Arguments;
  const { value, files, problem } = resolve(IterableItems, scopeOf(run, run.files, { index }, nowMs));
  if (problem !== undefined) return { problem: `ClientError: ${problem}` };
  if (files) return { files };
  const read = readItems(value);
  if ('problem' in read) return { problem: `ClientError: ${read.problem}` };
  const { graph, iterations } = run.progress;
  const many = iterations.has(index)
    ? undefined // its children are there since an earlier try
    : tooManyChildren(graph.steps.length, bodyOf(graph, index).length, read.items.length);
  if (many !== undefined) return { problem: `ClientError: ${many}.` };
  return { ...read, concurrency: Number(MaxConcurrency) };
}

/** What the children of a ForEach step gave, as later steps read it; from here on they can. */
export function conclude(run: ExecutionRun, index: number, counts: ForEachStepMetadata): Conclusion {
  const { graph } = run.progress;
  const { name, step } = nth(graph.steps, index);
  const bodySteps = bodyOf(graph, index).map((of) => nth(graph.steps, of).name);
  const outputs = Array.from({ length: counts.InputItemCount ?? 0 }, (_, number): IterationOutput => {
    const given = bodySteps.flatMap((bodyStep) => {
      const document = run.documents.get(childName(bodyStep, number));
      return document ? [[bodyStep, document] as const] : [];
    });
    return Object.fromEntries(given);
  });
  const selector = counts.Status === 'Succeeded' ? selectorOf((step as WorkStep).Arguments) : undefined;
  const selected = selector && selectIteration(selector, outputs);
  const problem = selected && 'problem' in selected ? selected.problem : undefined;
  const chosen = selected && 'index' in selected ? selected.index : undefined;
  const document = selector && chosen !== undefined ? outputs[chosen]?.[selector.bodyStep] : undefined;
  const told = problem === undefined ? counts : { ...counts, Status: 'Failed' as const };
  const isRead = run.compiled.referenced.has(index);
  const properties = propertiesOf(told, isRead ? outputs : [], isRead ? document : undefined);
  if (isRead) run.documents.set(name, properties);
  return {
    properties,
    ...(selector && chosen !== undefined && { selector: { StepName: childName(selector.bodyStep, chosen), Index: chosen } }),
    ...(problem !== undefined && { problem }),
  };
}

function selectorOf(given: JsonObject): Selector | undefined {
  const selector = given['Selector'];
  const field = isJsonObject(selector) ? selector['Field'] : undefined;
  const reference = isJsonObject(field) ? parseReference(String(field['Get'])).value : undefined;
  if (!isJsonObject(selector) || reference?.kind !== 'iteration') return undefined;
  return { pick: selector['Pick'] as Selector['pick'], bodyStep: reference.step, path: reference.path };
}
