import { type DependencyTrigger, expandForEach, type Graph, nth } from '../../../sdk/definition/index.ts';
import type { Selection } from './decide-selection.ts';

/**
 * How far an execution is, as counts per vertex of its graph: a discardable projection, rebuilt from the step rows in O(n). What a step
 * costs does not grow with the graph: settling one touches only the vertices it releases.
 */
export interface Progress {
  /** Grows, with the two below, by the children of ForEach steps. */
  graph: Graph;
  readonly course: Course;
  vertices: Uint8Array;
  /** Predecessors each vertex still waits for. */
  pending: Int32Array;
  /** Steps that need a job and may start, in the order they became ready. */
  readonly ready: Queue;
  /** Steps that may be decided without a job (Condition, Fail, those whose result may be there already): they take no slot. */
  readonly instant: Queue;
  readonly active: Set<number>;
  readonly outcomes: Map<number, boolean>;
  /** Vertices that run only if something failed or was stopped, or are behind such a step. */
  optional: ReadonlySet<number>;
  /** Of the ForEach steps whose items are known. */
  readonly iterations: Map<number, Iterations>;
}

/** How far the children of a ForEach step are. */
export interface Iterations {
  /** The first of them; the others follow. */
  readonly base: number;
  readonly total: number;
  /** Those that may start, within the step's own limit. */
  readonly ready: Queue;
  running: number;
  succeeded: number;
  failed: number;
  stopped: number;
  /** Behind one that failed or was stopped. */
  blocked: number;
}

/** Every step enters once, so what was taken is not worth removing. */
export interface Queue {
  readonly steps: number[];
  head: number;
}

const WAITING = 0;
const READY = 1;
const ACTIVE = 2;
const SUCCEEDED = 3;
const FAILED = 4;
/** Will never run: on the branch not taken, or behind such a step, or behind one that failed. */
const BLOCKED = 5;
/** No part of a selective execution, or repeated by a ForEach step: nothing waits for it. */
const LEFT_OUT = 6;
/** Like BLOCKED, but of an optional step: as good as done for the end of the Condition around it. */
const DISMISSED = 7;

/** What an execution does otherwise than by its graph alone. */
export interface Course {
  /** Of a selective execution. */
  readonly selection?: Selection;
  /** Whether to look first for a result that is there already. */
  looksUp(graph: Graph, step: number): boolean;
}

const ALL_STEPS: Course = { looksUp: () => false };

export function createProgress(graph: Graph, course: Course = ALL_STEPS): Progress {
  const progress: Progress = {
    graph,
    course,
    vertices: new Uint8Array(graph.vertexCount),
    pending: Int32Array.from(graph.waitsFor, (before) => before.length),
    ready: { steps: [], head: 0 },
    instant: { steps: [], head: 0 },
    active: new Set(),
    outcomes: new Map(),
    optional: optionalVertices(graph),
    iterations: new Map(),
  };
  if (course.selection) leaveOut(progress, course.selection);
  for (const [step, { body }] of graph.steps.entries()) if (body !== undefined) progress.vertices[step] = LEFT_OUT;
  for (let vertex = 0; vertex < graph.vertexCount; vertex++) {
    if (progress.pending[vertex] === 0 && progress.vertices[vertex] === WAITING) makeReady(progress, vertex);
  }
  return progress;
}

/** What waits for another end than success, and what is behind it; not the end of a Condition around it, which does without. */
function optionalVertices(graph: Graph): Set<number> {
  const optional = new Set<number>();
  const open = [...graph.triggers.values()].flatMap((after) => [...after.keys()]);
  for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
    if (optional.has(vertex)) continue;
    optional.add(vertex);
    const step = nth(graph.stepOf, vertex);
    for (const next of nth(graph.releases, vertex)) {
      const isInside = graph.steps[next]?.parent?.condition === vertex;
      if (next !== closingAround(graph, step) && !isInside) open.push(next);
    }
  }
  return optional;
}

/** Nothing waits for what is left out, and what is reused waits for nothing. */
function leaveOut(progress: Progress, { run, reuse }: Selection): void {
  const { graph, vertices, pending } = progress;
  const takesPart = (vertex: number) => run.has(nth(graph.stepOf, vertex)) || reuse.has(nth(graph.stepOf, vertex));
  for (let vertex = 0; vertex < graph.vertexCount; vertex++) {
    if (!takesPart(vertex)) vertices[vertex] = LEFT_OUT;
    const isReused = vertex < graph.steps.length && reuse.has(vertex);
    pending[vertex] = isReused ? 0 : nth(graph.waitsFor, vertex).filter(takesPart).length;
  }
}

/** The step at the head of a queue; begun ones are passed over. */
export function nextOf(progress: Progress, queue: Queue): number | undefined {
  while (queue.head < queue.steps.length && progress.vertices[nth(queue.steps, queue.head)] !== READY) queue.head++;
  return queue.steps[queue.head];
}

export function begin(progress: Progress, step: number): void {
  progress.vertices[step] = ACTIVE;
  progress.active.add(step);
  const around = iterationsAround(progress, step);
  if (around) around.running++;
}

/** The ForEach step and its siblings around a child. */
function iterationsAround(progress: Progress, step: number): Iterations | undefined {
  const forEach = progress.graph.steps[step]?.iteration?.forEach;
  return forEach === undefined ? undefined : progress.iterations.get(forEach);
}

/**
 * The items of a ForEach step are known: its children take their places in the graph. They wait until it is opened, so that the children of
 * an earlier try can be there before the step begins again.
 */
export function addIterations(progress: Progress, forEach: number, itemCount: number): Iterations {
  const steps = progress.graph.steps.length;
  const { graph, base, moved } = expandForEach(progress.graph, forEach, itemCount);
  const stretch = <A extends Uint8Array | Int32Array>(array: A, longer: A): A => {
    longer.set(array.subarray(0, steps));
    longer.set(array.subarray(steps), steps + moved);
    return longer;
  };
  progress.vertices = stretch(progress.vertices, new Uint8Array(graph.vertexCount));
  progress.pending = stretch(progress.pending, new Int32Array(graph.vertexCount));
  for (let child = base; child < base + moved; child++) progress.pending[child] = nth(graph.waitsFor, child).length + 1;
  progress.graph = graph;
  if (moved > 0) progress.optional = optionalVertices(graph); // closing vertices have moved
  const empty = { running: 0, succeeded: 0, failed: 0, stopped: 0, blocked: 0 };
  const iterations = { base, total: moved, ready: { steps: [], head: 0 }, ...empty };
  progress.iterations.set(forEach, iterations);
  return iterations;
}

/** The ForEach step has begun: its children may. */
export function openIterations(progress: Progress, forEach: number): void {
  const { base = 0, total = 0 } = progress.iterations.get(forEach) ?? {};
  for (let child = base; child < base + total; child++) lessPending(progress, child);
}

/** Steps under way that take a slot of the execution's parallelism: of a ForEach step only the children do. */
export function slotsTaken({ active, iterations }: Progress): number {
  let taken = active.size;
  for (const forEach of iterations.keys()) if (active.has(forEach)) taken--;
  return taken;
}

/** The step succeeded; `outcome` is the branch a Condition took. */
export function succeed(progress: Progress, step: number, outcome?: boolean): void {
  progress.active.delete(step);
  if (outcome !== undefined) progress.outcomes.set(step, outcome);
  const around = iterationsAround(progress, step);
  if (around) {
    around.running--;
    around.succeeded++;
  }
  complete(progress, step);
}

/**
 * The step failed or was stopped: nothing behind it will run but what is there for that. A step whose job somebody else stopped failed by
 * it, so `wasStopped` fires both triggers.
 */
export function fail(progress: Progress, step: number, end: { status: 'Failed' | 'Stopped'; wasStopped?: boolean }): void {
  progress.active.delete(step);
  progress.vertices[step] = FAILED;
  const around = iterationsAround(progress, step);
  if (around) {
    around.running--;
    if (end.status === 'Stopped') around.stopped++;
    else around.failed++;
  }
  for (const next of nth(progress.graph.releases, step)) {
    const trigger = triggerOf(progress, step, next);
    const wasStopped = trigger === 'Stopped' && end.wasStopped;
    if (trigger !== 'Completed' && (trigger === 'Any' || trigger === end.status || wasStopped)) lessPending(progress, next);
    else for (const closing of block(progress, next)) complete(progress, closing);
  }
}

const triggerOf = ({ graph }: Progress, before: number, after: number): DependencyTrigger =>
  graph.triggers.get(before)?.get(after) ?? 'Completed';

/** Whether somebody ran because of a step's failure, or would have for want of nothing else. */
export function isAnswered(progress: Progress, step: number): boolean {
  const forEach = progress.graph.steps[step]?.iteration?.forEach;
  if (forEach !== undefined && isAnswered(progress, forEach)) return true;
  const answers = (next: number) => triggerOf(progress, step, next) !== 'Completed' && ran(progress, next);
  return nth(progress.graph.releases, step).some(answers);
}

const ran = ({ vertices }: Progress, vertex: number): boolean => vertices[vertex] === SUCCEEDED || vertices[vertex] === FAILED;

/** Steps that failed or were stopped. */
export function failedSteps({ graph, vertices }: Progress): number[] {
  return graph.steps.flatMap((_, step) => (vertices[step] === FAILED ? [step] : []));
}

/** Nothing runs and nothing can start. */
export function isExhausted(progress: Progress): boolean {
  const { active, ready, instant } = progress;
  return active.size === 0 && nextOf(progress, ready) === undefined && nextOf(progress, instant) === undefined;
}

function makeReady(progress: Progress, vertex: number): void {
  progress.vertices[vertex] = READY;
  const { type } = nth(progress.graph.steps, vertex);
  const isInstant =
    type === 'Condition' || type === 'Fail' || type === 'ForEach' || progress.course.looksUp(progress.graph, vertex);
  (isInstant ? progress.instant : queueOf(progress, vertex)).steps.push(vertex);
}

const queueOf = (progress: Progress, step: number): Queue => iterationsAround(progress, step)?.ready ?? progress.ready;

/** There was no result to take: the step waits for its turn like others. */
export function needsWork(progress: Progress, step: number): void {
  queueOf(progress, step).steps.push(step);
}

/** Marks a vertex done and whatever follows from it: closing vertices complete by themselves, so this walks on without recursion. */
function complete(progress: Progress, start: number): void {
  const { graph, vertices } = progress;
  const done = [start];
  for (let vertex = done.pop(); vertex !== undefined; vertex = done.pop()) {
    vertices[vertex] = SUCCEEDED;
    for (const next of nth(graph.releases, vertex)) {
      if (vertices[next] === LEFT_OUT) continue;
      const trigger = triggerOf(progress, vertex, next);
      if (trigger === 'Failed' || trigger === 'Stopped') {
        done.push(...block(progress, next));
        continue;
      }
      done.push(...(placeOf(progress, vertex, next) === 'untaken' ? skip(progress, next) : release(progress, vertex, next)));
    }
  }
}

/** One predecessor fewer. Answers `vertex` when it is a closing vertex that is done thereby. */
function lessPending(progress: Progress, vertex: number): number | undefined {
  progress.pending[vertex] = nth(progress.pending, vertex) - 1;
  if (progress.pending[vertex] !== 0 || progress.vertices[vertex] !== WAITING) return undefined;
  if (vertex >= progress.graph.steps.length) return vertex;
  makeReady(progress, vertex);
  return undefined;
}

function release(progress: Progress, vertex: number, next: number): number[] {
  // A step of the taken branch may be blocked already, by what it depends on; only now is it known that this matters.
  const matters = placeOf(progress, vertex, next) === 'taken' && progress.vertices[next] === BLOCKED;
  const closed = matters ? block(progress, closingAround(progress.graph, next)) : [];
  const ready = lessPending(progress, next);
  return ready === undefined ? closed : [...closed, ready];
}

/** A step of the branch not taken is blocked, and is as good as done for the end of its Condition. */
function skip(progress: Progress, step: number): number[] {
  const closed = progress.vertices[step] === WAITING ? block(progress, step) : [];
  if (progress.vertices[step] === DISMISSED) return closed; // the end of the Condition knows
  const ready = lessPending(progress, closingAround(progress.graph, step));
  return ready === undefined ? closed : [...closed, ready];
}

/** Where step `next` stands to the Condition `vertex`, if directly in one of its branches and once its outcome is known. */
function placeOf(progress: Progress, vertex: number, next: number): 'taken' | 'untaken' | undefined {
  const parent = progress.graph.steps[next]?.parent;
  const outcome = progress.outcomes.get(vertex);
  if (parent?.condition !== vertex || outcome === undefined) return undefined;
  return (parent.branch === 'If') === outcome ? 'taken' : 'untaken';
}

/** The vertex that closes the Condition in which a step directly stands; -1, which no vertex is, for a step in no Condition. */
function closingAround({ steps }: Graph, step: number): number {
  const parent = steps[step]?.parent;
  return (parent && nth(steps, parent.condition).closing) ?? -1;
}

/**
 * Blocks a vertex and everything behind it. The end of a Condition is blocked by a step inside only when that step is on the branch taken;
 * before the outcome is known that is left open, for `release` or `skip` to settle. An optional step does not block it: answers the closing
 * vertices that are done thereby.
 */
function block(progress: Progress, start: number): number[] {
  const { graph, vertices, optional } = progress;
  const closed: number[] = [];
  const blocked = [start];
  for (let vertex = blocked.pop(); vertex !== undefined; vertex = blocked.pop()) {
    if (vertices[vertex] !== WAITING) continue;
    const step = nth(graph.stepOf, vertex);
    // the end of a Condition that ran is no longer optional
    const isOptional = optional.has(vertex) && (vertex === step || vertices[step] === DISMISSED);
    vertices[vertex] = isOptional ? DISMISSED : BLOCKED;
    const child = iterationsAround(progress, vertex);
    if (child) child.blocked++;
    const around = closingAround(graph, step);
    for (const next of nth(graph.releases, vertex)) {
      if (next === around && isOptional) {
        if (lessPending(progress, next) !== undefined) closed.push(next);
      } else if (next !== around || placeOf(progress, nth(graph.stepOf, around), step) === 'taken') blocked.push(next);
    }
  }
  return closed;
}
