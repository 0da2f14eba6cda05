import { type Graph, nth } from '../../../sdk/definition/index.ts';
import type { Selection } from './decide-selection.ts';

/**
 * How far an execution is, as counts per vertex of its graph: a discardable projection, rebuilt from the step rows in O(n). What a step
 * costs does not grow with the graph: settling one touches only the vertices it releases.
 */
export interface Progress {
  readonly graph: Graph;
  readonly course: Course;
  readonly vertices: Uint8Array;
  /** Predecessors each vertex still waits for. */
  readonly pending: Int32Array;
  /** Steps that need a job and may start, in the order they became ready. */
  readonly ready: Queue;
  /** Steps that may be decided without a job (Condition, Fail, those whose result may be there already): they take no slot. */
  readonly instant: Queue;
  readonly active: Set<number>;
  readonly outcomes: Map<number, boolean>;
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
/** No part of a selective execution: nothing waits for it. */
const LEFT_OUT = 6;

/** What an execution does otherwise than by its graph alone. */
export interface Course {
  /** Of a selective execution. */
  readonly selection?: Selection;
  /** Whether to look first for a result that is there already. */
  looksUp(step: number): boolean;
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
  };
  if (course.selection) leaveOut(progress, course.selection);
  for (let vertex = 0; vertex < graph.vertexCount; vertex++) {
    if (progress.pending[vertex] === 0 && progress.vertices[vertex] === WAITING) makeReady(progress, vertex);
  }
  return progress;
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
}

/** The step succeeded; `outcome` is the branch a Condition took. */
export function succeed(progress: Progress, step: number, outcome?: boolean): void {
  progress.active.delete(step);
  if (outcome !== undefined) progress.outcomes.set(step, outcome);
  complete(progress, step);
}

/** The step failed or was stopped: nothing behind it will run. */
export function fail(progress: Progress, step: number): void {
  progress.active.delete(step);
  progress.vertices[step] = FAILED;
  for (const next of nth(progress.graph.releases, step)) block(progress, next);
}

/** Nothing runs and nothing can start. */
export function isExhausted(progress: Progress): boolean {
  const { active, ready, instant } = progress;
  return active.size === 0 && nextOf(progress, ready) === undefined && nextOf(progress, instant) === undefined;
}

function makeReady(progress: Progress, vertex: number): void {
  progress.vertices[vertex] = READY;
  const { type } = nth(progress.graph.steps, vertex);
  const isInstant = type === 'Condition' || type === 'Fail' || progress.course.looksUp(vertex);
  (isInstant ? progress.instant : progress.ready).steps.push(vertex);
}

/** There was no result to take: the step waits for its turn like others. */
export function needsWork(progress: Progress, step: number): void {
  progress.ready.steps.push(step);
}

/** Marks a vertex done and whatever follows from it: closing vertices complete by themselves, so this walks on without recursion. */
function complete(progress: Progress, start: number): void {
  const { graph, vertices } = progress;
  const done = [start];
  for (let vertex = done.pop(); vertex !== undefined; vertex = done.pop()) {
    vertices[vertex] = SUCCEEDED;
    for (const next of nth(graph.releases, vertex)) {
      if (vertices[next] === LEFT_OUT) continue;
      const ready = placeOf(progress, vertex, next) === 'untaken' ? skip(progress, next) : release(progress, vertex, next);
      if (ready !== undefined) done.push(ready);
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

function release(progress: Progress, vertex: number, next: number): number | undefined {
  // A step of the taken branch may be blocked already, by what it depends on; only now is it known that this matters.
  if (placeOf(progress, vertex, next) === 'taken' && progress.vertices[next] === BLOCKED)
    block(progress, closingAround(progress, next));
  return lessPending(progress, next);
}

/** A step of the branch not taken is blocked, and is as good as done for the end of its Condition. */
function skip(progress: Progress, step: number): number | undefined {
  if (progress.vertices[step] !== BLOCKED) block(progress, step);
  return lessPending(progress, closingAround(progress, step));
}

/** Where step `next` stands to the Condition `vertex`, if directly in one of its branches and once its outcome is known. */
function placeOf(progress: Progress, vertex: number, next: number): 'taken' | 'untaken' | undefined {
  const parent = progress.graph.steps[next]?.parent;
  const outcome = progress.outcomes.get(vertex);
  if (parent?.condition !== vertex || outcome === undefined) return undefined;
  return (parent.branch === 'If') === outcome ? 'taken' : 'untaken';
}

/** The vertex that closes the Condition in which a step directly stands; -1, which no vertex is, for a step in no Condition. */
function closingAround(progress: Progress, step: number): number {
  const { steps } = progress.graph;
  const parent = steps[step]?.parent;
  return (parent && nth(steps, parent.condition).closing) ?? -1;
}

/**
 * Blocks a vertex and everything behind it. The end of a Condition is blocked by a step inside only when that step is on the branch taken;
 * before the outcome is known that is left open, for `release` or `skip` to settle.
 */
function block(progress: Progress, start: number): void {
  const { graph, vertices } = progress;
  const blocked = [start];
  for (let vertex = blocked.pop(); vertex !== undefined; vertex = blocked.pop()) {
    if (vertices[vertex] !== WAITING) continue;
    vertices[vertex] = BLOCKED;
    const step = nth(graph.stepOf, vertex);
    const around = closingAround(progress, step);
    for (const next of nth(graph.releases, vertex)) {
      if (next !== around || placeOf(progress, nth(graph.stepOf, around), step) === 'taken') blocked.push(next);
    }
  }
}
