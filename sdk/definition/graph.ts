import type { Dependency, DependencyTrigger, Json, JsonObject, PipelineDefinition, Step, StepType } from './language.ts';
import { isJsonObject } from './language.ts';
import { referencedSteps } from './references.ts';
import { nth } from './nth.ts';

export type Branch = 'If' | 'Else';

/** One step of a pipeline, at its position in document order (a Condition stands before the steps nested in it). */
export interface GraphStep {
  readonly name: string;
  readonly type: StepType;
  readonly step: Step;
  /** The Condition this step is nested in, and the branch. */
  readonly parent?: { readonly condition: number; readonly branch: Branch };
  /** Of a step that a ForEach step repeats: that step. It never runs itself; its children do. */
  readonly body?: number;
  /** Of a child that a ForEach step made while it runs. */
  readonly iteration?: Iteration;
  /** Of a Condition: the vertex that is done when its taken branch is done. Who depends on a Condition waits for this vertex. */
  readonly closing?: number;
  readonly ifSteps: readonly number[];
  readonly elseSteps: readonly number[];
  /** Steps this one names: by DependsOn, by reading their properties or their property files. Not the Condition that contains it. */
  readonly dependencies: readonly Edge[];
}

/** A child of a ForEach step: for which item, and which step of its body. */
export interface Iteration {
  readonly forEach: number;
  readonly number: number;
  readonly of: number;
}

export interface Edge {
  readonly on: number;
  /** Whether the step reads properties or property files of the other, or only waits for it. */
  readonly reads: boolean;
  readonly trigger: DependencyTrigger;
}

/**
 * What must be done before what. Vertices 0 to steps.length-1 are the steps; each Condition has one more, its closing vertex, which waits
 * for the Condition and for every step directly in its branches. The direct steps of a branch wait for their Condition.
 */
export interface Graph {
  readonly steps: readonly GraphStep[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly vertexCount: number;
  /** Step of each vertex: itself, or the Condition it closes. */
  readonly stepOf: readonly number[];
  readonly waitsFor: readonly (readonly number[])[];
  readonly releases: readonly (readonly number[])[];
  /** Who waits, by whom it waits for, where that is not the step's completion. */
  readonly triggers: ReadonlyMap<number, ReadonlyMap<number, DependencyTrigger>>;
}

/** A step in document order with the position of the step it is nested in. */
export interface FlatStep {
  step: Step;
  parent?: number;
}

/** The steps of a checked definition in document order, nested ones after the Condition that contains them. */
export function flattenSteps(definition: PipelineDefinition): FlatStep[] {
  const flat: FlatStep[] = [];
  const add = (steps: readonly Step[] | null | undefined, parent?: number) => {
    for (const step of steps ?? []) {
      const index = flat.length;
      flat.push({ step, parent });
      if (step.Type === 'Condition') {
        add(step.Arguments.IfSteps, index);
        add(step.Arguments.ElseSteps, index);
      } else if (step.Type === 'ForEach') add(step.Arguments['ForEachBody'] as unknown as Step[], index);
    }
  };
  add(definition.Steps);
  return flat;
}

export function buildGraph(definition: PipelineDefinition): Graph {
  return graphOf(flattenSteps(definition));
}

/** Builds the graph; names that no step has are passed over (checking reports them), and of several steps with one name the first counts. */
export function graphOf(flat: readonly FlatStep[]): Graph {
  const indexOf = new Map<string, number>();
  for (const [index, { step }] of flat.entries()) if (!indexOf.has(step.Name)) indexOf.set(step.Name, index);
  const stepOf = flat.map((_, index) => index);
  const steps = flat.map(({ step, parent }, index): GraphStep => {
    const isCondition = step.Type === 'Condition';
    if (isCondition) stepOf.push(index);
    const around = parent === undefined ? undefined : nth(flat, parent).step;
    const isBody = around?.Type === 'ForEach';
    return {
      name: step.Name,
      type: step.Type,
      step,
      parent: parent === undefined || !around || isBody ? undefined : { condition: parent, branch: branchOf(around, step) },
      ...(isBody && { body: parent }),
      closing: isCondition ? stepOf.length - 1 : undefined,
      ifSteps: [],
      elseSteps: [],
      dependencies: edgesOf(step, indexOf),
    };
  });
  for (const [index, step] of steps.entries()) {
    if (!step.parent) continue;
    const parent = nth(steps, step.parent.condition);
    ((step.parent.branch === 'If' ? parent.ifSteps : parent.elseSteps) as number[]).push(index);
  }
  liftDependencies(steps);
  return { steps, indexOf, vertexCount: stepOf.length, stepOf, ...connect(steps, stepOf.length) };
}

/** What the steps of a ForEach's body wait for outside of it, the ForEach waits for: its iterations begin together. */
function liftDependencies(steps: GraphStep[]): void {
  for (const [index, { body, dependencies, ...rest }] of steps.entries()) {
    if (body === undefined) continue;
    const holder = nth(steps, body);
    const isInside = ({ on }: Edge) => on === body || nth(steps, on).body === body;
    const lifted = dependencies.filter((edge) => !isInside(edge));
    steps[body] = { ...holder, dependencies: [...holder.dependencies, ...lifted] };
    steps[index] = { ...rest, body, dependencies: dependencies.filter(isInside) };
  }
}

function connect(steps: readonly GraphStep[], vertexCount: number): Pick<Graph, 'waitsFor' | 'releases' | 'triggers'> {
  const triggers = new Map<number, Map<number, DependencyTrigger>>();
  const waitsFor: number[][] = Array.from({ length: vertexCount }, () => []);
  const releases: number[][] = Array.from({ length: vertexCount }, () => []);
  const order = (before: number, after: number) => {
    nth(waitsFor, after).push(before);
    nth(releases, before).push(after);
  };
  const doneVertex = (index: number) => nth(steps, index).closing ?? index;
  for (const [index, step] of steps.entries()) {
    for (const [on, trigger] of awaited(step.dependencies)) {
      // only who waits for its completion waits for the branch of a Condition, too
      const before = trigger === 'Completed' ? doneVertex(on) : on;
      order(before, index);
      if (trigger !== 'Completed') triggers.set(before, (triggers.get(before) ?? new Map()).set(index, trigger));
    }
    if (step.closing !== undefined) order(index, step.closing);
    if (!step.parent) continue;
    order(step.parent.condition, index);
    const end = nth(steps, step.parent.condition).closing;
    if (end !== undefined) order(doneVertex(index), end);
  }
  return { waitsFor, releases, triggers };
}

/** One edge per step waited for. `Any` gives way to what says more; two that exclude each other are refused by the checker. */
export function awaited(dependencies: readonly Edge[], conflict?: (on: number) => void): Map<number, DependencyTrigger> {
  const awaits = new Map<number, DependencyTrigger>();
  for (const { on, trigger } of dependencies) {
    const known = awaits.get(on);
    if (known === undefined || known === 'Any') awaits.set(on, trigger);
    else if (trigger !== 'Any' && trigger !== known) conflict?.(on);
  }
  return awaits;
}

function branchOf(parent: Step, child: Step): Branch {
  if (parent.Type !== 'Condition') return 'If';
  const otherwise = (parent.Arguments as { ElseSteps?: unknown } | null)?.ElseSteps;
  return Array.isArray(otherwise) && otherwise.includes(child) ? 'Else' : 'If';
}

function edgesOf(step: Step, indexOf: ReadonlyMap<string, number>): Edge[] {
  const edges: Edge[] = [];
  const read = new Set<string>();
  referencedSteps(expressionsOf(step), read);
  for (const dependency of Array.isArray(step.DependsOn) ? step.DependsOn : []) {
    const { name, trigger } = readDependency(dependency);
    const on = indexOf.get(name);
    if (on !== undefined) edges.push({ on, reads: read.delete(name), trigger });
  }
  for (const name of read) {
    const on = indexOf.get(name);
    if (on !== undefined) edges.push({ on, reads: true, trigger: 'Completed' });
  }
  for (const name of step.Type === 'Cleanup' ? cleanupSources(step) : []) {
    const on = indexOf.get(name);
    if (on !== undefined && !edges.some((edge) => edge.on === on)) edges.push({ on, reads: false, trigger: 'Completed' });
  }
  return edges;
}

export function readDependency(dependency: Dependency): { name: string; trigger: DependencyTrigger } {
  if (typeof dependency === 'string') return { name: dependency, trigger: 'Completed' };
  return { name: dependency?.Step, trigger: dependency?.Trigger ?? 'Completed' };
}

/** The steps whose outputs a Cleanup step deletes: it waits for them also where DependsOn does not name them. */
function cleanupSources(step: Step): string[] {
  const resources = (step.Arguments as JsonObject | null)?.['Resources'];
  const sources = isJsonObject(resources) ? resources['S3'] : undefined;
  return (Array.isArray(sources) ? sources : []).flatMap((source) => (isJsonObject(source) ? [String(source['StepName'])] : []));
}

const NEVER_EXPRESSIONS = new Set([
  'Name',
  'Type',
  'DependsOn',
  'DisplayName',
  'Description',
  'CacheConfig',
  'RetryPolicies',
  'PropertyFiles',
]);
const NESTED_STEPS = new Set(['IfSteps', 'ElseSteps', 'ForEachBody']);

/** The part of a step in which expressions may stand: its arguments without nested steps, and the extra keys of its type. */
export function expressionsOf(step: Step): JsonObject {
  const own: JsonObject = {};
  const holdsSteps = step.Type === 'Condition' || step.Type === 'ForEach';
  for (const [key, value] of Object.entries(step as unknown as JsonObject)) {
    if (NEVER_EXPRESSIONS.has(key)) continue;
    own[key] = key === 'Arguments' && holdsSteps ? withoutSteps(value) : value;
  }
  return own;
}

function withoutSteps(value: Json): Json {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !NESTED_STEPS.has(key)));
}

/** Most cycles reported at once; each further one is likely a part of these. */
const MOST_CYCLES = 10;

/** The cycles of the graph as lists of step positions, each in the order "must run before". Empty for a graph that can run. */
export function findCycles(graph: Graph): number[][] {
  const cycles: number[][] = [];
  const state = new Uint8Array(graph.vertexCount); // 0 unseen, 1 on the path, 2 done
  const cursor = new Uint32Array(graph.vertexCount);
  for (let start = 0; start < graph.vertexCount && cycles.length < MOST_CYCLES; start++) {
    if (state[start] !== 0) continue;
    const path = [start];
    state[start] = 1;
    while (path.length > 0 && cycles.length < MOST_CYCLES) {
      const vertex = nth(path, path.length - 1);
      const next: number | undefined = nth(graph.releases, vertex)[nth(cursor, vertex)];
      cursor[vertex] = nth(cursor, vertex) + 1;
      if (next === undefined) {
        state[vertex] = 2;
        path.pop();
      } else if (state[next] === 0) {
        state[next] = 1;
        path.push(next);
      } else if (state[next] === 1) {
        cycles.push(namedCycle(graph, path.slice(path.indexOf(next))));
      }
    }
  }
  return cycles;
}

/** A Condition and its closing vertex are one step to the reader. */
function namedCycle(graph: Graph, vertices: readonly number[]): number[] {
  const steps = vertices.map((vertex) => nth(graph.stepOf, vertex));
  return steps.filter((step, index) => step !== steps[(index + 1) % steps.length] || steps.length === 1);
}
