import type { Graph, GraphStep } from './graph.ts';
import { nth } from './nth.ts';

/** What a child of a ForEach step is called. */
export const childName = (bodyStep: string, iteration: number): string => `${bodyStep}-${iteration}`;

export interface Expansion {
  readonly graph: Graph;
  /** Position of the first child; the others follow it, the steps of the body in their order for each item. */
  readonly base: number;
  /** By how much the closing vertices moved up: they stand behind all steps. */
  readonly moved: number;
}

/** The steps that a ForEach step repeats. */
export const bodyOf = (graph: Graph, forEach: number): number[] =>
  graph.steps.flatMap(({ body }, index) => (body === forEach ? [index] : []));

/**
 * The graph with the children of a ForEach step for so many items. Each child waits for its siblings of the same item as its body step says;
 * nothing waits for children but those.
 */
export function expandForEach(graph: Graph, forEach: number, itemCount: number): Expansion {
  const body = bodyOf(graph, forEach);
  const base = graph.steps.length;
  const moved = body.length * itemCount;
  const shift = (vertex: number) => (vertex < base ? vertex : vertex + moved);
  const steps: GraphStep[] = graph.steps.map((step) =>
    step.closing === undefined ? step : { ...step, closing: shift(step.closing) },
  );
  const waits: number[][] = [];
  const releases: number[][] = [];
  const triggers = new Map([...graph.triggers].map(([before, after]) => [shift(before), new Map(after)]));
  const childOf = (iteration: number, bodyStep: number) => base + iteration * body.length + body.indexOf(bodyStep);
  for (let number = 0; number < itemCount; number++) {
    for (const of of body) {
      const template = nth(graph.steps, of);
      const siblings = (vertices: readonly number[]) =>
        vertices.filter((vertex) => body.includes(vertex)).map((vertex) => childOf(number, vertex));
      const child = childOf(number, of);
      const { body: _body, ...rest } = template;
      const dependencies = template.dependencies.map((edge) => ({ ...edge, on: childOf(number, edge.on) }));
      steps.push({ ...rest, name: childName(template.name, number), iteration: { forEach, number, of }, dependencies });
      waits.push(siblings(nth(graph.waitsFor, of)));
      releases.push(siblings(nth(graph.releases, of)));
      const told = graph.triggers.get(of);
      if (told) triggers.set(child, new Map([...told].map(([after, trigger]) => [childOf(number, after), trigger])));
    }
  }
  const indexOf = new Map(graph.indexOf);
  for (let index = base; index < steps.length; index++) indexOf.set(nth(steps, index).name, index);
  const moveAll = (lists: readonly (readonly number[])[]) => lists.map((list) => list.map(shift));
  const spread = (lists: readonly (readonly number[])[], added: readonly number[][]) => {
    const kept = moveAll(lists);
    return [...kept.slice(0, base), ...added, ...kept.slice(base)];
  };
  return {
    base,
    moved,
    graph: {
      steps,
      indexOf,
      vertexCount: graph.vertexCount + moved,
      stepOf: [...steps.keys(), ...graph.stepOf.slice(base)],
      waitsFor: spread(graph.waitsFor, waits),
      releases: spread(graph.releases, releases),
      triggers,
    },
  };
}
