import { type Graph, nth } from '../../../sdk/definition/index.ts';

/** What the execution that results are taken from knows of a step. */
export interface SourceStep {
  readonly status: string;
  /** Which branch a Condition took. */
  readonly outcome?: boolean;
}

export interface Selection {
  /** Steps that run. */
  readonly run: ReadonlySet<number>;
  /** Steps whose result is taken from the source execution, since a selected step waits for them. All others are left out. */
  readonly reuse: ReadonlySet<number>;
}

/** Which steps a selective execution concerns, without looking at its source. Names that no step bears are passed over. */
export function selectionOf(graph: Graph, names: readonly string[]): Selection {
  const run = new Set<number>();
  for (const name of names) {
    const index = graph.indexOf.get(name);
    if (index !== undefined) run.add(index);
  }
  const reuse = new Set<number>();
  for (const index of run) {
    for (const { on } of nth(graph.steps, index).dependencies) if (!run.has(on)) reuse.add(on);
    for (let at = nth(graph.steps, index).parent; at; at = nth(graph.steps, at.condition).parent) {
      if (!run.has(at.condition)) reuse.add(at.condition);
    }
  }
  return { run, reuse };
}

/** What is wrong with a selection in itself: unknown names, steps that others repeat, and steps between selected ones that are not selected. */
export function selectionProblems(graph: Graph, names: readonly string[]): string[] {
  const unknown = names.filter((name) => !graph.indexOf.has(name));
  if (unknown.length > 0) return [`There is no step ${unknown.map((name) => `'${name}'`).join(', ')} in the pipeline.`];
  const { run } = selectionOf(graph, names);
  const inside = [...run].flatMap((index) => {
    const { name, body } = nth(graph.steps, index);
    if (body === undefined) return [];
    const forEach = nth(graph.steps, body).name;
    return [`Step '${name}' is repeated by the ForEach step '${forEach}' and cannot be selected by itself. Select '${forEach}'.`];
  });
  if (inside.length > 0) return inside;
  const behind = reachable(graph.releases, graph, run, (index) => nth(graph.steps, index).closing);
  const before = reachable(graph.waitsFor, graph, run);
  const between = graph.steps.filter((_, index) => behind.has(index) && before.has(index) && !run.has(index));
  if (between.length === 0) return [];
  const missing = between.map(({ name }) => `'${name}'`).join(', ');
  return [`All steps on the paths between two selected steps have to be selected. Select ${missing} as well.`];
}

/** Vertices behind those of the steps; `also` names one more vertex where a step's paths begin. */
function reachable(
  next: readonly (readonly number[])[],
  graph: Graph,
  steps: ReadonlySet<number>,
  also: (step: number) => number | undefined = () => undefined,
): ReadonlySet<number> {
  const seen = new Set<number>();
  const open: number[] = [];
  for (const step of steps) {
    open.push(...nth(next, step));
    const other = also(step);
    if (other !== undefined) open.push(...nth(next, other));
  }
  for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
    if (seen.has(vertex) || vertex >= graph.vertexCount) continue;
    seen.add(vertex);
    open.push(...nth(next, vertex));
  }
  return seen;
}

/** What the source execution lacks for a selection: results that are not there, branches it did not take. */
export function sourceProblems(
  graph: Graph,
  { run, reuse }: Selection,
  sourceArn: string | undefined,
  source: ReadonlyMap<number, SourceStep>,
): string[] {
  if (reuse.size > 0 && sourceArn === undefined) {
    const needed = [...reuse].map((index) => `'${nth(graph.steps, index).name}'`).join(', ');
    const text = `The selected steps depend on steps that are not selected (${needed}), but no source execution is given`;
    return [`${text}. Give SourcePipelineExecutionArn, or select those steps as well.`];
  }
  const problems: string[] = [];
  for (const index of reuse) {
    const status = source.get(index)?.status;
    if (status === 'Succeeded') continue;
    const how = status === undefined ? 'did not run' : `is ${status}`;
    const text = `The selected steps need the result of step '${nth(graph.steps, index).name}', which ${how} in ${sourceArn}`;
    problems.push(`${text}. Select it as well, or give an execution in which it succeeded.`);
  }
  for (const index of run) {
    const { name, parent } = nth(graph.steps, index);
    if (!parent || !reuse.has(parent.condition)) continue;
    const outcome = source.get(parent.condition)?.outcome;
    if (outcome === undefined || (parent.branch === 'If') === outcome) continue;
    const condition = nth(graph.steps, parent.condition).name;
    const text = `Step '${name}' stands on the branch of Condition '${condition}' that ${sourceArn} did not take`;
    problems.push(`${text}. Select '${condition}' as well.`);
  }
  return problems;
}
